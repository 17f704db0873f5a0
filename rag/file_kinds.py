"""Kinds of files as people name them: pdf, sheet, slides, mail. Each is a set of suffixes."""

from __future__ import annotations

CODE_SUFFIXES = (
    "asm bash bat bib c cc cfg cjs clj cmake cmd conf cpp cs css cxx dart erl ex exs f90 go "
    "gradle graphql groovy h hh hpp hs ini java jl js jsx kt kts less lua mjs mk ml php pl pm "
    "properties proto ps1 py pyi r rb rs sass scala scss sh sql svelte swift tcl tf toml ts "
    "tsx vb vue yaml yml zsh"
)
_KINDS = {
    "pdf": "pdf",
    "word": "docx docm dotx doc odt rtf",
    "sheet": "xlsx xlsm xltx xlsb xls ods csv tsv",
    "slides": "pptx pptm ppsx potx ppt odp",
    "web": "html htm xhtml mht mhtml",
    "mail": "eml msg",
    "book": "epub",
    "text": "txt text log md markdown rst adoc org tex",
    "image": "png jpg jpeg tif tiff bmp webp",
    "data": "json jsonl ndjson xml csv tsv",
    "code": f"{CODE_SUFFIXES} ipynb",
    "subtitles": "srt vtt",
    "archive": "zip tar tgz tbz2 txz gz bz2 xz",
}
# Kind -> its suffixes, with their dots; one suffix may be of several kinds.
KINDS: dict[str, frozenset[str]] = {
    kind: frozenset(f".{suffix}" for suffix in suffixes.split())
    for kind, suffixes in _KINDS.items()
}
KNOWN_SUFFIXES = frozenset[str]().union(*KINDS.values())
UNREAD_SUFFIXES = frozenset({".doc", ".xls", ".ppt", ".xlsb"})  # known, and named with their cure
# Files that hold other files, which are addressed as `archive.zip!/folder/file.txt`.
CONTAINER_SUFFIXES = KINDS["archive"] | KINDS["mail"] | {".mht", ".mhtml"}
MEMBER_MARK = "!/"

_OTHER_NAMES = {
    "spreadsheet": "sheet",
    "excel": "sheet",
    "presentation": "slides",
    "slide": "slides",
    "powerpoint": "slides",
    "picture": "image",
    "email": "mail",
    "e-mail": "mail",
    "ebook": "book",
    "webpage": "web",
    "source": "code",
    "subtitle": "subtitles",
}


def suffixes_of(name: str) -> frozenset[str]:
    """The suffixes that a kind ("sheet", "Spreadsheets") or a suffix (".pdf", "tar.gz") means.

    Raises ValueError, with the kinds there are, if it is neither.
    """
    word = name.strip().casefold()
    for kind in (word, word.removesuffix("s")):  # ".text" starts with a dot, so is no kind
        kind = _OTHER_NAMES.get(kind, kind)
        if kind in KINDS:
            return KINDS[kind]
    dotted = f".{word.lstrip('.')}"
    if f".{dotted.rpartition('.')[2]}" in KNOWN_SUFFIXES:
        return frozenset([dotted])
    raise ValueError(
        f"{name!r} is no type of file that is read. Give a suffix such as .docx, or one of: "
        f"{', '.join(KINDS)}"
    )

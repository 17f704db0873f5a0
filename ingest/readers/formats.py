"""Which suffix means which format, and which function reads it."""

from __future__ import annotations

from pathlib import Path

from rag.file_kinds import CODE_SUFFIXES

# Suffix -> format.
FORMATS: dict[str, str] = {
    ".pdf": "pdf",
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"), "image"),
    ".docx": "docx",
    ".docm": "docx",
    ".dotx": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".ppsx": "pptx",
    ".potx": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xltx": "xlsx",
    ".xlsb": "xlsb",
    ".doc": "doc",
    ".xls": "xls",
    ".ppt": "ppt",
    ".odt": "odt",
    ".ods": "ods",
    ".odp": "odp",
    ".rtf": "rtf",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".epub": "epub",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".log": "text",
    ".rst": "markup",
    ".adoc": "markup",
    ".org": "markup",
    ".tex": "markup",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xml": "xml",
    ".eml": "eml",
    ".mht": "eml",
    ".mhtml": "eml",
    ".msg": "msg",
    ".ipynb": "ipynb",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".zip": "zip",
    ".tar": "tar",
    ".tgz": "tar",
    ".tbz2": "tar",
    ".txz": "tar",
    ".gz": "packed",
    ".bz2": "packed",
    ".xz": "packed",
    **{f".{suffix}": "code" for suffix in CODE_SUFFIXES.split()},
}

# Format -> module, function, and whether it takes ReadOptions. Imported when first needed.
READERS: dict[str, tuple[str, str, bool]] = {
    "pdf": ("pdf", "read_pdf", True),
    "image": ("ocr", "read_image", True),
    "docx": ("word", "read_docx", False),
    "pptx": ("slides", "read_pptx", False),
    "xlsx": ("sheets", "read_xlsx", False),
    "odt": ("opendocument", "read_odt", False),
    "ods": ("opendocument", "read_ods", False),
    "odp": ("opendocument", "read_odp", False),
    "rtf": ("rtf", "read_rtf", False),
    "html": ("html", "read_html", False),
    "epub": ("epub", "read_epub", False),
    "markdown": ("markdown", "read_markdown", False),
    "text": ("text", "read_text", False),
    "markup": ("markup", "read_markup", False),
    "code": ("source", "read_source", False),
    "csv": ("tables", "read_table", False),
    "tsv": ("tables", "read_table", False),
    "json": ("records", "read_json", False),
    "jsonl": ("records", "read_jsonl", False),
    "xml": ("xml_records", "read_xml", False),
    "ipynb": ("notebook", "read_notebook", False),
    "subtitles": ("subtitles", "read_subtitles", False),
    "eml": ("mail", "read_eml", True),
    "msg": ("mail", "read_msg", True),
    "zip": ("archive", "read_archive", True),
    "tar": ("archive", "read_archive", True),
    "packed": ("archive", "read_archive", True),
}
CONTAINERS = frozenset({"eml", "msg", "zip", "tar", "packed"})
ZIPPED = frozenset({"docx", "pptx", "xlsx", "epub", "odt", "ods", "odp"})

# Formats that are known and not read, with their cure.
LEGACY: dict[str, str] = {
    "doc": "the old Word format (before 2007) is not supported; save it as .docx",
    "xls": "the old Excel format (before 2007) is not supported; save it as .xlsx",
    "ppt": "the old PowerPoint format (before 2007) is not supported; save it as .pptx",
    "xlsb": "binary Excel workbooks are not supported; save it as .xlsx",
    "program": "a program, not a document; remove it from the folder",
}


def is_picture(path: Path) -> bool:
    """Whether a file takes seconds to read, by OCR."""
    return FORMATS.get(suffix_of(path)) == "image"


def suffix_of(path: Path) -> str:
    """The suffix in lower case, by which FORMATS is keyed."""
    return path.suffix.lower()

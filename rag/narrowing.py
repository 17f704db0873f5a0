"""The commands that narrow a conversation: `/only contracts/ pdf`, `/all`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from rag.errors import SearchError
from rag.file_kinds import suffixes_of
from rag.language import find_language
from rag.library import EVERYBODY, EVERYTHING, Asker, Library
from rag.where import Where

ONLY = ("/only", "/只查", "/只看")
ALL = ("/all", "/全部")
WORDS = {
    "en": {
        "nothing": "No document is left by: {what}. Widen it, or lift it with /all. The library"
        " shows what there is.",
        "unknown": "{word!r} is neither a folder, a type nor a document here. Folders end with a"
        " slash, as in /only contracts/; names may have stars, as in /only report*.",
    },
    "zh": {
        "nothing": "没有符合的文档：{what}。请放宽，或用 /全部 取消。资料库中列有全部文档。",
        "unknown": "“{word}”不是这里的文件夹、类型或文档。文件夹以斜杠结尾，如 /只查 合同/；"
        "名称可以用星号，如 /只查 报告*。",
    },
}


def is_narrowing(text: str) -> bool:
    """Whether a message is such a command and no question."""
    first = text.split(maxsplit=1)[:1]
    return bool(first) and first[0].casefold() in (*ONLY, *ALL)


def narrowing_of(
    text: str, library: Library, asker: Asker = EVERYBODY, language: str = "en"
) -> Where:
    """The filter that a command means; `/all`, and `/only` alone, let everything through.

    A word with a slash at its end is a folder, one with `*` or `?` a glob; then come types,
    languages, documents and, last, folders again. Raises SearchError that names the word that
    fits nothing, in the language, `en` or `zh`.
    """
    command, _, rest = text.strip().partition(" ")
    if command.casefold() in ALL or not rest.strip():
        return EVERYTHING
    found: dict[str, list[str]] = {}
    for word in _words(rest):
        kind = _kind_of(word, library, asker)
        if not kind:
            raise SearchError(WORDS[language]["unknown"].format(word=word))
        found.setdefault(kind, []).append(word.rstrip("/") if kind == "folders" else word)
    where = Where.from_json(found)
    if not library.has(where, asker):
        what = str(where) if language == "en" else "、".join(chips(where))
        raise SearchError(WORDS[language]["nothing"].format(what=what))
    return where


def _words(text: str) -> Sequence[str]:
    """Words apart at spaces and commas; quotes keep a name with spaces together."""
    lexer = shlex.shlex(text.replace("，", ",").replace("、", ","), posix=True)
    lexer.whitespace += ","
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    lexer.quotes = '"'
    try:
        return list(lexer)
    except ValueError:
        return text.replace('"', " ").split()


def _kind_of(word: str, library: Library, asker: Asker) -> str:
    """The criterion that a word belongs to; "" for none."""
    if word.endswith("/"):
        return "folders"
    if "*" in word or "?" in word:
        return "globs"
    if _is_type(word):
        return "types"
    if "." not in word and find_language(word) is not None:
        return "languages"
    if library.has(Where(documents=(word,)), asker):
        return "documents"
    if library.has(Where(folders=(word,)), asker):
        return "folders"
    return ""


def _is_type(word: str) -> bool:
    """`pdf`, `.pdf` or `sheets`; `offer.pdf` is a document, though it ends like a type."""
    if "/" in word or "." in word.lstrip("."):
        return False
    try:
        return bool(suffixes_of(word))
    except ValueError:
        return False


def chips(where: Where) -> list[str]:
    """What is shown of a filter: one short text each."""
    names = [PurePath(folder).name + "/" for folder in where.folders]
    names += [*where.globs, *where.types, *where.languages]
    return names + [PurePath(str(document)).name for document in where.documents]

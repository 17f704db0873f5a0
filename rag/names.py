"""The names that a statement claims: what must stand in a source as it is written."""

from __future__ import annotations

import re
from functools import lru_cache

from rag.language import detect_language
from rag.words import UNSPACED

UNSPACED_SHARE = (
    0.25  # of the letters: Chinese with some Latin names, not English with a Chinese one
)

_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[A-Za-z][A-Za-z\d_.+#-]*[A-Za-z\d+#]")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“(\[*`]|\d[.)])\s*$")


def names_in(statement: str) -> set[str]:
    """The names in a statement, in lower case and Latin script.

    In text without spaces between words every Latin word is one; elsewhere a word with a capital
    letter that does not begin a sentence. German, whose nouns all have one, gives none.
    """
    words = list(_WORD.finditer(statement))
    if is_unspaced(statement):
        return {found[0].casefold() for found in words}
    if detect_language(statement) == "de":
        return set()
    return {
        found[0].casefold()
        for found in words
        if any(sign.isupper() for sign in found[0])
        and not _SENTENCE_START.search(statement[: found.start()])
    }


def is_unspaced(text: str) -> bool:
    """Whether a text is written without spaces between words, some Latin names aside."""
    letters = len(_LETTER.findall(text))
    return len(_unspaced().findall(text)) > UNSPACED_SHARE * letters


@lru_cache(maxsize=1)
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{UNSPACED}]")

"""Where a quote that was copied by others stands in the text that we read of its document."""

from __future__ import annotations

import re
from functools import lru_cache

MIN_LETTERS = 20  # of a sentence that is looked for alone; shorter ones stand in many places

_TARGET = re.compile(r"(?<=\])\([^()\s]*(?:\s+\"[^\"\n]*\")?\)|<[^<>\n]{1,200}>")  # of links; tags
_PART = re.compile(r"(?<=[.!?:;])\s+|(?<=[。！？；])|\n|\.\.\.|…|\s[-|]\s")


def find_quote(text: str, quote: str) -> list[tuple[int, int]]:
    """Every place of a quote, as half-open spans; failing that, the places of its sentences.

    Letters and digits alone count, and their case does not: who quotes leaves out the marks, the
    targets of links and the bars of tables, or has left them in.
    """
    if whole := _places(text, _letters(quote)[0]):
        return whole
    parts = (_letters(part)[0] for part in _PART.split(quote))
    return [span for part in parts if len(part) >= MIN_LETTERS for span in _places(text, part)]


def _places(text: str, wanted: str) -> list[tuple[int, int]]:
    """Where letters stand one after another, whatever is between them, as whole words."""
    letters, positions = _letters(text)
    found, start = [], 0
    while wanted and (start := letters.find(wanted, start)) >= 0:
        first, last = positions[start], positions[start + len(wanted) - 1]
        if _is_edge(text, first) and _is_edge(text, last + 1):
            found.append((first, last + 1))
        start += 1
    return found


def _is_edge(text: str, at: int) -> bool:
    """Whether no Latin word or number goes on across a place."""
    return not re.match(r"[a-zA-Z0-9]{2}", text[at - 1 : at + 1]) if at else True


@lru_cache(maxsize=64)
def _letters(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text, folded to one character each, and their offsets."""
    blank = _TARGET.sub(lambda found: " " * len(found[0]), text)
    kept = [(sign.casefold()[0], at) for at, sign in enumerate(blank) if sign.isalnum()]
    return "".join(sign for sign, _ in kept), [at for _, at in kept]

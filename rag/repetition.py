"""Stops a model that has begun to repeat itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator
from contextlib import closing

MIN_CHARACTERS = 15  # of a sentence that is not said twice by chance
MAX_VARIANTS = 8  # of a sentence with another number in it: a model that counts on and on
MAX_WIDE_VARIANTS = 40  # with several numbers in it: the rows of a list

_END = re.compile(r"[。！？!?\n]|\.(?=\s)")
_MARKER = re.compile(r"[\[【［]\^?\d[\d\s,，、;；^–-]*[\]】］]")
_LIST_NUMBER = re.compile(r"^\W*\d{1,3}[.)、．]\s*")
_SIGNS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def until_repeated(pieces: Generator[str, None, None]) -> Generator[str, None, None]:
    """The pieces, up to the one that completes a sentence which was said before.

    Numbers of lists and citations do not count. The same words with other figures say something
    new, but not for ever.
    """
    said: set[str] = set()
    variants: Counter[str] = Counter()
    held = ""
    with closing(pieces):
        for piece in pieces:
            yield piece
            *complete, held = _END.split(held + piece)
            for sentence in complete:
                body = _LIST_NUMBER.sub("", _MARKER.sub("", sentence)).casefold()
                whole = _SIGNS.sub("", _NUMBER.sub(_apart, body))
                words = _SIGNS.sub("", _NUMBER.sub("", body))
                variants[words] += 1
                limit = MAX_VARIANTS if len(_NUMBER.findall(body)) < 2 else MAX_WIDE_VARIANTS
                if len(words) >= MIN_CHARACTERS and (whole in said or variants[words] > limit):
                    return
                said.add(whole)


def _apart(number: re.Match[str]) -> str:
    """So that 1.5 is not 15, nor 1 and 5."""
    return f"x{number[0].replace('.', 'p').replace(',', 'c')}x"

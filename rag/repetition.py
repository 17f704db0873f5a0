"""Stops a model that has begun to repeat itself."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing

MIN_CHARACTERS = 15  # of a sentence that is not said twice by chance

_END = re.compile(r"[。！？!?\n]|\.(?=\s)")
_SIGNS = re.compile(r"[\W\d_]+")


def until_repeated(pieces: Generator[str, None, None]) -> Generator[str, None, None]:
    """The pieces, up to the one that completes a sentence which was said before.

    Letters alone count: a list that says the same under other numbers is a repetition too.
    """
    said: set[str] = set()
    held = ""
    with closing(pieces):
        for piece in pieces:
            yield piece
            *complete, held = _END.split(held + piece)
            for sentence in complete:
                letters = _SIGNS.sub("", sentence).casefold()
                if len(letters) >= MIN_CHARACTERS and letters in said:
                    return
                said.add(letters)

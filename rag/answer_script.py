"""Tells from its beginning that an answer is in another script than its language."""

from __future__ import annotations

import re

from rag.names import is_unspaced

CERTAIN_CHARACTERS = 24  # by then an answer's script shows
UNSPACED_LANGUAGES = ("zh", "ja", "ko", "th", "lo", "my", "km")  # or syllable by syllable
MIN_LETTERS = 4  # fewer may be a name or a unit

_SENTENCE = re.compile(r"[!?。！？\n\[【]|\.\s")


def shows_script(opening: str) -> bool:
    """Whether the beginning of an answer is long enough to tell, or holds a whole sentence."""
    return len(opening) >= CERTAIN_CHARACTERS or bool(_SENTENCE.search(opening))


def is_other_script(opening: str, language: str) -> bool:
    """Whether words are parted by spaces in one of the two and not in the other."""
    if sum(map(str.isalpha, opening)) < MIN_LETTERS:
        return False
    return is_unspaced(opening) != (language in UNSPACED_LANGUAGES)

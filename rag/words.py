"""The words of a text in any script, as the word index and the support check count them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

MAX_TOKEN_CHARS = 64  # longer ones are encoded data, not words

# Scripts written without spaces between words, as the inside of a character class: Thai, Lao,
# Myanmar, Khmer, Hangul, kana, Han.
UNSPACED = (
    "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1780-\u17d3"
    "\u1100-\u11ff\u3131-\u318e\uac00-\ud7ff"
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff\ufffe]")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:[-_.@:/][a-z0-9]+)*")
_SEPARATOR = re.compile(r"[-_.@:/]")


def tokenize(text: str) -> list[str]:
    """The tokens of a text, for indexing and for queries alike.

    Compatibility forms and case are folded. Unspaced scripts give character bigrams (a single
    character where a run has one); an identifier such as ERR-4012 gives itself, then its parts.
    """
    if text.isascii():  # the same rules, three times as fast
        return list(_with_parts(_ASCII_WORD.findall(text.lower())))
    folded = INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    tokens: list[str] = []
    for run, word in _word_pattern().findall(unicodedata.normalize("NFKC", folded)):
        if run:
            tokens += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        else:
            tokens += _with_parts((word,))
    return tokens


def _with_parts(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield word[:MAX_TOKEN_CHARS]
        if not word.isalnum():
            parts = [part for part in _SEPARATOR.split(word) if part]
            if len(parts) > 1:
                yield from (part[:MAX_TOKEN_CHARS] for part in parts)


@lru_cache(maxsize=1)
def _word_pattern() -> re.Pattern[str]:
    r"""Runs of unspaced scripts, and words. `\w` lacks the vowel signs of Indic scripts."""
    marks = "".join(
        chr(code) for code in range(0x0300, 0xFE30) if unicodedata.category(chr(code))[0] == "M"
    )
    letter = rf"(?:(?![{UNSPACED}_])[\w{re.escape(marks)}])"
    return re.compile(rf"([{UNSPACED}]+)|({letter}+(?:[-_.@:/]{letter}+)*)")

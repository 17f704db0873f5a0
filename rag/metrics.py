"""Measures of answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

NUMERALS = "零〇一二三四五六七八九十百千万亿"
_LETTER = "[a-z\u00df-\u024f]"
_EDGES = (  # a sign, and what may not stand before and after a fact that begins or ends with it
    ("[0-9]", r"(?<![\d.])", r"(?!\d|\.\d)"),
    (f"[{NUMERALS}]", f"(?<![{NUMERALS}])", f"(?![{NUMERALS}])"),
    (_LETTER, f"(?<!{_LETTER})", f"(?!(?!s(?!{_LETTER})){_LETTER})"),
)


def holds_facts(text: str, facts: Sequence[Sequence[str]]) -> bool:
    """Whether a text states every fact, each in one of its spellings.

    A number or a word counts only as a whole; an s may follow a word.
    """
    folded = _fold(text)
    return all(any(_holds(folded, _fold(one)) for one in spellings) for spellings in facts)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank); 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("**", "")
    folded = re.sub(r"(?<=\d)[,\u00a0\u202f ](?=\d{3}(?!\d))", "", folded)
    return " ".join(folded.split())


def _holds(text: str, fact: str) -> bool:
    before = "".join(look for sign, look, _ in _EDGES if re.match(sign, fact))
    after = "".join(look for sign, _, look in _EDGES if re.search(f"{sign}$", fact))
    return re.search(before + re.escape(fact) + after, text) is not None

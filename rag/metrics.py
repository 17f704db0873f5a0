"""Measures of answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence


def holds_facts(text: str, facts: Sequence[Sequence[str]]) -> bool:
    """Whether a text states every fact, each in one of its spellings; a number only as a whole."""
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
    before = r"(?<![\d.])" if fact[:1].isdigit() else ""
    after = r"(?!\d|\.\d)" if fact[-1:].isdigit() else ""
    return re.search(before + re.escape(fact) + after, text) is not None

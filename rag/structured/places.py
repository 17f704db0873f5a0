"""Where a value stands in the sources: the sentences and rows that hold it, however it is written.

`1200` stands in "1,200", "1.2 thousand", "一千二百" and "twelve hundred"; `2024-06-30` in "30 June
2024" and "2024年6月30日". What is an order to a model is no place: the model was not shown it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rag.dates import dates_in
from rag.injection import holds_order
from rag.literals import literal_pattern, normalized
from rag.numbers import plain_number, stated_numbers
from rag.quantities import quantities_in
from rag.sentences import ROW_START, split_sentences
from rag.types import Passage

MAX_SENTENCES = 6  # that one value may reach over
_WHOLE_NUMBER = re.compile(r"[-−–+]?\d+(?:[, ]\d{3})*")  # 1.10 may be a version
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_SEPARATOR = re.compile(r"(?<=\d)[, ](?=\d{3}(?!\d))")
_NEGATIVE = re.compile(r"(?<![\w)])[-−–][$€£¥]?(\d+(?:[, ]\d{3}(?!\d))*(?:\.\d+)?)|\((\d[\d,.]*)\)")
_WITH_SIGN = re.compile(r"(?<![\w)])[-−–][$€£¥]?\d[\d,.]*")
_SAID_NEGATIVE = re.compile(r"\b(?:minus|negative|below zero|loss|deficit)\b|负|零下|亏损")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|per\s?cent\b)")
_COMMA_DECIMAL = re.compile(r"(?<![\d,.])(\d{1,3}(?:\.\d{3})*|\d+),(\d{1,2})(?![\d,])")
_POINT_GROUPS = re.compile(r"(?<![\d,.])(\d{1,3}(?:\.\d{3})+)(?![\d.]|,\d)")


@dataclass(frozen=True, slots=True)
class Place:
    """`passage.text[start:end]` is a sentence or a table's row, or a few sentences in a row."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def is_row(self) -> bool:
        return self.text.startswith(ROW_START)

    @property
    def is_head(self) -> bool:
        """Whether it is the first row of its table, which names columns."""
        before = self.passage.text[: self.start].rstrip().rpartition("\n")[2]
        return self.is_row and not before.startswith(ROW_START[0])


class Places:
    """Looks values up in the passages of one answer. The places come best passage first."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._sentences = [
            [Place(p, a, b) for a, b in split_sentences(p.text) if not holds_order(p.text, a, b)]
            for p in passages
        ]
        self._every = [place for several in self._sentences for place in several]
        self._texts = {place: normalized(place.text) for place in self._every}

    def of_text(self, text: str) -> list[Place]:
        """Those that hold a text word by word; case, width and a number's separators are free."""
        wanted = normalized(text)
        if not wanted:
            return []
        pattern = _pattern(text)
        found = self._where(lambda place: pattern.search(self._texts[place]))
        if not found and _DATE.fullmatch(wanted):
            found = self._where(lambda place: _holds_date(place.text, wanted))
        if not found and _WHOLE_NUMBER.fullmatch(wanted):
            found = self.of_number(_decimal(wanted))
        if not found and any(map(str.isdigit, wanted)):
            plain = _pattern(_SEPARATOR.sub("", wanted))
            found = self._where(lambda place: plain.search(_SEPARATOR.sub("", self._texts[place])))
        return found or self._over_sentences(pattern)

    def of_number(self, number: float | Decimal) -> list[Place]:
        """Those that give a number, with its sign."""
        value = number if isinstance(number, Decimal) else Decimal(repr(number))
        found = self._where(lambda place: _holds_number(place.text, value))
        if not found and 0 < abs(value) <= 1:
            found = self._where(lambda place: _holds_percent(place.text, abs(value)))
        if not found and value > 0:
            found = self._where(lambda place: _holds_continental(place.text, value))
        return found

    def _where(self, holds: Callable[[Place], object]) -> list[Place]:
        return [place for place in self._every if holds(place)]

    def _over_sentences(self, pattern: re.Pattern[str]) -> list[Place]:
        """The shortest run of neighbouring sentences of a passage that holds the pattern."""
        for size in range(2, MAX_SENTENCES + 1):
            for several in self._sentences:
                for at in range(len(several) - size + 1):
                    first, last = several[at], several[at + size - 1]
                    whole = Place(first.passage, first.start, last.end)
                    is_clean = not holds_order(first.passage.text, first.start, last.end)
                    if is_clean and pattern.search(normalized(whole.text)):
                        return [whole]
        return []


def _pattern(text: str) -> re.Pattern[str]:
    """As whole words and whole numbers: 12 stands neither in 112 nor in 12.5."""
    wanted = normalized(text)
    before = r"(?<!\d[.,])" if wanted[:1].isdigit() else ""
    after = r"(?![.,]\d)" if wanted[-1:].isdigit() else ""
    return re.compile(before + literal_pattern(text).pattern + after)


def _decimal(number: str) -> Decimal:
    plain = re.sub(r"[,\s+]", "", unicodedata.normalize("NFKC", number))
    return Decimal(re.sub("[−–]", "-", plain))


def _holds_date(text: str, wanted: str) -> bool:
    """The date itself; of a month any day in it."""
    dates = dates_in(unicodedata.normalize("NFKC", text))
    return any(found == wanted or found.startswith(f"{wanted}-") for found in dates)


def _holds_number(text: str, value: Decimal) -> bool:
    folded = unicodedata.normalize("NFKC", text).casefold()
    wanted = plain_number(format(abs(value), "f"))
    if value < 0:
        signs = (one for pair in _NEGATIVE.findall(folded) for one in pair if one)
        if wanted in {plain_number(one.rstrip(".,")) for one in signs}:
            return True
        return bool(_SAID_NEGATIVE.search(folded)) and wanted in stated_numbers(folded)
    unsigned = _WITH_SIGN.sub(" ", folded)
    return wanted in stated_numbers(unsigned) or any(
        math.isclose(one.amount, value, rel_tol=1e-12) for one in quantities_in(unsigned)
    )


def _holds_percent(text: str, value: Decimal) -> bool:
    """0.12 where the text has 12 %."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return any(Decimal(one) == value * 100 for one in _PERCENT.findall(folded))


def _holds_continental(text: str, value: Decimal) -> bool:
    """1,5 and 1.200,50, as most of Europe writes."""
    folded = unicodedata.normalize("NFKC", text)
    found = {
        Decimal(f"{whole.replace('.', '')}.{fraction}")
        for whole, fraction in _COMMA_DECIMAL.findall(folded)
    }
    found |= {Decimal(whole.replace(".", "")) for whole in _POINT_GROUPS.findall(folded)}
    return value in found

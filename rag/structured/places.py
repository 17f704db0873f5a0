"""Where a value stands in the sources: the sentences and rows that hold it, however it is written.

`1200` stands in "1,200", "1.2 thousand", "一千二百" and "twelve hundred"; `2024-06-30` in "30 June
2024" and "2024年6月30日". What is an order to a model is no place: the model was not shown it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from rag.injection import holds_order
from rag.literals import literal_pattern, normalized
from rag.sentences import ROW_START, split_sentences
from rag.structured.spellings import CONTINENTAL, number_spellings, plain_decimal
from rag.types import Passage
from rag.written_dates import dates_in

MAX_SENTENCES = 6  # that one value may reach over
_WHOLE_NUMBER = re.compile(r"[-−–+]?\d+(?:[, ]\d{3})*")  # 1.10 may be a version
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
_SEPARATOR = re.compile(r"(?<=\d)[, ](?=\d{3}(?!\d))")


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
        self._texts = [[normalized(place.text) for place in several] for several in self._sentences]
        self._wholes = [normalized(passage.text) for passage in passages]

    def of_text(self, text: str) -> list[Place]:
        """Those that hold a text word by word; case, width and a number's separators are free."""
        wanted = normalized(text)
        if not wanted:
            return []
        found = self._literal(text)
        if not found and _DATE.fullmatch(wanted):
            found = [place for place in self._every if _holds_date(place.text, wanted)]
        if not found and _WHOLE_NUMBER.fullmatch(wanted):
            found = self.of_number(_decimal(wanted))
        if not found and any(map(str.isdigit, wanted)):
            found = self._without_separators(_SEPARATOR.sub("", wanted))
        return found or self._over_sentences(text)

    def of_number(self, number: float | Decimal) -> list[Place]:
        """Those that give a number, with its sign."""
        value = number if isinstance(number, Decimal) else Decimal(repr(number))
        sign, wanted = "-" if value < 0 else "", plain_decimal(abs(value))
        found = self._by_number.get(sign + wanted)
        if found is None and 0 < value <= 1:
            found = self._by_number.get(plain_decimal(value * 100) + "%")
        if found is None and value > 0:
            found = self._by_number.get(wanted + CONTINENTAL)
        return found or []

    @cached_property
    def _by_number(self) -> dict[str, list[Place]]:
        """The places by what `number_spellings` makes of their numbers."""
        found: dict[str, list[Place]] = {}
        for place in self._every:
            for spelling in number_spellings(place.text):
                found.setdefault(spelling, []).append(place)
        return found

    def _literal(self, text: str) -> list[Place]:
        pattern, probe = _pattern(text), _probe(text)
        return [
            place
            for several, texts, whole in zip(
                self._sentences, self._texts, self._wholes, strict=True
            )
            if probe in whole
            for place, said in zip(several, texts, strict=True)
            if probe in said and pattern.search(said)
        ]

    def _without_separators(self, wanted: str) -> list[Place]:
        pattern = _pattern(wanted)
        return [
            place for place, said in self._plain_texts if wanted in said and pattern.search(said)
        ]

    @cached_property
    def _plain_texts(self) -> list[tuple[Place, str]]:
        texts = (text for several in self._texts for text in several)
        return [
            (place, _SEPARATOR.sub("", text))
            for place, text in zip(self._every, texts, strict=True)
        ]

    def _over_sentences(self, text: str) -> list[Place]:
        """The shortest run of neighbouring sentences of a passage that holds the text."""
        pattern, probe = _pattern(text), _probe(text)
        holding = [
            several
            for several, whole in zip(self._sentences, self._wholes, strict=True)
            if probe in whole and pattern.search(whole)
        ]
        for size in range(2, MAX_SENTENCES + 1):
            for several in holding:
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


def _probe(text: str) -> str:
    """What every text holds that the pattern finds something in; looking for it is much faster."""
    return normalized(text).partition("§")[0]  # behind that sign there may be a space


def _decimal(number: str) -> Decimal:
    plain = re.sub(r"[,\s+]", "", unicodedata.normalize("NFKC", number))
    return Decimal(re.sub("[−–]", "-", plain))


def _holds_date(text: str, wanted: str) -> bool:
    """The date itself; of a month any day in it."""
    dates = dates_in(unicodedata.normalize("NFKC", text))
    return any(found == wanted or found.startswith(f"{wanted}-") for found in dates)

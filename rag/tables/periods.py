"""Times that a question names: days, months, quarters, halves and years.

A number is a time only where it is written as one: "four quarters" and "4 units" name no month.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
           "october", "november", "december")  # fmt: skip
_HAN = {sign: number for number, sign in enumerate("一二三四五六七八九十", 1)}
_HAN |= {"十一": 11, "十二": 12}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_ORDINALS |= {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4}

_E, _END = r"(?<![a-z\d.,-])", r"(?![a-z\d]|[.,]\d)"
_Y = r"(?P<y>(?:19|20)\d\d)"
_M = r"(?P<m>\d{1,2}|十[一二]?|[一二三四五六七八九])"
_D = r"(?P<d>\d{1,2})"
_NAMES = "|".join(month if len(month) < 5 else rf"{month[:3]}(?:{month[3:]})?" for month in _MONTHS)
_N = rf"(?P<n>{_NAMES})\.?"
_PLAIN_NAMES = "|".join(month for month in _MONTHS if month not in ("march", "may"))  # words too
_OF_YEAR = rf"(?:\s*(?:,|of|in)?\s*(?:the year\s+)?{_Y})?"
_YEAR_S = rf"(?:{_E}{_Y}\s*年?\s*的?\s*)?"
_TH = r"(?:st|nd|rd|th)?"
_UNITS = r"[a-z\d%]|\s*(?:[个元台件吨升]|km|kg|kwh|eur|usd)"  # after a number that is no year

# Of two that overlap the one that comes first here is meant.
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_E}{_Y}[-/.](?P<m>\d{{1,2}})[-/.]{_D}{_END}",
        rf"{_E}{_Y}\s*年\s*{_M}\s*月\s*{_D}\s*[日号]",
        rf"{_E}{_D}{_TH}\s+(?:of\s+)?{_N},?\s+{_Y}{_END}",
        rf"{_E}{_N}\s+{_D}{_TH},?\s+{_Y}{_END}",
        rf"{_YEAR_S}第?(?P<q>[1-4一二三四])\s*季度",
        rf"{_E}{_Y}\s*年?\s*[-/ ]?q(?P<q>[1-4]){_END}",
        rf"{_E}q(?P<q>[1-4]){_OF_YEAR}{_END}",
        rf"{_E}(?P<q>first|second|third|fourth|1st|2nd|3rd|4th)\s+quarter{_OF_YEAR}{_END}",
        rf"{_YEAR_S}(?P<h>[上下])半年",
        rf"{_E}(?P<h>first|second)\s+half(?: of the year)?{_OF_YEAR}{_END}",
        rf"{_E}{_Y}\s*年\s*{_M}\s*月份?",
        rf"{_E}{_Y}[-/](?P<m>0[1-9]|1[0-2]){_END}",
        rf"{_E}{_N},?\s+(?:of\s+)?{_Y}{_END}",
        rf"(?<![\d个第.]){_M}\s*月份?(?![内底])",
        rf"(?<=\bin ){_N}{_END}",
        rf"{_E}(?P<n>{_PLAIN_NAMES}){_END}",
        rf"{_E}{_Y}\s*(?:年度?|财年)?(?!{_UNITS})",
    )
)


@dataclass(frozen=True, slots=True)
class Period:
    """`asked[start:end]` names a time: `months` is () for a whole year, `year` and `day` 0 where
    they are not given."""

    start: int
    end: int
    year: int = 0
    months: tuple[int, ...] = ()
    day: int = 0

    def dates(self, years: Iterable[str]) -> tuple[str, ...]:
        """Its days, months or year as the beginnings of ISO dates; in the only one of the years
        where it names none, and () where that is not plain."""
        known = set(years)
        year = f"{self.year:04}" if self.year else next(iter(known)) if len(known) == 1 else ""
        if not year:
            return ()
        if not self.months:
            return (year,)
        ending = f"-{self.day:02}" if self.day else ""
        return tuple(f"{year}-{month:02}{ending}" for month in self.months)

    def means(self, other: Period) -> bool:
        """Whether both are the same time of a year, which one of them may leave open."""
        same_year = not self.year or not other.year or self.year == other.year
        return same_year and (self.months, self.day) == (other.months, other.day)


def find_periods(asked: str) -> list[Period]:
    """The times in a normalized question, by place."""
    found: list[Period] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(asked):
            if any(one.start < match.end() and match.start() < one.end for one in found):
                continue
            if period := _read(match):
                found.append(period)
    return sorted(found, key=lambda one: one.start)


def _read(match: re.Match[str]) -> Period | None:
    """None for a month or quarter that there is not."""
    parts = {name: value for name, value in match.groupdict().items() if value}
    months: tuple[int, ...] = ()
    if "q" in parts:
        quarter = _number(parts["q"])
        if not 1 <= quarter <= 4:
            return None
        months = tuple(range(3 * quarter - 2, 3 * quarter + 1))
    elif "h" in parts:
        months = tuple(range(1, 7) if parts["h"] in ("上", "first") else range(7, 13))
    elif name := parts.get("n"):
        months = (next(n for n, month in enumerate(_MONTHS, 1) if month.startswith(name[:3])),)
    elif "m" in parts:
        months = (_number(parts["m"]),)
    day = int(parts.get("d", "0"))
    if any(not 1 <= month <= 12 for month in months) or day > 31:
        return None
    return Period(match.start(), match.end(), int(parts.get("y", "0")), months, day)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _HAN.get(text) or _ORDINALS.get(text, 0)

"""Times that a question names: days, months, quarters, halves and years.

A number is a time only where it is written as one: "four quarters" and "4 units" name no month.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rag.months import ENGLISH, ENGLISH_NAMES

_HAN = {sign: number for number, sign in enumerate("一二三四五六七八九十", 1)}
_HAN |= {"十一": 11, "十二": 12}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_ORDINALS |= {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4}

_E, _END = r"(?<![a-z\d.,-])", r"(?![a-z\d]|[.,]\d)"
_Y = r"(?P<y>(?:19|20)\d\d)"
_M = r"(?P<m>\d{1,2}|十[一二]?|[一二三四五六七八九])"
_D = r"(?P<d>\d{1,2})"
_NAMES = "|".join(
    month if len(month) < 5 else rf"{month[:3]}(?:{month[3:]})?" for month in ENGLISH_NAMES
)
_N = rf"(?P<n>{_NAMES})\.?"
_WORDS_TOO = ("march", "may")
_PLAIN_NAMES = "|".join(month for month in ENGLISH_NAMES if month not in _WORDS_TOO)
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
        rf"{_YEAR_S}(?<![\d.]){_M}\s*(?:-|~|–|—|到|至)\s*(?P<m2>\d{{1,2}}|十[一二]?|[一二三四五六七八九])\s*月份?",
        rf"{_YEAR_S}第?(?P<q>[1-4一二三四])\s*(?:-|~|–|—|到|至)\s*第?(?P<q2>[1-4一二三四])\s*季度",
        rf"{_YEAR_S}前(?P<q0>[2-4二三两])\s*个?季度",
        rf"{_YEAR_S}第?(?P<q>[1-4一二三四])\s*季度",
        rf"{_E}{_Y}\s*年?\s*[-/ ]?q(?P<q>[1-4]){_END}",
        rf"{_E}q(?P<q>[1-4]){_OF_YEAR}{_END}",
        rf"{_E}(?P<q>first|second|third|1st|2nd|3rd)(?:\s+quarter)?\s+(?:to|through)\s+(?:the\s+)?"
        rf"(?P<q2>second|third|fourth|2nd|3rd|4th)\s+quarters?{_OF_YEAR}{_END}",
        rf"{_E}(?P<q>first|second|third|fourth|1st|2nd|3rd|4th)\s+quarter{_OF_YEAR}{_END}",
        rf"{_YEAR_S}(?P<h>[上下])半年",
        rf"{_E}(?P<h>first|second)\s+half(?: of the year)?{_OF_YEAR}{_END}",
        rf"{_E}{_Y}\s*年\s*{_M}\s*月份?",
        rf"{_E}{_Y}[-/](?P<m>0[1-9]|1[0-2]){_END}",
        rf"{_E}{_N},?\s+(?:of\s+)?{_Y}{_END}",
        rf"(?<![\d个第.]){_M}\s*月份?(?![内底])",
        rf"(?<=\bin ){_N}{_END}",
        rf"{_E}{_N}(?=\s*(?:\bto\b|\bthrough\b|\buntil\b|\band\b|[~–—-])\s*(?:{_NAMES})\b)",
        rf"(?:(?<=\bto )|(?<=\bthrough )|(?<=\buntil )|(?<=~)|(?<=[–-] )){_N}{_END}",
        rf"(?<=\band )(?P<n>march){_END}",
        rf"{_E}(?P<n>{_PLAIN_NAMES}){_END}",
        rf"{_E}{_Y}\s*(?:年度?|财年)?(?!{_UNITS})",
    )
)


_JOINED = re.compile(r"\s*(?:到|至|~|～|–|—|-|\b(?:to|through|thru|until|till)\b)\s*")
_BETWEEN = re.compile(r"\s*(?:and|和|与)\s*")
_OPENED = re.compile(r"(?:\bbetween|介于|在)\s*$")
# A hyphen between two times is no part of either: "q1-q3", "jan-mar", "2024-2025".
_HYPHEN = re.compile(
    rf"(?<=[a-z]|[1-4])-(?=(?:{_NAMES})(?![a-z]))|(?<=q[1-4])-(?=q[1-4](?!\d))"
    r"|(?<=(?<![\d-])(?:19|20)\d\d)-(?=(?:19|20)\d\d(?![\d-]))"
)


@dataclass(frozen=True, slots=True)
class Period:
    """`asked[start:end]` names a time: `months` is () for a whole year, `year` and `day` 0 where
    they are not given. `last_year` is that of a range of years.

    `is_end` marks one of two ends between which it is not plain what lies.
    """

    start: int
    end: int
    year: int = 0
    months: tuple[int, ...] = ()
    day: int = 0
    last_year: int = 0
    is_range: bool = False
    is_end: bool = False

    def dates(self, years: Iterable[str]) -> tuple[str, ...]:
        """Its days, months or year as the beginnings of ISO dates; in the only one of the years
        where it names none, and () where that is not plain."""
        known = set(years)
        year = f"{self.year:04}" if self.year else next(iter(known)) if len(known) == 1 else ""
        if not year:
            return ()
        if not self.months:
            return tuple(map(str, range(int(year), max(self.last_year, int(year)) + 1)))
        ending = f"-{self.day:02}" if self.day else ""
        return tuple(f"{year}-{month:02}{ending}" for month in self.months)

    def means(self, other: Period) -> bool:
        """Whether both are the same time of a year, which one of them may leave open."""
        same_year = not self.year or not other.year or self.year == other.year
        same_length = self.last_year == other.last_year
        return same_year and same_length and (self.months, self.day) == (other.months, other.day)

    def holds(self, other: Period) -> bool:
        """Whether the other one is a part of this range."""
        same_year = not self.year or not other.year or self.year == other.year
        is_part = bool(other.months) and set(other.months) <= set(self.months)
        return self.is_range and same_year and is_part and not other.day


def find_periods(asked: str) -> list[Period]:
    """The times in a normalized question, by place: a range is one, with all that it spans."""
    asked = _HYPHEN.sub("~", asked)
    return _joined(asked, _single(asked))


def _joined(asked: str, periods: list[Period]) -> list[Period]:
    kept: list[Period] = []
    for period in periods:
        before = kept[-1] if kept else None
        if before is None or before.is_range or not _are_joined(asked, before, period):
            kept.append(period)
        elif whole := _span(before, period):
            kept[-1] = whole
        else:
            kept[-1:] = [replace(before, is_end=True), replace(period, is_end=True)]
    return kept


def _are_joined(asked: str, one: Period, other: Period) -> bool:
    between = asked[one.end : other.start]
    if _JOINED.fullmatch(between):
        return True
    return bool(_BETWEEN.fullmatch(between) and _OPENED.search(asked[: one.start]))


def _span(one: Period, other: Period) -> Period | None:
    """The range from one time to the other; None for days, and for months of two years."""
    if one.day or other.day or bool(one.months) != bool(other.months):
        return None
    if not one.months:
        is_forward = 0 < one.year < other.year
        whole = Period(one.start, other.end, one.year, last_year=other.year, is_range=True)
        return whole if is_forward else None
    years = {one.year, other.year} - {0}
    if len(years) > 1 or one.months[-1] >= other.months[0]:
        return None
    months = tuple(range(one.months[0], other.months[-1] + 1))
    return Period(one.start, other.end, max(years, default=0), months, is_range=True)


def _single(asked: str) -> list[Period]:
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
    if last := parts.get("q0") or parts.get("q2") or parts.get("m2"):
        return _read_range(match, parts, last)
    if "q" in parts:
        quarter = _number(parts["q"])
        if not 1 <= quarter <= 4:
            return None
        months = tuple(range(3 * quarter - 2, 3 * quarter + 1))
    elif "h" in parts:
        months = tuple(range(1, 7) if parts["h"] in ("上", "first") else range(7, 13))
    elif name := parts.get("n"):
        months = (ENGLISH[name[:3]],)
    elif "m" in parts:
        months = (_number(parts["m"]),)
    day = int(parts.get("d", "0"))
    if any(not 1 <= month <= 12 for month in months) or day > 31:
        return None
    return Period(match.start(), match.end(), int(parts.get("y", "0")), months, day)


def _read_range(match: re.Match[str], parts: dict[str, str], last: str) -> Period | None:
    """The range of `1-3月`, `1到3季度` or `前三季度`."""
    step = 1 if "m2" in parts else 3
    first = _number(parts.get("q") or parts.get("m") or "1")
    to = 2 if last == "两" else _number(last)
    if not 1 <= first < to <= 12 // step:
        return None
    months = tuple(range(step * (first - 1) + 1, step * to + 1))
    year = int(parts.get("y", "0"))
    return Period(match.start(), match.end(), year, months, is_range=True)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _HAN.get(text) or _ORDINALS.get(text, 0)

"""The limits that a question states: values, comparisons and times, as filters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from rag.quantities import quantities_in
from rag.tables.amounts import AMOUNT, in_unit_of, owns, read_amount
from rag.tables.mentions import Mention, find_mentions, normalized
from rag.tables.periods import Period, find_periods
from rag.tables.plan import Filter, merged_filters
from rag.tables.scope import is_scope, scope_years
from rag.tables.table import Column, Table

_SIGNS = (
    (">=", r"不少于|不低于|不小于|至少|大于等于|at least|no less than|>="),
    ("<=", r"不超过|不多于|不高于|不大于|至多|最多为|小于等于|at most|no more than|<="),
    (
        ">",
        r"超过|大于|高于|多于|(?:more|greater|higher|longer|larger) than|above|over"
        r"|exceed(?:s|ing)?|>",
    ),
    ("<", r"低于|小于|少于|不足|不到|(?:less|fewer|lower|shorter|smaller) than|below|under|<"),
)
_YEAR = re.compile(r"over\s*(?:19|20)\d\d")  # "total amount over 2024" compares nothing
_UP_TO = re.compile(r"\s*(?:到|至|~|～|–|—|-|\bto\b|\bthrough\b)\s*")
_HOW_MANY = re.compile(r"(\d+|[a-z]+|[一二两三四五六七八九十]+)\s*[个家种条台次项张份笔名位]?\s*$")
_ENGLISH = "two three four five six seven eight nine ten eleven twelve"
_COUNTS = {word: number for number, word in enumerate(_ENGLISH.split(), 2)} | {"两": 2, "十二": 12}
_COUNTS |= {sign: number for number, sign in enumerate("一二三四五六七八九十", 1)}
# A date column by such a name tells when a row happened, not when something ends.
_WHEN = re.compile(r"date|day|month|year|time|when|日期|月份|时间|年份|年月|^月$|^日$")
_UNTIL = re.compile(r"until|due|expir|valid|end|deadline|birth|至|止|到期|截止|有效|出生")


@dataclass(frozen=True, slots=True)
class Limits:
    """What of a question is understood: `spans` of it, what it mentions, and the filters that it
    states. `whole` are columns of which it names all values ("the four quarters")."""

    mentions: list[Mention]
    spans: list[tuple[int, int]]
    where: tuple[Filter, ...]
    whole: set[str]


def read_limits(asked: str, table: Table, title: str = "") -> Limits | None:
    """The limits of a normalized question; None where it is not plain which columns they are of."""
    periods = find_periods(asked)
    ranges = [(one.start, one.end) for one in periods if one.is_range]
    mentions = [m for m in find_mentions(asked, table) if not (m.value and m.overlaps(ranges))]
    if any(period.is_end for period in periods) or joined_values(asked, mentions):
        return None
    taken = [mention.span for mention in mentions if mention.value]
    filters: list[Filter] = []
    spans: list[tuple[int, int]] = []
    for found, sign in comparisons(asked):
        one = _compared(found, sign, mentions, table)
        if one is None:
            return None
        filters.append(one[0])
        spans.append((found.start(), one[1]))
    mentions = [m for m in mentions if m.value or not m.overlaps(spans)]
    for period in periods:
        if Mention(period.start, period.end, "").overlaps([*spans, *taken]):
            continue
        limit = _when(period, table, title, mentions)
        if limit is None:
            return None
        filters += limit
        spans.append((period.start, period.end))
    whole = _whole(asked, mentions, table)
    places = [mention.span for mention in mentions if mention.value]
    if len(set(places)) < len(places):
        return None  # a value of two columns
    filters += [Filter(m.column, "=", (m.value,)) for m in mentions if m.value]
    spans += [mention.span for mention in mentions] + list(whole.values())
    return Limits(mentions, spans, merged_filters(filters), set(whole))


def comparisons(asked: str) -> list[tuple[re.Match[str], str]]:
    """Where a question compares, with the sign; most often with an amount."""
    found: list[tuple[re.Match[str], str]] = []
    for sign, words in _SIGNS:
        for match in re.finditer(rf"(?:{words})\s*(?:{AMOUNT})?", asked):
            if _is_year(match):
                continue
            if not any(o.start() < match.end() and match.start() < o.end() for o, _ in found):
                found.append((match, sign))
    return [(match, sign) for match, sign in found if match["number"] or _is_chinese(match[0])]


def _is_year(match: re.Match[str]) -> bool:
    """Whether "over 2024" is about a year: no known unit follows."""
    if not match["number"] or not _YEAR.fullmatch(match[0][: _end(match) - match.start()]):
        return False
    return not quantities_in(f"{match['number']} {match['unit'] or ''}")[0].kind


def _end(match: re.Match[str]) -> int:
    """Where the number ends, with its multiple and without its unit."""
    return match.end("scale") if match["scale"] else match.end("number")


def _is_chinese(words: str) -> bool:
    """English words such as "over" compare only with a number; "低于" with a column too."""
    return not words.isascii()


def _compared(
    found: re.Match[str], sign: str, mentions: list[Mention], table: Table
) -> tuple[Filter, int] | None:
    """The filter, and where its words end: a column compared with a number, or with another."""
    numbers = [column for column in table.columns if column.kind == "number"]
    names = {column.name for column in numbers}
    named = [m for m in mentions if not m.value and m.column in names]
    before = [m for m in named if m.end <= found.start()]
    if not found["number"]:
        after = next((m for m in named if m.start == found.end()), None)
        if not before or after is None or before[-1].column == after.column:
            return None
        return Filter(before[-1].column, sign, other=after.column), after.end
    amount = read_amount(found)
    if amount is None:
        return None
    fitting = {c.name: fit for c in numbers if (fit := in_unit_of(c, amount))}
    by_unit = [name for name, (_, unit) in fitting.items() if owns(table.column(name), unit)]
    name = before[-1].column if before else ""
    if not name and len(by_unit) == 1:
        name = by_unit[0]
    if not name and len(numbers) == 1:
        name = numbers[0].name
    if name not in fitting or (by_unit and name not in by_unit):
        return None
    value, unit = fitting[name]
    return Filter(name, sign, (value,)), found.start("unit") + len(unit) if unit else _end(found)


def _when(period: Period, table: Table, title: str, mentions: list[Mention]) -> list[Filter] | None:
    """The filters of a time: none where all of the table is of it, None where it is not plain."""
    if limit := _as_text(period, table, title):
        return limit
    if is_scope(period, table, title):
        return []
    named = {m.column for m in mentions if not m.value}
    dates = [column for column in table.columns if column.kind == "date"]
    told = [column for column in dates if column.name in named or _tells_when(column)]
    return (_of_dates(period, told[0]) or None) if len(told) == 1 else None


def _tells_when(column: Column) -> bool:
    name = normalized(column.name)
    return bool(_WHEN.search(name)) and not _UNTIL.search(name)


def _of_dates(period: Period, column: Column) -> list[Filter]:
    """[] where the column has no such date."""
    values = [str(value) for value in column.distinct]
    dates = period.dates(value[:4] for value in values)
    kept = tuple(d for d in dates if any(value.startswith(d) for value in values))
    return [Filter(column.name, "=", kept)] if kept else []


def _as_text(period: Period, table: Table, title: str) -> list[Filter]:
    """The filter on a text column that holds the time as a value: `Q4`, `3月`."""
    found = [
        Filter(column.name, "=", values)
        for column in table.columns
        if column.kind == "text" and (values := values_of(period, column, table, title))
    ]
    return found if len(found) == 1 else []


def values_of(period: Period, column: Column, table: Table, title: str) -> tuple[str, ...]:
    """The column's values that are the time, or the parts of a range; () where one is missing."""
    found: list[str] = []
    months: set[int] = set()
    years = scope_years(table, title)
    if period.months:
        for value in map(str, column.distinct):
            text = normalized(value)
            times = find_periods(text) or find_periods(f"in {text}")  # "May" alone is a word
            if len(times) != 1 or times[0].end - times[0].start < len(text):
                continue
            open_year = not times[0].year and f"{period.year}" not in years
            is_meant = times[0].means(period) or period.holds(times[0])
            if not is_meant or (period.year and open_year):
                continue
            found.append(value)
            months |= set(times[0].months)
    if not period.is_range:
        return tuple(found) if len(found) == 1 else ()
    return tuple(found) if months == set(period.months) else ()


def joined_values(asked: str, mentions: list[Mention]) -> bool:
    """Whether a question names a range of values, such as "A1 to A5": what lies between is not
    plain."""
    values = [mention for mention in mentions if mention.value]
    return any(
        one.column == other.column and _UP_TO.fullmatch(asked[one.end : other.start])
        for one, other in pairwise(values)
    )


def _whole(asked: str, mentions: list[Mention], table: Table) -> dict[str, tuple[int, int]]:
    """By column, where the question names all its values by their number: `the four quarters`."""
    found: dict[str, tuple[int, int]] = {}
    for mention in mentions:
        before = None if mention.value else _HOW_MANY.search(asked[: mention.start])
        if before is None:
            continue
        count = int(before[1]) if before[1].isdigit() else _COUNTS.get(before[1], 0)
        if count > 1 and count == len(table.column(mention.column).distinct):
            found[mention.column] = before.start(), mention.end
    return found

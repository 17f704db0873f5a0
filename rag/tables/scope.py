"""Which times all of a table is about, by its name or its document's title."""

from __future__ import annotations

import re

from rag.tables.mentions import normalized
from rag.tables.periods import Period, find_periods
from rag.tables.table import Table

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_WORD_BEFORE = re.compile(r"([^\W\d_]+)[\s_-]*(?:(?:of|in|for)[\s_-]*)?$")


def scope_years(table: Table, title: str) -> set[str]:
    """The years that the table is about: of its name, else of its document's title.

    Where a title has several ("sales 2025 and budget 2026"), the one whose word before stands in
    the table's name too.
    """
    if years := set(_YEAR.findall(table.name)):
        return years
    found = list(_YEAR.finditer(title))
    if len({one[0] for one in found}) <= 1:
        return {one[0] for one in found}
    name = normalized(table.name)
    return {
        one[0]
        for one in found
        if (before := _WORD_BEFORE.search(title[: one.start()])) and before[1].casefold() in name
    }


def is_scope(period: Period, table: Table, title: str) -> bool:
    """Whether a period says no more than what the whole table is about."""
    if period.last_year:
        return False
    if not period.months:
        return f"{period.year}" in scope_years(table, title)
    named = find_periods(normalized(f"{table.name} | {title}"))
    return any(one.months == period.months and period.means(one) for one in named)

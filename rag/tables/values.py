"""Finds what a plan wants among the values of a column, however it is written."""

from __future__ import annotations

import re

from rag.tables.cells import fold, parse_date
from rag.tables.table import Column

LISTED_VALUES = 12  # a text column with at most so many is listed whole for the model
MAX_MATCHES = 200  # values that one wanted text may stand for
NEAREST = 5

_YEAR = re.compile(r"(\d{4})年?")


def match_values(column: Column, wanted: str, sign: str) -> list[str]:
    """The column's values that `wanted` means; a date is put into ISO form instead.

    Width, case and white space do not count. A text that no value is, is looked for within the
    values, and the values within it.
    """
    if column.kind == "date":
        date = parse_date(wanted) or ((found := _YEAR.fullmatch(wanted.strip())) and found[1])
        return [date] if date else []
    values = [str(value) for value in column.distinct]
    key = fold(wanted)
    if not key:
        return []
    equal = [value for value in values if fold(value) == key]
    if equal and sign != "contains":
        return equal
    holding = [value for value in values if key in fold(value)]
    if holding or sign == "contains":
        return holding[:MAX_MATCHES]
    held = [value for value in values if len(fold(value)) > 1 and fold(value) in key]
    return held[:MAX_MATCHES]


def nearest_values(column: Column, wanted: str) -> list[str]:
    """The values that look most like the wanted one."""
    from difflib import SequenceMatcher

    key = fold(wanted)

    def likeness(value: str) -> float:
        return SequenceMatcher(None, key, fold(value)).ratio()

    values = [str(value) for value in column.distinct][: MAX_MATCHES * 10]
    return sorted(values, key=likeness, reverse=True)[:NEAREST]

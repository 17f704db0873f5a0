"""Looks up a cell that a question names: one row by its values, one column by its name.

Nothing is computed, but the table is read right: a model mistakes one row or column for the next.
Only where both are plain, and no word of the question is left over.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rag.tables.accounting import left_over
from rag.tables.limits import Limits, read_limits
from rag.tables.measures import loosely_named
from rag.tables.mentions import normalized
from rag.tables.operators import asks_each, asks_sum, excludes, extreme_order, named_operation
from rag.tables.plan import Filter, Plan
from rag.tables.table import Column, Table

_ASKS = re.compile(
    r"多少|几|什么|谁|何时|何地|哪|\b(?:what|which|who|when|where|how (?:much|many|long))\b"
)
_OTHERWISE = re.compile(
    r"吗|是否|是不是|为什么|为何|怎么|如何|\bwhy\b|\bif\b|\bor\b|还是|或|^(?:is|are|does|do|did|was|can)\b"
)
_NUMBER = re.compile(r"多少|几|\bhow (?:much|many|long)\b")
_PERSON = re.compile(r"谁|\bwho\b")
_TIME = re.compile(r"何时|什么时候|哪[天日年月一]|几[月号日]|\bwhen\b")
_WHERE = re.compile(r"哪里|哪儿|何地|什么地方|\bwhere\b")


def plan_lookup(
    question: str,
    table: Table,
    title: str = "",
    is_topic: Callable[[str], bool] = lambda word: False,
) -> Plan | None:
    """The plan that reads the cell; None for any other question.

    `is_topic` tells whether a word is what the whole document is about, so that it tells no two
    of its tables apart.
    """
    asked = normalized(question)
    if _OTHERWISE.search(asked) or not _ASKS.search(asked) or excludes(asked):
        return None
    if named_operation(asked) or asks_sum(asked) or extreme_order(asked) or _asks_each_row(asked):
        return None
    limits = read_limits(asked, table, title)
    if limits is None or not any(mention.value for mention in limits.mentions):
        return None
    loose = loosely_named(asked, limits.spans, table, title)
    name = _column(limits, [mention.column for mention in loose], table)
    rows = matching_rows(limits.where, table) if name else []
    if not rows or not _is_one_cell(rows, table.column(name)):
        return None
    if not _fits(asked, table.column(name)):
        return None
    spans = [*limits.spans, *(mention.span for mention in loose)]
    cells = [cell for index in rows[:1] for cell in table.rows[index].cells]
    left = left_over(asked, spans, table, title, cells)
    return Plan("value", name, limits.where) if all(map(is_topic, left)) else None


def _asks_each_row(asked: str) -> bool:
    """Whether the question asks for several cells; "每晚" asks for one of a night."""
    return asks_each(
        re.sub(r"每[晚天日月年周次人]|\bper (?:night|day|week|month|year|person)\b", "", asked)
    )


def _column(limits: Limits, loose: list[str], table: Table) -> str:
    """The one column that is asked for; "" where it is not plain."""
    limited = {one.column for one in limits.where}
    wanted = {m.column for m in limits.mentions if not m.value} | set(loose)
    wanted -= limited
    return wanted.pop() if len(wanted) == 1 else ""


def matching_rows(where: tuple[Filter, ...], table: Table) -> list[int]:
    """The rows that have all the values; none where a limit is no plain value."""
    if any(one.sign != "=" or one.other for one in where):
        return []
    return [i for i in range(len(table.rows)) if all(_holds(one, table, i) for one in where)]


def _holds(one: Filter, table: Table, index: int) -> bool:
    column = table.column(one.column)
    value = column.values[index]
    if column.kind == "date":
        return value is not None and str(value).startswith(tuple(map(str, one.values)))
    return value in one.values


def _is_one_cell(rows: list[int], column: Column) -> bool:
    """Whether there is a single filled cell to read, or one text in all the rows."""
    values = {column.values[index] for index in rows}
    return None not in values and (len(rows) == 1 or (len(values) == 1 and column.kind == "text"))


def _fits(asked: str, column: Column) -> bool:
    """Whether the column holds the kind of thing that the question word asks for."""
    if _NUMBER.search(asked) and not _TIME.search(asked):
        return column.kind == "number"
    if _TIME.search(asked):
        return column.kind == "date"
    return column.kind == "text" if _PERSON.search(asked) or _WHERE.search(asked) else True

"""Plans a question whose every word is understood, without the model.

Only where the question names the table's own columns and values and says what to do with them in
known words; as soon as anything is left over, the model is asked instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.tables.accounting import left_over
from rag.tables.grounding import ground_plan
from rag.tables.limits import Limits, read_limits
from rag.tables.lookup import matching_rows
from rag.tables.measures import counted_column, counted_quantity, loosely_named
from rag.tables.mentions import Mention, blanked, normalized
from rag.tables.operators import (
    asks_count,
    asks_each,
    asks_list,
    asks_most_sold,
    asks_sum,
    asks_which,
    excludes,
    extreme_order,
    named_operation,
    tells_of_sales,
)
from rag.tables.plan import Plan, PlanError, check_plan
from rag.tables.table import Table

_SMALL_WORDS = "two|three|four|five|six|seven|eight|nine|ten"
_TOP = re.compile(
    r"前\s*(?P<a>\d+|[一二三四五六七八九十两])\s*[个名家条位大种项]?"
    r"|最[高低大小多少长短]的\s*(?P<b>\d+|[一二三四五六七八九十两])\s*[个名家条位种项]"
    r"|\btop (?P<c>\d+|\w+)\b"
    rf"|\b(?P<d>\d+|{_SMALL_WORDS}) (?=(?:[a-z]+ ){{1,3}}?(?:with|that|have|of)\b"
    r"[^?.]*(?:est|most|least)\b)"
    rf"|(?<=est )(?<!least )(?P<e>\d+|{_SMALL_WORDS})\b"
)
_SMALL = {word: number for number, word in enumerate(_SMALL_WORDS.split("|"), 2)} | {"两": 2}
_SMALL |= {word: number for number, word in enumerate("一二三四五六七八九十", 1)}
_WHICH = re.compile(r"哪|谁|\bwhich\b|\bwho\b")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, taken apart: what it names, the limits that it states, and its first words."""

    text: str
    table: Table
    limits: Limits
    measures: list[str]
    groups: list[str]

    @property
    def mentions(self) -> list[Mention]:
        return self.limits.mentions


def plan_by_rules(question: str, table: Table, title: str = "") -> Plan | None:
    """The plan of a question of which every word is understood; None for any other."""
    text = normalized(question)
    limits = None if excludes(text) else read_limits(text, table, title)
    if limits is None:
        return None
    spans = [*limits.spans, *(found.span() for found in _TOP.finditer(text))]
    loose = loosely_named(text, spans, table, title)
    if left_over(text, [*spans, *(m.span for m in loose)], table, title):
        return None
    plan = _plan(_take_apart(text, table, limits, loose))
    if plan is None:
        return None
    try:
        return check_plan(ground_plan(plan, question, table, title), table)
    except PlanError:
        return None


def _take_apart(text: str, table: Table, limits: Limits, loose: list[Mention]) -> _Asked:
    kinds = {column.name: column.kind for column in table.columns}
    named = list(dict.fromkeys(m.column for m in limits.mentions if not m.value))
    limited = {one.column for one in limits.where} | limits.whole
    numbers = [name for name in named if kinds[name] == "number"]
    measures = [name for name in numbers if name not in limited] or numbers
    loosely = [mention.column for mention in loose if mention.column not in limited]
    measures = list(dict.fromkeys([*measures, *loosely]))
    groups = [name for name in named if kinds[name] != "number" and name not in limited]
    return _Asked(text, table, limits, measures, groups)


def _plan(asked: _Asked) -> Plan | None:
    text, where = asked.text, asked.limits.where
    operation, order = named_operation(text), extreme_order(blanked(text, asked.limits.spans))
    if operation == "share":
        return _share(asked)
    if operation == "difference":
        return None
    if asks_count(text) and not order and not operation:
        if quantity := counted_quantity(text, asked.mentions, asked.table):
            if asks_sum(text):
                return Plan("sum", quantity, where, _group(asked))
        elif not asks_each(text) and (column := counted_column(text, asked.mentions, asked.table)):
            return None if tells_of_sales(text) else Plan("count distinct", column, where)
        elif _counts_rows(asked):
            return Plan("count", asked.table.columns[0].name, where, _group(asked))
    measure = _measure(asked)
    if not measure:
        return None
    if operation == "trend":
        return Plan("trend", measure, where) if _is_series(asked) else None
    if operation or asks_sum(text):
        return _aggregate(operation or "sum", measure, asked, order)
    if (top := _TOP.search(text)) and not _tells_rows_apart(asked):
        return None
    if top:
        number = next(group for group in top.groups() if group)
        limit = _SMALL.get(number) or (int(number) if number.isdigit() else 0)
        return Plan("list", measure, where, "", order or "desc", limit) if limit else None
    if order and (asks_which(text) or not asked.groups) and len(asked.groups) <= 1:
        return _extreme(measure, asked, order)
    limited = {one.column for one in where}
    return Plan("list", measure, where) if asks_list(text) and measure in limited else None


def _extreme(measure: str, asked: _Asked, order: str) -> Plan | None:
    """The highest row; of a column with several rows for a value the highest in all, where that is
    what "sold the most" means. "The region with the highest revenue" may be either."""
    where, group = asked.limits.where, asked.groups[0] if asked.groups else ""
    if group:
        values = asked.table.column(group).values
        rows = matching_rows(where, asked.table) if where else range(len(values))
        held = [values[index] for index in rows or range(len(values))]
        if len(set(held)) < len(held):
            is_most = asks_most_sold(asked.text)
            return Plan("sum", measure, where, group, order, 1) if is_most else None
    return Plan("max" if order == "desc" else "min", measure, where)


def _tells_rows_apart(asked: _Asked) -> bool:
    """Whether what is ranked are rows: each has its own value of every column that is named."""
    columns = [asked.table.column(m.column) for m in asked.mentions if not m.value]
    rows = len(asked.table.rows)
    return all(column.kind == "number" or len(column.distinct) == rows for column in columns)


def _measure(asked: _Asked) -> str:
    """The one number column that is meant; "" where that is not plain."""
    if len(asked.measures) == 1:
        return asked.measures[0]
    numbers = [column.name for column in asked.table.columns if column.kind == "number"]
    return numbers[0] if not asked.measures and len(numbers) == 1 else ""


def _counts_rows(asked: _Asked) -> bool:
    """Whether rows are counted: no number column is named, or only one that limits them."""
    limited = {one.column for one in asked.limits.where}
    return all(name in limited for name in asked.measures)


def _group(asked: _Asked) -> str:
    return asked.groups[0] if len(asked.groups) == 1 and asks_each(asked.text) else ""


def _share(asked: _Asked) -> Plan | None:
    """A share of the rows, or of a number: what the question's values are of the whole.

    Of two limits one may be of the whole too: "the pumps' share in the East".
    """
    where = asked.limits.where
    if len(where) != 1 or where[0].sign != "=" or len(asked.measures) > 1:
        return None
    return Plan("share", asked.measures[0] if asked.measures else where[0].column, where)


def _aggregate(operation: str, measure: str, asked: _Asked, order: str) -> Plan | None:
    where, groups = asked.limits.where, asked.groups
    if order:
        if len(groups) != 1:
            return None
        return Plan(operation, measure, where, groups[0], order, 1)
    if groups and not asks_each(asked.text):
        if _WHICH.search(asked.text):
            return None
        groups = []  # "all department budgets": the kind of row, not a group
    return Plan(operation, measure, where, groups[0] if groups else "")


def _is_series(asked: _Asked) -> bool:
    """Whether the rows are a series by themselves: dates to go along, or one name for each."""
    columns = asked.table.columns
    return len(columns) == 2 or [column.kind for column in columns].count("date") == 1

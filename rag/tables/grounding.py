"""Holds a model's plan to what the question says.

A small model adds limits that nobody stated, and forgets ones that stand there to the letter. What
the question names to the letter decides; a translation is the model's to make, and is left alone.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from rag.numbers import numbers_in
from rag.tables.amounts import Amount, amounts_in, in_unit_of, with_digits
from rag.tables.limits import comparisons, joined_values, values_of
from rag.tables.measures import counted_column, counted_quantity
from rag.tables.mentions import Mention, blanked, find_mentions, normalized
from rag.tables.operators import (
    asks_count,
    asks_each,
    asks_list,
    asks_most_sold,
    asks_sum,
    excludes,
    extreme_order,
    named_operation,
    tells_of_sales,
)
from rag.tables.periods import Period, find_periods
from rag.tables.plan import OF_NUMBERS, Filter, Plan, PlanError, difference_filter
from rag.tables.scope import scope_years
from rag.tables.table import Column, Table

MANY_VALUES = 3  # that a filter names and the question does not: no limit at all


def ground_plan(plan: Plan, question: str, table: Table, title: str = "") -> Plan:
    """The plan with filters that the question bears out, and the operation that its words name.

    A year in the table's or document's title is what all of it is about, so limits nothing: sales
    of 2025 may be booked in January 2026. Raises PlanError where a comparison would be lost.
    """
    asked = normalized(question)
    mentions = find_mentions(asked, table)
    numbers = numbers_in(question)
    periods = find_periods(asked)
    scope = scope_years(table, title)
    spelled = _spelled(mentions, asked)
    for period in [] if excludes(asked) else periods:
        mentions, spanned = _spell_range(period, spelled, mentions, table, title)
        plan = replace(plan, where=tuple(f for f in plan.where if f.column not in spanned))
    if joined_values(asked, mentions):
        raise PlanError("The question names a range of values by its ends.")
    named = {mention.column for mention in mentions if not mention.value}
    compared = [_compared(f, numbers, named) for f in plan.where]
    amounts = list(amounts_in(asked))
    filters = [
        one for f in compared if (one := _ground_filter(f, table, amounts, periods, spelled))
    ]
    _check_comparisons(compared, filters, asked, table)
    filters = [one for one in filters if not _is_scope(one, table, scope)]
    filters += _forgotten(filters, plan, spelled)
    plan = replace(plan, where=tuple(filters))
    plan = _right_column(plan, mentions, table)
    return _right_operation(plan, asked, numbers, mentions, table)


def _spelled(mentions: list[Mention], asked: str) -> dict[str, list[str]]:
    """By column, the values that the question names; none where it may mean all but those."""
    found: dict[str, list[str]] = {}
    if not excludes(asked):
        texts = [(m.start, m.end) for m in mentions if m.value]
        for mention in mentions:
            if mention.value and texts.count((mention.start, mention.end)) == 1:
                found.setdefault(mention.column, []).append(mention.value)
    return found


def _spell_range(
    period: Period, spelled: dict[str, list[str]], mentions: list[Mention], table: Table, title: str
) -> tuple[list[Mention], set[str]]:
    """Put all that a range spans for its two ends: the other mentions, and the range's columns."""
    if not (period.is_range or period.is_end):
        return mentions, set()
    ends = [m for m in mentions if m.value and m.overlaps([(period.start, period.end)])]
    spanned = {
        column.name: list(values)
        for column in table.columns
        if period.is_range
        and column.kind == "text"
        and (values := values_of(period, column, table, title))
    }
    if lost := {mention.column for mention in ends} - set(spanned):
        raise PlanError(f"What lies between the two ends in {lost.pop()!r} is not plain.")
    spelled |= spanned
    return [mention for mention in mentions if mention not in ends], set(spanned)


def _compared(one: Filter, numbers: set[str], named: set[str]) -> Filter:
    """A number of the question is meant rather than another column that it does not name."""
    if one.other and one.other not in named and len(numbers) == 1:
        return replace(one, other="", values=(Decimal(next(iter(numbers))),))
    return one


def _ground_filter(
    one: Filter,
    table: Table,
    amounts: list[Amount],
    periods: list[Period],
    spelled: dict[str, list[str]],
) -> Filter | None:
    kind = table.column(one.column).kind
    if one.other:
        return one
    if kind == "number":
        kept = [v for v in one.values if isinstance(v, Decimal)]
        stated = [
            s for v in kept if (s := _stated(v, amounts, table.column(one.column))) is not None
        ]
        return replace(one, values=tuple(stated)) if stated else None
    if kind == "date":
        years = {str(value)[:4] for value in table.column(one.column).distinct}
        dates = [d for v in one.values for d in ground_date(str(v), periods, years, one.sign)]
        return replace(one, values=tuple(dict.fromkeys(dates))) if dates else None
    named = spelled.get(one.column, [])
    if one.sign == "=" and named:
        kept_texts = [v for v in one.values if v in named] or named
        return replace(one, values=tuple(kept_texts))
    if one.sign == "=" and len(one.values) >= MANY_VALUES and not _is_search(one):
        return None
    return one


def _stated(value: Decimal, amounts: list[Amount], column: Column) -> Decimal | None:
    """A filter's number as the question states it, in the column's unit; None where it does not.

    A model writes 1.5 for "1.5 million", and 200,000 for a column of 万元.
    """
    fitting = {a: fit[0] for a in amounts if (fit := in_unit_of(column, a))}
    if abs(value) in [abs(number) for number in fitting.values()]:
        return value
    written = {number for a, number in fitting.items() if abs(value) == abs(a.number)}
    return written.pop() if len(written) == 1 else None


def _check_comparisons(before: list[Filter], after: list[Filter], asked: str, table: Table) -> None:
    """Raises PlanError where a filter on numbers went though the question compares with one."""
    kept = [one.column for one in after if table.column(one.column).kind == "number"]
    lost = [
        one.column
        for one in before
        if table.column(one.column).kind == "number" and one.column not in kept
    ]
    if lost and len(kept) < sum(bool(o["number"]) for o, _ in comparisons(with_digits(asked))):
        raise PlanError(f"The question compares {lost[0]!r} with another number, or another unit.")


def _is_scope(one: Filter, table: Table, scope: set[str]) -> bool:
    """Whether a date filter says no more than the year of the title."""
    return table.column(one.column).kind == "date" and set(map(str, one.values)) <= scope


def _is_search(one: Filter) -> bool:
    """Whether the values are what a word was found in: they share it."""
    first, *others = map(str, one.values)
    pairs = {first[i : i + 2] for i in range(len(first) - 1)}
    return any(all(pair in other for other in others) for pair in pairs)


def ground_date(
    date: str, periods: list[Period], years: set[str], sign: str = "="
) -> tuple[str, ...]:
    """What the question says of a date: its day, month, quarter or year; () where it says nothing.

    A number is no month because it is twelve or less: "four quarters" is not April.
    """
    for period in periods:
        if period.is_end and sign == "=":
            raise PlanError("A range of times needs >= and <=.")
        named = period.dates(years)
        if any(date.startswith(part) or part.startswith(date) for part in named):
            if sign == "=":
                return named
            return (next((part for part in named if date.startswith(part)), date),)
    return ()


def _forgotten(filters: list[Filter], plan: Plan, spelled: dict[str, list[str]]) -> list[Filter]:
    """Filters for values that the question names and the plan leaves out."""
    held = {one.column for one in filters}
    return [
        Filter(column, "=", tuple(dict.fromkeys(values)))
        for column, values in spelled.items()
        if column not in held and not (column == plan.group_by and len(values) == 1)
    ]


def _right_column(plan: Plan, mentions: list[Mention], table: Table) -> Plan:
    """A number column that the question alone names is what is computed, or ordered by."""
    is_ordered = plan.operation == "list" and plan.order
    if plan.operation not in OF_NUMBERS | {"min", "max"} and not is_ordered:
        return plan
    filtered = {f.column for f in plan.where if not f.other}
    named = {m.column for m in mentions if not m.value and table.column(m.column).kind == "number"}
    named -= filtered
    if len(named) == 1 and plan.column not in named:
        return replace(plan, column=named.pop())
    return plan


def _named_group(plan: Plan, mentions: list[Mention], table: Table) -> str:
    """The one column that the question names as what rows are of; "" for none or several."""
    limited = {one.column for one in plan.where}
    named = {m.column for m in mentions if not m.value and table.column(m.column).kind == "text"}
    named -= limited
    return named.pop() if len(named) == 1 else ""


def _right_operation(
    plan: Plan, asked: str, numbers: set[str], mentions: list[Mention], table: Table
) -> Plan:
    is_number = table.column(plan.column).kind == "number"
    named = named_operation(asked)
    order = extreme_order(blanked(asked, [mention.span for mention in mentions]))
    is_total = asks_sum(asked) or asks_most_sold(asked)
    if plan.operation in ("min", "max") and is_total and is_number:
        group = plan.group_by or _named_group(plan, mentions, table)
        if group and order:
            plan = replace(plan, operation="sum", group_by=group, order=order, limit=1)
    quantity = counted_quantity(asked, mentions, table)
    if plan.operation == "count" and asks_sum(asked) and quantity:
        return replace(plan, operation="sum", column=quantity)
    counted = (
        "" if asks_each(asked) or tells_of_sales(asked) else counted_column(asked, mentions, table)
    )
    if plan.operation == "count" and counted and not plan.group_by:
        return replace(plan, operation="count distinct", column=counted, order="", limit=0)
    if named in ("average", "median", "trend") and is_number and plan.operation != named:
        plan = replace(plan, operation=named)
    elif named == "share" and (plan.where or plan.group_by):
        plan = replace(plan, operation="share")
    elif named == "difference" and is_number and difference_filter(plan):
        plan = replace(plan, operation="difference", group_by="")
    elif not named and asks_list(asked) and not asks_count(asked) and plan.operation == "count":
        plan = replace(plan, operation="list", group_by="")
    elif not named and asks_sum(asked) and is_number and plan.operation == "list" and not order:
        plan = replace(plan, operation="sum")
    return _right_order(plan, asked, numbers, order, mentions, table)


def _right_order(
    plan: Plan, asked: str, numbers: set[str], order: str, mentions: list[Mention], table: Table
) -> Plan:
    """Order and limit only where the question asks for the first of something."""
    if plan.operation in ("min", "max") and plan.limit > 1 and not plan.group_by:
        order = "desc" if plan.operation == "max" else "asc"
        plan = replace(plan, operation="list", order=order)
    if order and plan.operation in ("list",) and not plan.order and str(plan.limit) in numbers:
        plan = replace(plan, order=order)
    if order and plan.group_by and (plan.order or plan.limit == 1):
        plan = replace(plan, order=order)
    is_top = bool(order) and (plan.limit == 1 or str(plan.limit) in numbers)
    if plan.limit and not is_top:
        plan = replace(plan, limit=0)
    if plan.operation == "list" and plan.group_by:
        plan = replace(plan, group_by="")
    if plan.operation in ("min", "max") and not asks_each(asked):
        plan = replace(plan, group_by="", order="", limit=0)
    if plan.operation in ("min", "max") and not plan.group_by:
        plan = replace(plan, named=_named_group(plan, mentions, table))
    return plan


def _plain(number: Decimal) -> str:
    """A number as `numbers_in` spells it."""
    text = format(number, "f")
    return re.sub(r"\.?0+$", "", text) if "." in text else text

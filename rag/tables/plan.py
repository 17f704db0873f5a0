"""What is to be computed over a table: a small plan that a model writes under a JSON schema.

A plan rather than SQL, since a small model then cannot name a column or a value that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from rag.tables.table import Column, Table
from rag.tables.values import LISTED_VALUES, match_values, nearest_values

OPERATIONS = (
    "list", "count", "count distinct", "sum", "average", "median", "min", "max", "share",
    "difference", "trend", "none",
)  # fmt: skip
OF_NUMBERS = frozenset(["sum", "average", "median", "difference", "trend"])
TEXT_SIGNS = ("=", "!=")
FREE_TEXT_SIGNS = ("=", "!=", "contains")
ORDER_SIGNS = ("=", "!=", "<", "<=", ">", ">=")
MAX_FILTERS = 4
MAX_LIMIT = 100
MONTH, YEAR = " (month)", " (year)"  # of a date column, to group by


class PlanError(Exception):
    """A plan cannot be carried out. The message tells its writer why."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows whose `column` is as the sign says. `values` stand in the table, any of them will do;
    `other` is the number column to compare with instead."""

    column: str
    sign: str
    values: tuple[str | Decimal, ...] = ()
    other: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`column` is what is computed or shown, `group_by` "" for no groups, `order` "" for as it
    comes, `limit` 0 for all, `named` a column that the answer names its rows by, beside others."""

    operation: str
    column: str
    where: tuple[Filter, ...] = ()
    group_by: str = ""
    order: str = ""
    limit: int = 0
    named: str = ""


def plan_schema(table: Table) -> dict[str, Any]:
    """The JSON schema of the plans for a table: real columns, and values where they are few."""
    names = [column.name for column in table.columns]
    return {
        "type": "object",
        "properties": {
            "operation": {"enum": list(OPERATIONS)},
            "column": {"enum": names},
            "where": {
                "type": "array",
                "items": {"anyOf": [_filter_schema(column, table) for column in table.columns]},
                "maxItems": MAX_FILTERS,
            },
            "group_by": {"enum": ["", *group_names(table)]},
            "order": {"enum": ["", "asc", "desc"]},
            "limit": {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT},
        },
        "required": ["operation", "column", "where", "group_by", "order", "limit"],
        "additionalProperties": False,
    }


def group_names(table: Table) -> list[str]:
    """What rows can be grouped by: columns, and the months and years of dates."""
    names = []
    for column in table.columns:
        names.append(column.name)
        if column.kind == "date":
            names += [column.name + MONTH, column.name + YEAR]
    return names


def is_listed(column: Column) -> bool:
    """Whether a text column has so few values that a model sees them all."""
    return column.kind == "text" and len(column.distinct) <= LISTED_VALUES


def _filter_schema(column: Column, table: Table) -> dict[str, Any]:
    signs: Sequence[str] = ORDER_SIGNS
    value: dict[str, Any]
    if column.kind == "number":
        others = [c.name for c in table.columns if c.kind == "number" and c is not column]
        quoted = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}  # as models like to write
        value = {"anyOf": [{"type": "number"}, quoted, *([{"enum": others}] if others else [])]}
    elif column.kind == "date":
        value = {"type": "string"}
    else:
        signs = TEXT_SIGNS if is_listed(column) else FREE_TEXT_SIGNS
        value = {"enum": column.distinct} if is_listed(column) else {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "column": {"const": column.name},
            "is": {"enum": list(signs)},
            "value": value,
        },
        "required": ["column", "is", "value"],
        "additionalProperties": False,
    }


def read_plan(value: Mapping[str, Any], table: Table) -> Plan:
    """The plan that a model wrote, with what it names found in the table. Raises PlanError."""
    try:
        operation, column = str(value["operation"]), str(value["column"])
        filters = [_read_filter(one, table) for one in value["where"]]
        group_by, order = str(value["group_by"]), str(value["order"])
        limit = max(0, min(MAX_LIMIT, int(value["limit"])))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanError(f"The plan does not have the form that was asked for: {error!r}") from error
    if operation not in OPERATIONS or order not in ("", "asc", "desc"):
        raise PlanError(f"There is no operation {operation!r} or order {order!r}.")
    _find(table, column)
    if group_by and group_by not in group_names(table):
        raise PlanError(f"There is no column {group_by!r} to group by.")
    return Plan(operation, column, merged_filters(filters), group_by, order, limit)


def check_plan(plan: Plan, table: Table) -> Plan:
    """The plan itself. Raises PlanError if its operation cannot be done with its column."""
    kind = table.column(plan.column).kind
    if plan.operation in OF_NUMBERS and kind != "number":
        numbers = ", ".join(c.name for c in table.columns if c.kind == "number") or "none"
        raise PlanError(
            f"{plan.operation} needs a number column; {plan.column!r} is {kind}. "
            f"Number columns: {numbers}."
        )
    if plan.operation == "difference":
        pair = difference_filter(plan)
        if pair is None:
            raise PlanError("difference needs two values of one column in where.")
    if plan.operation == "share" and not plan.where and not plan.group_by:
        raise PlanError("share needs a where for the part, or a group_by.")
    if plan.operation == "share" and len(plan.where) > 1 and not plan.group_by:
        raise PlanError("share takes one where: of two, one may limit the whole too.")
    return plan


def difference_filter(plan: Plan) -> Filter | None:
    """The filter whose two values a difference is taken between."""
    pairs = (one for one in plan.where if one.sign == "=" and len(one.values) == 2)
    return next(pairs, None)


def _find(table: Table, name: str) -> Column:
    try:
        return table.column(name)
    except KeyError:
        raise PlanError(f"There is no column {name!r}.") from None


def _read_filter(value: Mapping[str, Any], table: Table) -> Filter:
    column, sign, wanted = _find(table, str(value["column"])), str(value["is"]), value["value"]
    if sign not in ORDER_SIGNS and sign != "contains":
        raise PlanError(f"There is no comparison {sign!r}.")
    if column.kind == "number":
        others = [c.name for c in table.columns if c.kind == "number"]
        if isinstance(wanted, str) and wanted in others:
            return Filter(column.name, sign, other=wanted)
        try:
            return Filter(column.name, sign, (Decimal(str(wanted)),))
        except InvalidOperation:
            raise PlanError(f"{column.name!r} holds numbers, {wanted!r} is none.") from None
    found = match_values(column, str(wanted), sign)
    if not found:
        near = ", ".join(nearest_values(column, str(wanted)))
        raise PlanError(f"{column.name!r} holds no {str(wanted)!r}. It holds, for example: {near}.")
    return Filter(column.name, "=" if sign == "contains" else sign, tuple(found))


def merged_filters(filters: list[Filter]) -> tuple[Filter, ...]:
    """Values wanted of one column are alternatives: no row has two."""
    merged: dict[tuple[str, str], Filter] = {}
    others = []
    for one in filters:
        if one.sign != "=" or one.other:
            others.append(one)
            continue
        before = merged.get((one.column, one.sign), Filter(one.column, one.sign))
        values = tuple(dict.fromkeys(before.values + one.values))
        merged[one.column, one.sign] = Filter(one.column, one.sign, values)
    return (*merged.values(), *dict.fromkeys(others))

"""Carries out a plan: as SQL, run over the table, with the rows that the result comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from rag.tables.plan import MONTH, YEAR, Filter, Plan, difference_filter
from rag.tables.select import QueryError, Result, TableQueries, literal, quoted
from rag.tables.table import Column, Row, Table

AGGREGATES = {
    "sum": "SUM", "average": "AVG", "median": "MEDIAN", "min": "MIN", "max": "MAX",
    "count": "COUNT",
}  # fmt: skip
MAX_LABELS = 2  # columns that tell rows apart
MAX_TREND_POINTS = 24  # of dates; more are added up by month
PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class Computed:
    """What a plan gave. `sql` is what was run; `used` are the rows that its figures come from,
    of which `shown` are those that stand for them where they are fewer: the highest, the first."""

    table: Table
    plan: Plan
    sql: str
    result: Result
    used: tuple[Row, ...]
    shown: tuple[Row, ...]


def compute(plan: Plan, table: Table) -> Computed:
    """Raises QueryError if the plan's SQL fails, or a side of a difference, or an extreme, is
    empty."""
    with TableQueries(table) as queries:
        sql = build_sql(plan, table, queries.name)
        result = queries.select(sql)
        used = _rows(queries, plan, table, where_clause(plan.where, table))
        if used:
            _check_filled(plan, result)
        shown = _shown(queries, plan, table, result) if used else ()
    return Computed(table, plan, sql, result, used, shown or used)


def _check_filled(plan: Plan, result: Result) -> None:
    if plan.operation in ("min", "max") and not result.rows:
        raise QueryError(f"No row that is asked about has a {plan.column!r}.")
    filled = [row for row in result.rows if row[-1] is not None]
    if plan.operation == "difference" and not len(filled) == len(result.rows) == 2:
        raise QueryError(f"Not both sides of the difference have a {plan.column!r}.")


def build_sql(plan: Plan, table: Table, name: str) -> str:
    """The SELECT for a plan. Raises QueryError for a plan without one."""
    source = f"FROM {quoted(name)}"
    where = where_clause(plan.where, table)
    match plan.operation:
        case "count" | "sum" | "average" | "median" | "min" | "max" if plan.group_by:
            return _grouped(plan, table, source + where, _measure(plan))
        case "count" | "sum" | "average" | "median":
            return f"SELECT {_measure(plan)} {source}{where}"
        case "count distinct":
            return f"SELECT COUNT(DISTINCT {quoted(plan.column)}) {source}{where}"
        case "min" | "max":
            return _extreme(plan, table, source, where)
        case "list":
            return _list(plan, table, source + where)
        case "value":
            return f"SELECT DISTINCT {quoted(plan.column)} {source}{where}"
        case "share":
            return _share(plan, table, source, where)
        case "difference":
            pair = difference_filter(plan)
            assert pair is not None, "read_plan sees to it"
            halves = replace(plan, group_by=_compared_group(pair, table))
            return _grouped(halves, table, source + where, _total(plan, table))
        case "trend":
            return _trend(plan, table, source, where)
    raise QueryError(f"There is nothing to compute for {plan.operation!r}.")


def _compared_group(pair: Filter, table: Table) -> str:
    """What the two sides of a difference are groups of: dates by the months or years compared."""
    lengths = {len(str(value)) for value in pair.values}
    if table.column(pair.column).kind != "date" or lengths == {10}:
        return pair.column
    if lengths not in ({4}, {7}):
        raise QueryError("A difference is taken between two days, two months or two years.")
    return pair.column + (MONTH if lengths == {7} else YEAR)


def where_clause(filters: tuple[Filter, ...], table: Table) -> str:
    parts = [_condition(one, table.column(one.column)) for one in filters]
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def _condition(one: Filter, column: Column) -> str:
    name = quoted(one.column)
    sign = {"=": "=", "!=": "<>"}.get(one.sign, one.sign)
    if one.other:
        return f"{name} {sign} {quoted(one.other)}"
    if column.kind == "date":
        dates = [str(value) for value in one.values]
        compared = [f"substr({name}, 1, {len(d)}) {sign} {literal(d)}" for d in dates]
        return compared[0] if len(compared) == 1 else f"({' OR '.join(compared)})"
    if len(one.values) == 1:
        return f"{name} {sign} {literal(one.values[0])}"
    values = ", ".join(map(literal, one.values))
    return f"{name} {'NOT IN' if one.sign == '!=' else 'IN'} ({values})"


def group_expression(name: str, table: Table) -> str:
    """The column, or the month or year of a date column, as SQL has it."""
    for ending, length in ((MONTH, 7), (YEAR, 4)):
        base = name.removesuffix(ending)
        if name.endswith(ending) and any(c.name == base for c in table.columns):
            return f"substr({quoted(base)}, 1, {length})"
    return quoted(name)


def _measure(plan: Plan) -> str:
    return (
        f"{AGGREGATES[plan.operation]}({'*' if plan.operation == 'count' else quoted(plan.column)})"
    )


def _total(plan: Plan, table: Table) -> str:
    is_number = table.column(plan.column).kind == "number"
    return f"SUM({quoted(plan.column)})" if is_number else "COUNT(*)"


def _grouped(plan: Plan, table: Table, source: str, measure: str) -> str:
    group = group_expression(plan.group_by, table)
    order = f"2 {plan.order.upper()}" if plan.order else "MIN(_rowid_)"
    limit = f" LIMIT {plan.limit}" if plan.limit and plan.order else ""
    named = group if group == quoted(plan.group_by) else f"{group} AS {quoted(plan.group_by)}"
    return f"SELECT {named}, {measure} {source} GROUP BY {group} ORDER BY {order}{limit}"


def _extreme(plan: Plan, table: Table, source: str, where: str) -> str:
    column = quoted(plan.column)
    best = f"(SELECT {AGGREGATES[plan.operation]}({column}) {source}{where})"
    condition = f"{where} AND " if where else " WHERE "
    return f"SELECT {_names(plan, table)} {source}{condition}{column} = {best}"


def _list(plan: Plan, table: Table, source: str) -> str:
    order = f" ORDER BY {quoted(plan.column)} {plan.order.upper()}" if plan.order else ""
    filled = ""
    if plan.order:  # an empty cell is neither the least nor the most
        filled = f"{' AND' if ' WHERE ' in source else ' WHERE'} {quoted(plan.column)} IS NOT NULL"
    limit = f" LIMIT {plan.limit}" if plan.limit else ""
    return f"SELECT {_names(plan, table)} {source}{filled}{order}{limit}"


def _share(plan: Plan, table: Table, source: str, where: str) -> str:
    total = _total(plan, table)
    around = tuple(one for one in plan.where if one.column != plan.group_by)
    whole = f"(SELECT {total} {source}{where_clause(around, table) if plan.group_by else ''})"
    if plan.group_by:
        return _grouped(plan, table, source + where, f"{total}, {whole}")
    return f"SELECT {total}, {whole} {source}{where}"


def _trend(plan: Plan, table: Table, source: str, where: str) -> str:
    along = plan.group_by or trend_column(plan, table)
    group = group_expression(along, table)
    is_date = group.startswith("substr(") or table.column(along).kind == "date"
    order = group if is_date else "MIN(_rowid_)"
    return (
        f"SELECT {group}, {_total(plan, table)} {source}{where} GROUP BY {group} ORDER BY {order}"
    )


def trend_column(plan: Plan, table: Table) -> str:
    """What a trend runs along where the plan does not say: dates, else the first text column."""
    for column in table.columns:
        if column.kind == "date":
            return column.name + (MONTH if len(column.distinct) > MAX_TREND_POINTS else "")
    texts = [column.name for column in table.columns if column.kind == "text"]
    return texts[0] if texts else next(c.name for c in table.columns if c.name != plan.column)


def shown_columns(plan: Plan, table: Table) -> list[str]:
    """The columns of a row that an answer names: what tells it apart, and what was asked."""
    asked = [plan.column, *(f.column for f in plan.where if f.sign != "=" or len(f.values) > 1)]
    asked += [one.other for one in plan.where if one.other] + [plan.named] * bool(plan.named)
    return list(dict.fromkeys([*label_columns(table), *asked]))


def label_columns(table: Table) -> list[str]:
    """Up to MAX_LABELS text columns that tell rows apart: names, else the first ones."""
    texts = [column for column in table.columns if column.kind == "text"]
    telling = [c for c in texts if len(c.distinct) == len(table.rows) and _is_short(c)]
    return [column.name for column in (telling or texts)[:MAX_LABELS]]


def _is_short(column: Column) -> bool:
    return all(len(str(value)) <= 40 for value in column.distinct)


def _names(plan: Plan, table: Table) -> str:
    return ", ".join(map(quoted, shown_columns(plan, table)))


def _rows(queries: TableQueries, plan: Plan, table: Table, where: str) -> tuple[Row, ...]:
    """The rows that the plan's filters let through."""
    found = queries.select(f"SELECT _rowid_ FROM {quoted(queries.name)}{where} ORDER BY _rowid_")
    return tuple(table.rows[int(str(number)) - 1] for (number,) in found.rows)


def _shown(queries: TableQueries, plan: Plan, table: Table, result: Result) -> tuple[Row, ...]:
    """The rows that a list or an extreme names; those of the groups that a group table shows."""
    source, where = f"FROM {quoted(queries.name)}", where_clause(plan.where, table)
    if plan.operation in ("list", "min", "max") and not plan.group_by:
        build = _list if plan.operation == "list" else None
        sql = build(plan, table, source + where) if build else _extreme(plan, table, source, where)
        names = _names(plan, table)
        found = queries.select(sql.replace(f"SELECT {names}", "SELECT _rowid_", 1))
        return tuple(table.rows[int(str(number)) - 1] for (number,) in found.rows)
    if plan.group_by and plan.limit:
        groups = {row[0] for row in result.rows}
        group = group_expression(plan.group_by, table)
        found = queries.select(f"SELECT _rowid_, {group} {source}{where} ORDER BY _rowid_")
        return tuple(table.rows[int(str(n)) - 1] for n, g in found.rows if g in groups)
    return ()

"""Runs one SELECT over one table, in a database in memory that can reach nothing else.

SQLite rather than a heavier engine: it comes with Python, its authorizer decides on every table,
column and function that a statement touches, and it has no function that reads a file once
extensions are off. Sums and means are computed in decimals, so that 0.1 + 0.2 is 0.3.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rag.tables.table import Table, Value

MAX_RESULT_ROWS = 1_000_000
MAX_STEPS = 20_000_000  # of SQLite's virtual machine: a few seconds
STEPS_PER_LOOK = 10_000
MAX_SQL_CHARACTERS = 20_000
MAX_VALUE_BYTES = 1_000_000
DIGITS_OF_MEAN = 12  # significant ones that a quotient keeps
NAMES = frozenset(["sum", "avg", "median", "count", "min", "max", "total"])
FUNCTIONS = NAMES | {
    "abs", "round", "lower", "upper", "length", "trim", "substr", "replace", "coalesce", "ifnull",
    "nullif", "like", "row_number", "rank", "dense_rank", "lag", "lead",
}  # fmt: skip
_LARGEST = 2**63


class QueryError(Exception):
    """A query is not allowed, or fails. The message says why, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gives: names of columns, and rows of numbers, texts and empty cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Value) -> str:
    """A value as SQL has it."""
    if value is None:
        return "NULL"
    if isinstance(value, Decimal):
        return format(value, "f")
    return "'" + value.replace("'", "''") + "'"


class TableQueries:
    """Answers SELECT statements over one table, named by `table.name`. Close it."""

    def __init__(self, table: Table) -> None:
        self.name = table.name or "t"
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._steps = 0
        try:
            self._load(table)
        except sqlite3.Error as error:
            self._connection.close()
            raise QueryError(f"The table cannot be loaded: {error}.") from error
        except BaseException:
            self._connection.close()
            raise
        self._restrict()

    def select(self, sql: str) -> Result:
        """Run a single SELECT.

        Raises QueryError if it is anything else, touches what it may not, takes too long, or fails.
        """
        statement = check_statement(sql)
        self._steps = 0
        try:
            with closing(self._connection.execute(statement)) as cursor:
                rows = cursor.fetchmany(MAX_RESULT_ROWS)
                names = tuple(column[0] for column in cursor.description or ())
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            raise QueryError(str(error)) from error
        return Result(names, tuple(tuple(map(_from_sql, row)) for row in rows))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> TableQueries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self, table: Table) -> None:
        if any(column.name.casefold() == "_rowid_" for column in table.columns):
            raise QueryError("A column is named _rowid_, as the rows' numbers are; rename it.")
        kinds = {"number": "NUMERIC", "date": "TEXT", "text": "TEXT"}
        columns = ", ".join(f"{quoted(c.name)} {kinds[c.kind]}" for c in table.columns)
        self._connection.execute(f"CREATE TABLE {quoted(self.name)} ({columns})")
        marks = ", ".join("?" * len(table.columns))
        rows = zip(*(map(_to_sql, column.values) for column in table.columns), strict=True)
        self._connection.execute("BEGIN")
        self._connection.executemany(f"INSERT INTO {quoted(self.name)} VALUES ({marks})", rows)
        self._connection.execute("COMMIT")

    def _restrict(self) -> None:
        connection = self._connection
        for name in ("sum", "total"):
            connection.create_aggregate(name, 1, _Sum)  # type: ignore[arg-type]
        connection.create_aggregate("avg", 1, _Mean)  # type: ignore[arg-type]
        connection.create_aggregate("median", 1, _Median)  # type: ignore[arg-type]
        connection.execute("PRAGMA query_only = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_CHARACTERS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 50)
        connection.set_progress_handler(self._count_steps, STEPS_PER_LOOK)
        connection.set_authorizer(self._authorize)

    def _count_steps(self) -> int:
        self._steps += STEPS_PER_LOOK
        return int(self._steps > MAX_STEPS)

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and first in (self.name, ""):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() in FUNCTIONS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


def check_statement(sql: str) -> str:
    """The statement, if it is one SELECT without comments and without a second one after it.

    The authorizer guards what it does; this keeps what is shown to a reader plain. Raises
    QueryError.
    """
    statement = sql.strip().removesuffix(";").strip()
    if len(statement) > MAX_SQL_CHARACTERS or "\x00" in statement:
        raise QueryError("The query is too long, or holds a character that none may hold.")
    if not statement[:7].casefold().startswith("select") or statement[6:7].isalnum():
        raise QueryError("Only a SELECT is allowed.")
    bare = _outside_quotes(statement)
    if ";" in bare:
        raise QueryError("Only one statement is allowed.")
    if "--" in bare or "/*" in bare:
        raise QueryError("Comments are not allowed.")
    return statement


def _outside_quotes(statement: str) -> str:
    """The statement without what stands in quotes. Raises QueryError if a quote is not closed."""
    kept, closing_sign = [], ""
    for sign in statement:
        if closing_sign:
            closing_sign = "" if sign == closing_sign else closing_sign
        elif sign in "'\"`[":
            closing_sign = "]" if sign == "[" else sign
        else:
            kept.append(sign)
    if closing_sign:
        raise QueryError(f"A quote {closing_sign} is not closed.")
    return "".join(kept)


def _to_sql(value: Value) -> int | float | str | None:
    if not isinstance(value, Decimal):
        return value
    if value == value.to_integral_value() and abs(value) < _LARGEST:
        return int(value)
    return float(value)


def _from_sql(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        raise QueryError("The query makes bytes, which are no value of a table.")
    return to_decimal(value)


def to_decimal(value: float) -> Decimal:
    """The decimal that a number of the database was read from."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def divide(value: Decimal, by: Decimal) -> Decimal:
    """A quotient to DIGITS_OF_MEAN significant digits."""
    quotient = value / by
    if not quotient:
        return quotient
    places = DIGITS_OF_MEAN - 1 - quotient.adjusted()
    return round(quotient, places) if places > 0 else quotient.to_integral_value()


class _Numbers:
    """Gathers the numbers of a column; empty cells and texts do not count."""

    def __init__(self) -> None:
        self.values: list[Decimal] = []

    def step(self, value: Any, /) -> None:
        if isinstance(value, int | float):
            self.values.append(to_decimal(value))


class _Sum(_Numbers):
    def finalize(self) -> int | float | None:
        return _plain(sum(self.values, Decimal(0))) if self.values else None


class _Mean(_Numbers):
    def finalize(self) -> int | float | None:
        if not self.values:
            return None
        return _plain(divide(sum(self.values, Decimal(0)), Decimal(len(self.values))))


class _Median(_Numbers):
    def finalize(self) -> int | float | None:
        if not self.values:
            return None
        ordered, middle = sorted(self.values), len(self.values) // 2
        if len(ordered) % 2:
            return _plain(ordered[middle])
        return _plain((ordered[middle - 1] + ordered[middle]) / 2)


def _plain(value: Decimal) -> int | float:
    number = _to_sql(value)
    assert isinstance(number, int | float)
    return number

"""Tables as they are computed with: typed columns, and rows that know where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

ColumnKind = Literal["number", "date", "text"]
Value = Decimal | str | None  # a number, a text or ISO date, or an empty cell


@dataclass(frozen=True, slots=True)
class Row:
    """A row or record: `document.text[start:end]` is what stands there.

    `number` is its row in the sheet, or its place among the records from 1; None if not known.
    """

    start: int
    end: int
    cells: tuple[str, ...]
    number: int | None = None
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column with one value for each row. `unit` is what its cells or header give, or "".

    `decimals` is how many places after the point its numbers have at most; `unread` how many
    cells of a number or date column hold something else, which counts as empty.
    """

    name: str
    kind: ColumnKind
    values: tuple[Value, ...]
    unit: str = ""
    decimals: int = 0
    unread: int = 0

    @property
    def distinct(self) -> list[Value]:
        """Its values, each once, in the order of the rows; without empty cells."""
        return [value for value in dict.fromkeys(self.values) if value is not None]


@dataclass(frozen=True, slots=True)
class Table:
    """A table without its total rows; every column has a value for every row.

    `name` is its sheet or heading. `kind` says what its rows are called.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    header: str = ""
    kind: Literal["row", "record"] = "row"
    totals: int = 0  # how many total rows were left out

    @property
    def start(self) -> int:
        return self.rows[0].start

    @property
    def end(self) -> int:
        return self.rows[-1].end

    def column(self, name: str) -> Column:
        """Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

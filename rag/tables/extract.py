"""The tables of a document's stored text: lines between bars, or records of `key: value` lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

from rag.tables.cells import make_column
from rag.tables.records import read_records, unique_names
from rag.tables.table import Row, Table
from rag.tables.totals import data_rows
from rag.types import StoredChunk

ROWS_PER_BLOCK = 100  # a long table is stored in blocks of so many lines, the header in the first
MAX_NAME_CHARACTERS = 80
RECORD_SUFFIXES = frozenset([".json", ".jsonl", ".ndjson", ".xml"])

_TABLE = re.compile(r"^\| .*? \|[ \t]*$(?:\n\| .*? \|[ \t]*$)*", re.MULTILINE)
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")  # the line under a Markdown header
_PLACE = re.compile(r"rows (\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    end: int
    rows: tuple[Row, ...]
    first_number: int | None  # of its first line in the sheet


def extract_tables(
    text: str, title: str, path: str = "", chunks: Sequence[StoredChunk] = ()
) -> list[Table]:
    """All tables of a document that have a header and a row, in reading order.

    The chunks, where given, tell which sheet and rows a table stands in.
    """
    if PurePath(path).suffix.lower() in RECORD_SUFFIXES:
        return read_records(text, title)
    blocks = [_read_block(text, found, chunks) for found in _TABLE.finditer(text)]
    tables = []
    for group in _joined(text, blocks):
        name = _name(text, group[0].start, title, chunks)
        rows = [row for block in group for row in block.rows]
        if table := make_table(name, rows, text[rows[0].start : rows[0].end]):
            tables.append(table)
    return tables


def make_table(name: str, rows: Sequence[Row], header: str) -> Table | None:
    """The table whose first row names its columns; None if there is no other row."""
    titles, body = rows[0].cells, rows[1:]
    is_data = data_rows([row.cells for row in body])
    kept = [row for row, is_kept in zip(body, is_data, strict=True) if is_kept]
    if not kept:
        return None
    width = max(len(titles), max(len(row.cells) for row in kept))
    names = _column_names(titles, width)
    padded = [replace(row, cells=row.cells + ("",) * (width - len(row.cells))) for row in kept]
    columns = [
        make_column(column, [row.cells[index] for row in padded])
        for index, column in enumerate(names)
    ]
    return Table(name, tuple(columns), tuple(padded), header, totals=len(body) - len(kept))


def split_cells(line: str) -> tuple[str, ...]:
    """The cells of a line `| a | b |`."""
    return tuple(cell.strip() for cell in line.strip()[2:-2].split(" | "))


def _column_names(titles: Sequence[str], width: int) -> list[str]:
    """A name for each column, none twice."""
    padded = [*titles, *[""] * (width - len(titles))]
    return unique_names([name or f"column {n}" for n, name in enumerate(padded, start=1)])


def _read_block(text: str, found: re.Match[str], chunks: Sequence[StoredChunk]) -> _Block:
    rows, start = [], found.start()
    first = _first_number(found.start(), chunks)
    for index, line in enumerate(found[0].split("\n")):
        if not _RULE.fullmatch(line):
            number = None if first is None else first + index
            rows.append(Row(start, start + len(line.rstrip()), split_cells(line), number))
        start += len(line) + 1
    return _Block(found.start(), found.end(), tuple(rows), first)


def _joined(text: str, blocks: Sequence[_Block]) -> Iterator[list[_Block]]:
    """The blocks of each table: a full one goes on in the next that follows at once."""
    group: list[_Block] = []
    for before, block in pairwise([None, *blocks]):
        assert block is not None
        goes_on = (
            before is not None
            and len(before.rows) == ROWS_PER_BLOCK
            and not text[before.end : block.start].strip()
            and not _starts_anew(before, block)
        )
        if group and not goes_on:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _starts_anew(before: _Block, block: _Block) -> bool:
    """Whether the sheet's numbers say that the block is not the rest of the table before it."""
    return block.first_number is not None and (
        before.first_number is None or block.first_number <= before.first_number
    )


def _chunk_at(position: int, chunks: Sequence[StoredChunk]) -> StoredChunk | None:
    return next((chunk for chunk in chunks if chunk.start <= position < chunk.end), None)


def _first_number(start: int, chunks: Sequence[StoredChunk]) -> int | None:
    """The row of the sheet that the line at `start` is, if its chunk's headings tell."""
    chunk = _chunk_at(start, chunks)
    found = _PLACE.fullmatch(chunk.headings[-1]) if chunk and chunk.headings else None
    return int(found[1]) if found else None


def _name(text: str, start: int, title: str, chunks: Sequence[StoredChunk]) -> str:
    """The table's sheet or heading: of its chunk, else the short line before it, else the title."""
    chunk = _chunk_at(start, chunks)
    headings = [h for h in chunk.headings if not _PLACE.fullmatch(h)] if chunk else []
    before = text[:start].rstrip().rpartition("\n")[2].strip().lstrip("# ")
    if before and len(before) <= MAX_NAME_CHARACTERS and not before.startswith("|"):
        return before
    return headings[-1] if headings else title

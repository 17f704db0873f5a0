"""Excel files: every visible sheet, row by row, with values as they are shown."""

from __future__ import annotations

import re
import warnings
from collections import deque
from collections.abc import Iterator
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.number_formats import format_value
from ingest.readers.sheet_extras import SheetExtras
from ingest.readers.titles import document_title
from rag.types import Document

LOOK_AHEAD = 20  # rows in which a table shows its width
MAX_MERGES = 20_000
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_SCAN_BYTES = 1024 * 1024

Row = tuple[int, list[str]]  # its number in the sheet, its cells


def read_xlsx(path: Path) -> Document:
    """Read visible sheets; blank rows part tables, a lone first cell is a table's caption.

    Text boxes, charts and comments follow the cells of their sheet.
    """
    import openpyxl

    builder = DocumentBuilder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions it leaves out
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        extras = SheetExtras(path)
        try:
            for sheet in workbook.worksheets:
                if sheet.sheet_state != "visible":
                    builder.add_note(f"{path}: the hidden sheet {sheet.title!r} is left out")
                    continue
                sheet.reset_dimensions()  # some programs write false ones
                rows = _rows(sheet)
                first = next(rows, None)
                if first is not None:
                    builder.add_heading(1, sheet.title)
                    _add_tables(builder, chain([first], rows))
                extras.add(builder, sheet.title, heading=first is None)
            for name in extras.chart_sheets([sheet.title for sheet in workbook.worksheets]):
                extras.add(builder, name, heading=True)
            title = document_title(workbook.properties.title or "", path)
        finally:
            extras.close()
            workbook.close()
    return builder.build(title)


def _add_tables(builder: DocumentBuilder, rows: Iterator[Row]) -> None:
    for _, group in groupby(_numbered_groups(rows), key=lambda one: one[0]):
        table = (row for _, row in group)
        ahead = deque(islice(table, LOOK_AHEAD))
        while len(ahead) > 1 and _width(ahead[0]) == 1 and max(map(_width, ahead)) > 1:
            _, cells = ahead.popleft()
            builder.add_paragraph("".join(cells))
        builder.add_rows(chain(ahead, table))


def _numbered_groups(rows: Iterator[Row]) -> Iterator[tuple[int, Row]]:
    """Each row with the number of its group; a gap in the row numbers starts a new group."""
    group, previous = 0, 0
    for number, cells in rows:
        group += number > previous + 1
        previous = number
        yield group, (number, cells)


def _width(row: Row) -> int:
    return sum(map(bool, row[1]))


def _rows(sheet: Any) -> Iterator[Row]:
    """The rows that hold anything, one at a time; cells merged downwards are repeated."""
    merges = _merges(sheet)
    held: dict[int, tuple[int, str]] = {}  # column -> last row of the merge, its text
    for row in sheet.iter_rows():
        number = next((cell.row for cell in row if getattr(cell, "row", None)), None)
        if number is None:
            continue
        cells = [_cell_text(cell) for cell in row]
        if merges:
            _repeat_merged(number, cells, merges, held)
        if any(cells):
            yield number, cells


def _cell_text(cell: Any) -> str:
    value = cell.value
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return format_value(value, cell.number_format)


def _repeat_merged(
    number: int,
    cells: list[str],
    merges: dict[tuple[int, int], int],
    held: dict[int, tuple[int, str]],
) -> None:
    for column, (last, text) in list(held.items()):
        if number > last:
            del held[column]
            continue
        cells += [""] * (column + 1 - len(cells))
        cells[column] = cells[column] or text
    for column, text in enumerate(cells):
        if last_row := merges.get((number, column)):
            held[column] = last_row, text


def _merges(sheet: Any) -> dict[tuple[int, int], int]:
    """(first row, column from 0) -> last row, of the merges that reach over several rows.

    They stand after all rows, so the sheet's XML is scanned once before; openpyxl leaves them out
    when it streams.
    """
    found: dict[tuple[int, int], int] = {}
    tail = b""
    with sheet._get_source() as source:
        while (data := source.read(_SCAN_BYTES)) and len(found) < MAX_MERGES:
            data = tail + data
            for match in _MERGE.finditer(data):
                if match[2] != match[4]:
                    found[int(match[2]), _column(match[1])] = int(match[4])
            tail = data[-200:]
    return found


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1

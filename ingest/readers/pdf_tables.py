"""Tables without rules, told from gaps that stand below each other in consecutive lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.readers.pdf_lines import Cell, Line

_ROWS = 3  # fewer lines with gaps are no table
_SAME_ROW = 0.45  # of the font size: baselines closer than this are one row
_SAME_PLACE = 3.0  # points
_ROW_PITCH = 3.2  # times the font size: a wider gap between lines ends a table
_LONG_CELL = 60  # characters: a column of prose has cells longer than this
_SINGLE_LINES = 5  # without gaps, between two rows
_HEADER_ROWS = 5
_SIGNS_BEFORE = frozenset(["$", "€", "£", "¥", "(", "$(", "$ ("])
_SIGNS_AFTER = frozenset([")", "%", ")%", "%)"])
_HEADER_LINES = 24  # a header of eight columns with three lines each
_FIGURE = re.compile(r"[-–—(+]*[$€£¥]?\s*[-–—(]?\s*\d[\d.,]*\s*[%)]*|[$€£¥]?\s*[-–—]+\s*[)%]*")

Edges = tuple[float, float]  # left and right, in points


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells each, the header first.

    Edges in points: `top` and `bottom` are the baselines of its first and last line.
    """

    rows: list[list[str]]
    left: float
    right: float
    top: float
    bottom: float
    size: float


def with_tables(lines: Sequence[Line]) -> list[Line | Table]:
    """The lines of a page, those of tables replaced by the table."""
    items: list[Line | Table] = []
    at = start = 0  # `start`: of the lines since the last table
    while at < len(lines):
        end = _table_end(lines, at) if _may_start(lines, at) else at
        columns = _columns(_rows(lines[at:end])) if end > at else []
        if not columns:
            at += 1
            continue
        first = _header_start(lines[start:at], columns, lines[at]) + start
        items.extend(lines[start:first])
        items.append(_make_table(lines[first:end], columns))
        at = start = end
    items.extend(lines[start:])
    return items


def _may_start(lines: Sequence[Line], at: int) -> bool:
    """A row, or a heading of a column that a row follows soon."""
    if lines[at].is_row:
        return True
    return at + 1 < len(lines) and _stand_beside(lines[at], lines[at + 1])


def _stand_beside(one: Line, other: Line) -> bool:
    return abs(one.baseline - other.baseline) < _SAME_ROW * one.size and other.left > one.right


def _table_end(lines: Sequence[Line], at: int) -> int:
    """Where the run of rows ends that starts here; single cells may stand between them."""
    end, last = at + 1, at + 1
    bottom, size = lines[at].baseline, lines[at].size
    right = lines[at].right
    left = lines[at].left
    for end in range(at + 1, len(lines)):
        line = lines[end]
        drop = bottom - line.baseline
        if not -4 * size < drop < _ROW_PITCH * size:
            break
        beside = _stand_beside(lines[end - 1], line)
        if line.is_row or beside:
            last = end + 1
        elif (
            end - last > _SINGLE_LINES
            or not left <= line.right
            or line.left > right
            or _is_prose(line, lines, at)
        ):
            break
        bottom = min(bottom, line.baseline)
        left, right = min(left, line.left), max(right, line.right)
    return last


def _is_prose(line: Line, lines: Sequence[Line], at: int) -> bool:
    """Whether a line without gaps reaches over the first column of the rows before."""
    rows = [row for row in lines[at : at + 40] if row.is_row]
    if not rows or len(line.text) < _LONG_CELL:
        return False
    return line.right > median(row.cells[1].left for row in rows) + 4 * line.size


def _header_start(before: Sequence[Line], columns: Sequence[Edges], body: Line) -> int:
    """Which of the lines before the table begin its header: they stand above its figures."""
    start = len(before)
    top, size = body.baseline, body.size
    for index in range(len(before) - 1, max(-1, len(before) - 1 - _HEADER_LINES), -1):
        line = before[index]
        if not body.baseline - size < line.baseline < top + _ROW_PITCH * size:
            break
        if _stands_over_figures(line, columns):
            start = index
        elif line.is_row or line.right > columns[1][0] or len(line.text) > _LONG_CELL:
            break
        top = max(top, line.baseline)
    return start


def _stands_over_figures(line: Line, columns: Sequence[Edges]) -> bool:
    cells = line.cells or (Cell(line.text, line.left, line.right),)
    return (
        line.left > columns[1][0] - 3 * line.size
        and line.left < columns[-1][1]
        and all(_column_of(cell, columns) > 0 for cell in cells)
    )


def _make_table(lines: Sequence[Line], columns: Sequence[Edges]) -> Table:
    grid = [_placed(row, columns) for row in _rows(lines)]
    grid = _joined_labels(_joined_header(grid))
    bases = [line.baseline for line in lines]
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    return Table(grid, left, right, max(bases), min(bases), lines[0].size)


def _rows(lines: Sequence[Line]) -> list[list[Cell]]:
    """The cells by row, top down, and from left to right."""
    held: list[tuple[float, list[Cell]]] = []
    for line in sorted(lines, key=lambda line: -line.baseline):
        cells = line.cells or (Cell(line.text, line.left, line.right),)
        if held and held[-1][0] - line.baseline < _SAME_ROW * line.size:
            held[-1][1].extend(cells)
        else:
            held.append((line.baseline, list(cells)))
    return [_without_signs(sorted(cells, key=lambda cell: cell.left)) for _, cells in held]


def _without_signs(cells: list[Cell]) -> list[Cell]:
    """A currency sign joins the figure after it, a bracket or percent sign the one before."""
    joined: list[Cell] = []
    for cell in cells:
        before = joined[-1] if joined else None
        is_after = cell.text in _SIGNS_AFTER
        if before and (is_after or before.text in _SIGNS_BEFORE):
            glue = "" if is_after else " "
            joined[-1] = Cell(before.text + glue + cell.text, before.left, cell.right)
        else:
            joined.append(cell)
    return joined


def _columns(rows: Sequence[list[Cell]]) -> list[Edges]:
    """The columns' edges, from the cells of the fullest rows; empty if they make no table."""
    rows = [row for row in rows if len(row) > 1]
    if len(rows) < _ROWS or not _is_tabular(rows):
        return []
    fullest = max(len(row) for row in rows)
    counted = [row for row in rows if len(row) >= max(2, 0.75 * fullest)]
    columns: list[Edges] = []
    for cell in sorted((cell for row in counted for cell in row), key=lambda cell: cell.left):
        if columns and cell.left < columns[-1][1]:
            columns[-1] = columns[-1][0], max(columns[-1][1], cell.right)
        else:
            columns.append((cell.left, cell.right))
    if len(columns) < 2:
        return []
    is_sure = _has_figures(rows) or (len(rows) > _ROWS and _is_aligned(counted, columns))
    return columns if is_sure else []


def _is_tabular(rows: Sequence[list[Cell]]) -> bool:
    """Whether the cells are figures or short words, not lines of prose that stand abreast."""
    cells = [cell for row in rows for cell in row[1:]]
    long = sum(len(cell.text) > _LONG_CELL / 2 for cell in cells)
    return _has_figures(rows) or long * 3 < len(cells)


def _has_figures(rows: Sequence[list[Cell]]) -> bool:
    cells = [cell for row in rows for cell in row[1:]]
    return sum(_FIGURE.fullmatch(cell.text) is not None for cell in cells) * 2 > len(cells)


def _is_aligned(rows: Sequence[list[Cell]], columns: Sequence[Edges]) -> bool:
    """Whether the cells of each column begin, end, or have their middle below each other."""
    for left, right in columns:
        held = [cell for row in rows for cell in row if left <= cell.left and cell.right <= right]
        places = ([c.left for c in held], [c.right for c in held], [c.left + c.right for c in held])
        if not any(_agree(place) for place in places):
            return False
    return True


def _agree(places: Sequence[float]) -> bool:
    middle = median(places)
    return sum(abs(place - middle) < _SAME_PLACE for place in places) >= 0.6 * len(places)


def _placed(row: list[Cell], columns: Sequence[Edges]) -> list[str]:
    """The row's texts by column: each goes where most of it stands, or to the nearest."""
    texts = [""] * len(columns)
    for cell in row:
        index = _column_of(cell, columns)
        texts[index] = f"{texts[index]} {cell.text}".strip()
    return texts


def _column_of(cell: Cell, columns: Sequence[Edges]) -> int:
    covered = (i for i, (left, right) in enumerate(columns) if _covers(cell, left, right))
    return next(covered, _nearest(cell, columns))


def _covers(cell: Cell, left: float, right: float) -> bool:
    shared = min(cell.right, right) - max(cell.left, left)
    return shared > 0.4 * min(cell.right - cell.left, right - left)


def _nearest(cell: Cell, columns: Sequence[Edges]) -> int:
    middle = (cell.left + cell.right) / 2
    return min(
        range(len(columns)),
        key=lambda i: max(columns[i][0] - middle, middle - columns[i][1], 0.0),
    )


def _joined_header(rows: list[list[str]]) -> list[list[str]]:
    """Rows before the first label make one header, joined column by column."""
    first = next((i for i, row in enumerate(rows) if row[0]), 0)
    if not 1 < first <= _HEADER_ROWS:
        return rows
    header = [" ".join(filter(None, column)) for column in zip(*rows[:first], strict=True)]
    if max(map(len, header)) > 2 * _LONG_CELL:
        return rows
    return [header, *rows[first:]]


def _joined_labels(rows: list[list[str]]) -> list[list[str]]:
    """A label that wraps to the next row, which goes on in lower case, joins it."""
    joined = [rows[0]]
    for before, row in pairwise(rows):
        if before is joined[-1] and _is_wrapped(before, row):
            row = [f"{before[0]} {row[0]}", *row[1:]]
            joined[-1] = row
        else:
            joined.append(row)
    return joined


def _is_wrapped(before: list[str], row: list[str]) -> bool:
    return bool(before[0]) and not any(before[1:]) and row[0][:1].islower()

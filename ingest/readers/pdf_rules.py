"""Tables that a PDF draws with rules: the grid of its lines tells rows and columns."""

from __future__ import annotations

import ctypes
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.readers.builder import join_lines
from ingest.readers.pdf_lines import Cell, Line
from ingest.readers.pdf_tables import Table

_THIN = 2.5  # points: a path no thicker is a rule
_LEAST_RULE = 6.0  # points: a shorter one is a dash or a dot
_TOUCH = 3.0  # points: rules closer than this meet, or are one
_MOST_OBJECTS = 6000  # a page of more is a drawing, and its grid would be a map's or a chart's
_PATHS_TO_TRY = 100  # with no upright rule among so many the page has no grid: save the time
_MOST_RULES = 600
_LEAST_FILLED = 0.3  # of the grid's cells


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line: `at` is its place across its direction, from `start` to `end` along it."""

    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Rules that meet: places of the vertical ones from the left, of the level ones upwards."""

    across: tuple[float, ...]
    up: tuple[float, ...]

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies between the outer rules."""
        return self.across[0] < x < self.across[-1] and self.up[0] < y < self.up[-1]


def page_grids(page: Any) -> list[Grid]:
    """The grids that the page's paths draw; of at least two rows and two columns."""
    upright, level = _rules(page)
    if len(upright) < 3 or len(level) < 3 or len(upright) + len(level) > _MOST_RULES:
        return []
    return list(grids(upright, level))


def _rules(page: Any) -> tuple[list[Rule], list[Rule]]:
    import pypdfium2.raw as pdfium

    upright: list[Rule] = []
    level: list[Rule] = []
    edges = left, bottom, right, top = tuple(ctypes.c_float() for _ in range(4))
    for num_paths, path in enumerate(_paths(page)):
        if num_paths >= _PATHS_TO_TRY and not upright:
            break
        pdfium.FPDFPageObj_GetBounds(path, *edges)
        x0, y0, x1, y1 = left.value, bottom.value, right.value, top.value
        if x1 - x0 < _THIN < _LEAST_RULE < y1 - y0:
            upright.append(Rule((x0 + x1) / 2, y0, y1))
        elif y1 - y0 < _THIN < _LEAST_RULE < x1 - x0:
            level.append(Rule((y0 + y1) / 2, x0, x1))
        elif min(x1 - x0, y1 - y0) > _LEAST_RULE and _is_outline(path):
            upright += [Rule(x0, y0, y1), Rule(x1, y0, y1)]
            level += [Rule(y0, x0, x1), Rule(y1, x0, x1)]
    return upright, level


def _paths(page: Any) -> Iterator[Any]:
    """The page's drawn paths; none if it has too many objects.

    Most objects are words, thousands a page: they are asked for by their bare addresses, as
    making Python objects of them would take twice the time.
    """
    import pypdfium2.raw as pdfium

    count = pdfium.FPDFPage_CountObjects(page.raw)
    if count > _MOST_OBJECTS:
        return
    address = ctypes.c_void_p
    kinds = (
        ctypes.PYFUNCTYPE(address, address, ctypes.c_int),
        ctypes.PYFUNCTYPE(ctypes.c_int, address),
    )
    get_object = ctypes.cast(pdfium.FPDFPage_GetObject, kinds[0])
    get_type = ctypes.cast(pdfium.FPDFPageObj_GetType, kinds[1])
    raw = ctypes.cast(page.raw, address).value
    for index in range(count):
        place = get_object(raw, index)
        if get_type(place) == pdfium.FPDF_PAGEOBJ_PATH:
            yield ctypes.cast(place, pdfium.FPDF_PAGEOBJECT)


def _is_outline(path: Any) -> bool:
    """Whether a path is a box whose edges are drawn; a filled one is a background."""
    import pypdfium2.raw as pdfium

    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(path, fill, stroke)
    return bool(stroke.value) and 4 <= pdfium.FPDFPath_CountSegments(path) <= 6


def grids(upright: Sequence[Rule], level: Sequence[Rule]) -> Iterator[Grid]:
    """Group rules that meet, directly or through others."""
    groups: list[tuple[list[Rule], set[int]]] = []  # level rules by their index
    places = sorted(range(len(level)), key=lambda index: level[index].at)
    heights = [level[index].at for index in places]
    for rule in upright:
        low = bisect_right(heights, rule.start - _TOUCH)
        high = bisect_left(heights, rule.end + _TOUCH)
        crossed = {
            index
            for index in places[low:high]
            if level[index].start - _TOUCH < rule.at < level[index].end + _TOUCH
        }
        touched = [group for group in groups if not crossed.isdisjoint(group[1])]
        groups = [group for group in groups if crossed.isdisjoint(group[1])]
        joined = [rule, *(one for group in touched for one in group[0])]
        groups.append((joined, crossed.union(*(group[1] for group in touched))))
    for verticals, horizontals in groups:
        across, up = _places(verticals), _places([level[index] for index in horizontals])
        if len(across) > 2 and len(up) > 2:
            yield Grid(across, up)


def _places(rules: Sequence[Rule]) -> tuple[float, ...]:
    places: list[float] = []
    for at in sorted(rule.at for rule in rules):
        if not places or at - places[-1] > _TOUCH:
            places.append(at)
    return tuple(places)


def places_across(found: Sequence[Grid]) -> Callable[[float], Sequence[float]] | None:
    """Tells where upright rules stand at a height, from the left; None without grids."""
    if not found:
        return None

    def places(baseline: float) -> list[float]:
        grids = (grid for grid in found if grid.up[0] < baseline < grid.up[-1])
        return sorted(at for grid in grids for at in grid.across)

    return places


def with_ruled_tables(lines: Sequence[Line], found: Sequence[Grid]) -> list[Line | Table]:
    """The lines with those in a grid replaced by its table, where its first line stood."""
    items: list[Line | Table] = list(lines)
    for grid in found:
        inside = [item for item in items if isinstance(item, Line) and _is_inside(item, grid)]
        table = _table(inside, grid) if inside else None
        if table is not None:
            items[items.index(inside[0])] = table
            gone = set(map(id, inside))
            items = [item for item in items if id(item) not in gone]
    return items


def _is_inside(line: Line, grid: Grid) -> bool:
    middle = line.baseline + 0.3 * line.size
    return grid.holds(line.left + 1, middle) and grid.holds(line.right - 1, middle)


def _table(lines: Sequence[Line], grid: Grid) -> Table | None:
    cells: dict[tuple[int, int], list[str]] = {}
    for line in lines:
        row = len(grid.up) - 1 - bisect_right(grid.up, line.baseline + 0.3 * line.size)
        for cell in line.cells or (Cell(line.text, line.left, line.right),):
            column = bisect_right(grid.across, (cell.left + cell.right) / 2) - 1
            cells.setdefault((row, column), []).append(cell.text)
    rows, columns = len(grid.up) - 1, len(grid.across) - 1
    is_table = len({row for row, _ in cells}) > 1 and len({column for _, column in cells}) > 1
    if not is_table or len(cells) < _LEAST_FILLED * rows * columns:
        return None
    texts = [[join_lines(cells.get((r, c), [])) for c in range(columns)] for r in range(rows)]
    return Table(texts, grid.across[0], grid.across[-1], grid.up[-1], grid.up[0], lines[0].size)

"""The reading order of a page whose file draws its text in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.readers.pdf_lines import Line
from ingest.readers.pdf_tables import Table

_PITCH = 1.5  # times the font size: lines of one run stand closer
_COLUMN_LINES = 3  # fewer beside others are a note in the margin
_PROSE_CELL = 20  # characters: a line of a column has more, but for a paragraph's last
_MOST_RUNS = 120  # a page in more pieces is a drawing: its order is left alone


@dataclass(slots=True)
class _Run:
    """Items below each other, and the box around them in points (y grows upwards)."""

    items: list[Line | Table]
    left: float
    right: float
    top: float
    bottom: float

    def add(self, item: Line | Table) -> None:
        self.items.append(item)
        top, bottom = _heights(item)
        self.left, self.right = min(self.left, item.left), max(self.right, item.right)
        self.top, self.bottom = max(self.top, top), min(self.bottom, bottom)


def in_reading_order(items: Sequence[Line | Table]) -> list[Line | Table]:
    """The items as a reader meets them: columns after each other, each from its top down.

    Most files draw text in that order already, so it is touched only where an item stands above
    one that was drawn before it in the same column. The rules are those of Breuel, "High
    Performance Document Layout Analysis" (2003).
    """
    items = _with_columns_parted(items)
    runs = _runs(items)
    if len(runs) > _MOST_RUNS or not _is_mixed(runs):
        return items
    return [item for run in _sorted(runs) for item in run.items]


def _with_columns_parted(items: Sequence[Line | Table]) -> list[Line | Table]:
    """Lines of two columns that were drawn, and so were read, as one line: each by itself."""
    parted: list[Line | Table] = []
    at = 0
    while at < len(items):
        block = _abreast(items, at)
        if len(block) < _COLUMN_LINES:
            parted.append(items[at])
            at += 1
            continue
        sides = [part for line in block for part in _parts(line)]
        gutter = max(line.cells[0].right for line in block if line.cells)
        parted += [part for part in sides if part.right <= gutter]
        parted += [part for part in sides if part.right > gutter]
        at += len(block)
    return parted


def _abreast(items: Sequence[Line | Table], at: int) -> list[Line]:
    """The lines from here on that leave the same gutter free, the first of them a pair."""
    left, right = 0.0, float("inf")  # of the gutter
    block: list[Line] = []
    for item in items[at:]:
        if not isinstance(item, Line):
            break
        if _is_pair(item):
            left, right = max(left, item.cells[0].right), min(right, item.cells[1].left)
            if left >= right:
                break
        elif not block or item.cells or item.left < left < item.right:
            break
        block.append(item)
    while block and not block[-1].cells:
        block.pop()
    return block if block and block[0].cells else []


def _is_pair(line: Line) -> bool:
    return len(line.cells) == 2 and all(len(cell.text) > _PROSE_CELL for cell in line.cells)


def _parts(line: Line) -> list[Line]:
    return [
        Line(cell.text, cell.left, cell.right, line.baseline, line.size, weight=line.weight)
        for cell in line.cells
    ] or [line]


def _heights(item: Line | Table) -> tuple[float, float]:
    if isinstance(item, Table):
        return item.top + 0.7 * item.size, item.bottom
    return item.baseline + 0.7 * item.size, item.baseline


def _runs(items: Sequence[Line | Table]) -> list[_Run]:
    runs: list[_Run] = []
    for item in items:
        top, bottom = _heights(item)
        if runs and _goes_on(runs[-1], item, top, bottom):
            runs[-1].add(item)
        else:
            runs.append(_Run([item], item.left, item.right, top, bottom))
    return runs


def _goes_on(run: _Run, item: Line | Table, top: float, bottom: float) -> bool:
    _, last_bottom = _heights(run.items[-1])
    if abs(bottom - last_bottom) < 0.6 * item.size:  # the same line, drawn in pieces
        return run.items[-1].right - item.size <= item.left < run.items[-1].right + 4 * item.size
    is_below = -0.5 * item.size < last_bottom - top < _PITCH * item.size
    return is_below and item.left < run.right and item.right > run.left


def _is_mixed(runs: Sequence[_Run]) -> bool:
    """Whether a run stands above one that was drawn before it, or in the column left of it."""
    return any(
        (late.bottom >= early.top - 1 and late.left < early.right - 1)
        or _is_column_left_of(late, early)
        for at, early in enumerate(runs)
        for late in runs[at + 1 :]
    )


def _is_column_left_of(late: _Run, early: _Run) -> bool:
    beside = min(late.top, early.top) - max(late.bottom, early.bottom)
    is_tall = min(len(late.items), len(early.items)) >= _COLUMN_LINES
    return is_tall and beside > 0 and late.right <= early.left + 1


def _sorted(runs: Sequence[_Run]) -> list[_Run]:
    count = len(runs)
    followers: list[list[int]] = [[] for _ in runs]
    waits = [0] * count
    for one in range(count):
        for other in range(count):
            if one != other and _is_before(runs[one], runs[other], runs):
                followers[one].append(other)
                waits[other] += 1
    left = set(range(count))
    ordered = []
    while left:
        free = [index for index in left if waits[index] == 0]
        # Runs that overlap may wait for each other in a ring: then the highest goes first.
        index = min(free) if free else max(left, key=lambda i: runs[i].top)
        left.remove(index)
        ordered.append(runs[index])
        for follower in followers[index]:
            waits[follower] -= 1
    return ordered


def _is_before(one: _Run, other: _Run, runs: Sequence[_Run]) -> bool:
    if _overlap_across(one, other):
        return one.top > other.top
    if one.left >= other.left:
        return False
    low, high = min(one.bottom, other.bottom), max(one.top, other.top)
    return not any(  # what spans both columns, and stands between them, parts them
        low < run.bottom
        and run.top < high
        and _overlap_across(run, one)
        and _overlap_across(run, other)
        for run in runs
        if run is not one and run is not other
    )


def _overlap_across(one: _Run, other: _Run) -> bool:
    return min(one.right, other.right) - max(one.left, other.left) > 1

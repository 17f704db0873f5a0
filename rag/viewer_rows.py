"""Tables in a document's stored text: their rows, their header, and the rows' own numbers.

A long table is stored in blocks of lines `| a | b |` under headings `rows 101-200`; the first
block alone holds the header.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from rag.types import StoredChunk

ROWS = re.compile(r"rows (\d+)-(\d+)")
_LINE = re.compile(r"\| .* \|[ \t]*")
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")  # the line under a Markdown header
_GAP = "\n\n"  # between blocks

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Neighbouring rows: where their lines stand, and the row number of the first, if known.

    `header` is where the line that names the columns stands; it is the first row or an earlier one.
    """

    rows: tuple[Span, ...]
    first_number: int | None
    header: Span

    def numbers(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and the last row that the span touches, if rows have numbers."""
        touched = [i for i, (a, b) in enumerate(self.rows) if a < end and start < b]
        if self.first_number is None or not touched:
            return None
        return self.first_number + touched[0], self.first_number + touched[-1]

    def leads_to(self, start: int, number: int) -> bool:
        """Whether the row of this number, at this position, is the next of the table."""
        is_next = self.first_number is not None and self.first_number + len(self.rows) == number
        return is_next and self.rows[-1][1] + len(_GAP) == start


def is_row(line: str) -> bool:
    """Whether a line is a row of a table."""
    return _LINE.fullmatch(line) is not None


def cell_spans(text: str, start: int, end: int) -> list[Span]:
    """Where the cells of the row `text[start:end]` stand, without the spaces around them."""
    spans, at = [], start + 2
    for cell in text[start:end].rstrip()[2:-2].split(" | "):
        inner = at + len(cell) - len(cell.lstrip())
        spans.append((inner, max(inner, at + len(cell.rstrip()))))
        at += len(cell) + 3
    return spans


def lines(text: str, first: int, last: int) -> Iterator[Span]:
    """The lines of `text[first:last]`, without their line ends."""
    while first < last:
        end = text.find("\n", first, last)
        end = last if end < 0 else end
        yield first, end
        first = end + 1


def block_at(
    text: str,
    position: int,
    chunks: Sequence[StoredChunk],
    before: TableBlock | None = None,
) -> TableBlock | None:
    """The block of rows that the line at a position belongs to; None if that is no row.

    A block that goes on from the one `before` takes its header, without looking for it again.
    """
    rows = _rows_around(text, position)
    if not rows:
        return None
    place = _place(rows, chunks)
    header = rows[0]
    if place is not None and before is not None and before.leads_to(rows[0][0], place[0]):
        header = before.header
    elif place is not None:
        for earlier in _earlier_blocks(text, rows, place[0], chunks):
            header = earlier[0]
    kept = tuple(row for row in rows if not _RULE.fullmatch(text[slice(*row)]))
    return TableBlock(kept, place[0] if place else None, header)


def _rows_around(text: str, position: int) -> list[Span]:
    """The lines next to each other that are rows, with that at the position; none if it is not."""
    start = text.rfind("\n", 0, position) + 1
    while start and is_row(text[(before := text.rfind("\n", 0, start - 1) + 1) : start - 1]):
        start = before
    rows = takewhile(lambda span: is_row(text[slice(*span)]), lines(text, start, len(text)))
    found = list(rows)
    return found if found and position <= found[-1][1] else []


def _place(rows: Sequence[Span], chunks: Sequence[StoredChunk]) -> Span | None:
    """The numbers of the first and the last row, if the headings tell and every row is there."""
    index = bisect_right(chunks, rows[0][0], key=lambda chunk: chunk.start) - 1
    headings = chunks[index].headings if index >= 0 else ()
    found = ROWS.fullmatch(headings[-1]) if headings else None
    numbers = (int(found[1]), int(found[2])) if found else (0, 0)
    return numbers if numbers[1] - numbers[0] + 1 == len(rows) else None


def _earlier_blocks(
    text: str, rows: Sequence[Span], number: int, chunks: Sequence[StoredChunk]
) -> Iterator[list[Span]]:
    """The blocks before, back to the table's first, while their numbers lead up to these."""
    start = rows[0][0]
    while text.startswith(_GAP, start - len(_GAP)):
        before = _rows_around(text, start - len(_GAP))
        place = _place(before, chunks) if before else None
        if place is None or place[1] != number - 1:
            return
        yield before
        start, number = before[0][0], place[0]

"""DocumentBuilder: readers add blocks in reading order, it keeps text and offsets true."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from rag.types import Block, BlockKind, Document

SEPARATOR = "\n\n"
ROWS_PER_BLOCK = 100  # of a long table: few enough for a citation to say where, and for memory
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Controls, the byte-order mark, noncharacters, and lone surrogates, which UTF-8 cannot hold.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_CJK = "\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
CJK = re.compile(f"[{_CJK}]")


def clean(text: str) -> str:
    """Make every line break a newline and drop control characters other than newline and tab."""
    if text.isprintable():
        return text  # nothing of the kind; most table cells end here
    return _CONTROLS.sub("", _LINE_BREAKS.sub("\n", text))


def join_lines(lines: Iterable[str]) -> str:
    """Undo wrapping: lines join with a space, or with nothing next to a CJK character."""
    joined = ""
    for line in (" ".join(line.split()) for line in lines):
        tight = not joined or not line or CJK.match(joined[-1]) or CJK.match(line)
        joined += line if tight else " " + line
    return joined


def table_line(cells: Iterable[str]) -> str:
    """One table row on one line: `| a | b |`."""
    return "| " + " | ".join(join_lines(cell.split("\n")) for cell in cells) + " |"


class DocumentBuilder:
    """Collects blocks; empty ones are ignored."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._headings: list[tuple[int, str]] = []
        self._notes: list[str] = []
        self._length = 0
        self._page: int | None = None

    @property
    def has_text(self) -> bool:
        """Whether anything was added yet."""
        return bool(self._blocks)

    def set_page(self, page: int | None) -> None:
        """Set the page (1-based) of the blocks to come."""
        self._page = page

    def reset_headings(self) -> None:
        """Forget the heading path, as at the start of a slide."""
        self._headings.clear()

    def add_heading(self, level: int, text: str) -> None:
        """Add a heading; it ends every heading of its level or deeper."""
        text = join_lines(clean(text).split("\n"))
        if not text:
            return
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        self._add("heading", text)
        self._headings.append((level, text))

    def add_paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self._add("paragraph", text)

    def add_list_item(self, text: str, marker: str = "-") -> None:
        """Add one item of a list, with its bullet or number."""
        if text := clean(text).strip():
            self._add("list", f"{marker} {text}")

    def add_code(self, text: str, place: str = "") -> None:
        """Add code, its indentation kept; `place`, such as a function, ends its heading path."""
        self._add("code", text, extra=_path(place))

    def add_table(self, rows: list[list[str]], place: str = "") -> None:
        """Add a table whose first row is its header; blank rows and columns are dropped."""
        filled = [row for row in map(_clean_row, rows) if any(row)]
        columns = _filled_columns(filled)
        if len(columns) == 1 and len(filled) == 1:
            self._add("paragraph", filled[0][columns[0]], extra=_path(place))
        elif columns:
            lines = [_line(row, columns) for row in filled]
            self._add("table", "\n".join(lines), header=lines[0], extra=_path(place))

    def add_rows(self, rows: Iterable[tuple[int, list[str]]]) -> None:
        """Add a table of any length, block by block, from (row number, cells) as they come.

        The first row is the header, which later blocks carry without repeating its text; each
        block's heading path ends with its `rows a-b`.
        """
        filled = (
            (number, row) for number, row in ((n, _clean_row(r)) for n, r in rows) if any(row)
        )
        header: list[str] = []
        while batch := list(islice(filled, ROWS_PER_BLOCK)):
            place = f"rows {batch[0][0]}-{batch[-1][0]}"
            cells = [row for _, row in batch]
            if not header:
                header = cells[0]
                self.add_table(cells, place)
                continue
            columns = _filled_columns([header, *cells])
            text = "\n".join(_line(row, columns) for row in cells)
            self._add("table", text, header=_line(header, columns), extra=(place,))

    def add_record(self, path: str, text: str) -> None:
        """Add a record; its path in the file ends its heading path."""
        self._add("record", text, extra=_path(path))

    def add_document(self, document: Document) -> None:
        """Add all of another document under the present headings; its pages stay."""
        for block in document.blocks:
            self._page = block.page
            text = document.text[block.start : block.end]
            self._add(block.kind, text, block.header, block.headings)
        self._page = None
        self._notes += document.notes

    def add_note(self, note: str) -> None:
        """Say what was odd or left out; notes are not part of the text."""
        self._notes.append(note)

    def build(self, title: str) -> Document:
        """Return the document as added so far."""
        title = join_lines(clean(title).split("\n"))
        return Document(title, "".join(self._parts), tuple(self._blocks), tuple(self._notes))

    def _add(
        self, kind: BlockKind, text: str, header: str = "", extra: tuple[str, ...] = ()
    ) -> None:
        lines = [line.rstrip() for line in clean(text).split("\n")]
        text = "\n".join(lines).strip("\n")
        if kind != "code":
            text = text.strip()
        if not text:
            return
        if self._parts:
            self._parts.append(SEPARATOR)
            self._length += len(SEPARATOR)
        start, end = self._length, self._length + len(text)
        headings = tuple(heading for _, heading in self._headings) + extra
        self._blocks.append(Block(start, end, kind, headings, self._page, header))
        self._parts.append(text)
        self._length = end


def _path(place: str) -> tuple[str, ...]:
    place = join_lines(clean(place).split("\n"))
    return (place,) if place else ()


def _clean_row(row: list[str]) -> list[str]:
    return [clean(cell).strip() for cell in row]


def _filled_columns(rows: list[list[str]]) -> list[int]:
    """The columns that hold anything, in order."""
    return sorted({index for row in rows for index, cell in enumerate(row) if cell})


def _line(row: list[str], columns: list[int]) -> str:
    return table_line(row[index] if index < len(row) else "" for index in columns)

"""DocumentBuilder: readers add blocks in reading order, it keeps text and offsets true."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rag.types import Block, BlockKind, Document

SEPARATOR = "\n\n"
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Controls, the byte-order mark, noncharacters, and lone surrogates, which UTF-8 cannot hold.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_CJK = "\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
CJK = re.compile(f"[{_CJK}]")
_SPACES = re.compile(r"[^\S\n]+")


def clean(text: str) -> str:
    """Make every line break a newline and drop control characters other than newline and tab."""
    return _CONTROLS.sub("", _LINE_BREAKS.sub("\n", text))


def join_lines(lines: Iterable[str]) -> str:
    """Undo wrapping: lines join with a space, or with nothing next to a CJK character."""
    joined = ""
    for line in (_SPACES.sub(" ", line).strip() for line in lines):
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
        self._length = 0
        self._page: int | None = None

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

    def add_code(self, text: str) -> None:
        """Add code, its indentation kept."""
        self._add("code", text)

    def add_table(self, rows: list[list[str]]) -> None:
        """Add a table whose first row is its header; blank rows and columns are dropped."""
        cleaned = [[clean(cell).strip() for cell in row] for row in rows]
        filled = [row for row in cleaned if any(row)]
        width = max(map(len, filled), default=0)
        padded = [row + [""] * (width - len(row)) for row in filled]
        columns = [i for i in range(width) if any(row[i] for row in padded)]
        if len(columns) == 1 and len(padded) == 1:
            self.add_paragraph(padded[0][columns[0]])
        elif columns:
            lines = [table_line(row[i] for i in columns) for row in padded]
            self._add("table", "\n".join(lines), header=lines[0])

    def add_record(self, path: str, text: str) -> None:
        """Add a record; its path in the file ends its heading path."""
        self._add("record", text, extra=(clean(path),))

    def build(self, title: str) -> Document:
        """Return the document as added so far."""
        title = join_lines(clean(title).split("\n"))
        return Document(title=title, text="".join(self._parts), blocks=tuple(self._blocks))

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

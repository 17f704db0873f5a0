"""Word files, from their XML: numbering, notes, text boxes and formulas have no other way in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.charts import add_chart
from ingest.readers.formulas import formula_text
from ingest.readers.ooxml import Package
from ingest.readers.remarks import remark
from ingest.readers.titles import document_title
from ingest.readers.word_hidden import is_vanished, is_white
from ingest.readers.word_styles import Numbering, Style, W, outline_level, read_styles, value
from ingest.readers.xml_tree import local_name
from rag.types import Document

MAX_HEADING_CHARACTERS = 200
MAX_SPAN = 50  # columns that one cell may fill
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
# Holders whose content counts as their parent's; what was deleted or moved away is none of them.
_HOLDERS = frozenset(
    {"hyperlink", "ins", "moveTo", "smartTag", "sdt", "sdtContent", "fldSimple", "customXml",
     "dir", "bdo", "ruby", "rubyBase"}
)  # fmt: skip
_DRAWINGS = frozenset({"drawing", "pict", "object"})
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_RELATION = f"{_R}dm"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_A_TEXT = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"
_A_PARAGRAPH = "{http://schemas.openxmlformats.org/drawingml/2006/main}p"


def read_docx(path: Path) -> Document:
    """Read a Word file's body in order; the title is its Title paragraph, else its property."""
    with zipfile.ZipFile(path) as archive:
        package = Package(archive)
        builder = DocumentBuilder()
        walker = _Walker(builder, package)
        walker.add_body()
        return builder.build(walker.title or document_title(package.title(), path))


class _Walker:
    """Adds paragraphs and tables, and after each the notes and text boxes anchored in it."""

    def __init__(self, builder: DocumentBuilder, package: Package) -> None:
        self.title = ""
        self._builder = builder
        self._package = package
        self._main = package.main_part()
        self._styles = read_styles(package.related_tree(self._main, "styles"))
        self._numbering = Numbering(package.related_tree(self._main, "numbering"))
        self._notes = {
            kind: _by_id(package.related_tree(self._main, f"{kind}s"))
            for kind in ("footnote", "endnote", "comment")
        }
        self._note_count = 0
        self._num_white = 0  # characters that nobody sees
        self._pending: list[Any] = []  # text boxes and notes, added after their paragraph
        self._code: list[str] = []  # lines of code paragraphs that follow each other

    def add_body(self) -> None:
        """Add the whole document."""
        self._add_all(self._package.tree(self._main).find(f"{W}body"))
        self._flush_code()
        if self._num_white:
            self._builder.add_note(f"{self._num_white} characters in white on white were left out")

    def _add_all(self, element: Any) -> None:
        for child in _resolve_choices(element):
            name = local_name(child)
            if name == "p":
                self._add_paragraph(child)
            elif name == "tbl":
                self._flush_code()
                self._add_table(child)
            elif name in _HOLDERS and not _is_contents(child):
                self._add_all(child)
            else:
                continue
            self._add_pending()

    def _add_pending(self) -> None:
        while self._pending:
            pending = self._pending
            self._pending = []
            for item in pending:
                if isinstance(item, str):
                    self._builder.add_paragraph(item)
                elif local_name(item) == "chartSpace":
                    add_chart(self._builder, item)
                else:
                    self._add_all(item)

    def _add_paragraph(self, paragraph: Any) -> None:
        style = self._style(paragraph)
        text = self._text(paragraph)
        if style.is_code and not style.is_contents:
            self._code.append(text)
            return
        self._flush_code()
        if style.is_contents or not text.strip():
            return
        label = self._label(paragraph, style)
        level = outline_level(paragraph)
        level = style.level if level is None else level
        if level is not None and level < 9 and len(text) <= MAX_HEADING_CHARACTERS:
            if level == 0 and not self.title:
                self.title = text.strip()
            self._builder.add_heading(level, f"{label} {text}" if label.strip("-") else text)
        elif label or style.name.startswith("List"):
            self._builder.add_list_item(text, label or "-")
        else:
            self._builder.add_paragraph(text)

    def _flush_code(self) -> None:
        if self._code:
            self._builder.add_code("\n".join(self._code))
            self._code = []

    def _style(self, paragraph: Any) -> Style:
        name = value(paragraph, "pPr/pStyle") or ""
        return self._styles.get(name) or self._styles.get("") or Style()

    def _label(self, paragraph: Any, style: Style) -> str:
        number = value(paragraph, "pPr/numPr/numId")
        level = value(paragraph, "pPr/numPr/ilvl")
        own_level = int(level) if level and level.isdecimal() else style.number_level
        return self._numbering.label(style.number_id if number is None else number, own_level)

    # Text within a paragraph

    def _text(self, element: Any) -> str:
        return "".join(self._inline(element))

    def _inline(self, element: Any) -> Iterator[str]:
        for child in _resolve_choices(element):
            name = local_name(child)
            if name == "r" and child.tag == f"{W}r":
                if is_vanished(child):
                    continue
                if is_white(child):
                    self._num_white += len("".join(self._run(child)))
                else:
                    yield from self._run(child)
            elif name in ("oMath", "oMathPara"):
                yield formula_text(child)
            elif name in _HOLDERS:
                yield from self._inline(child)

    def _run(self, run: Any) -> Iterator[str]:
        for child in _resolve_choices(run):
            name = local_name(child)
            if name == "t":
                yield child.text or ""
            elif name in _SIGNS:
                yield _SIGNS[name]
            elif name == "sym":
                yield _symbol(child.get(f"{W}char", ""))
            elif name in ("footnoteReference", "endnoteReference"):
                yield self._note(name.removesuffix("Reference"), child.get(f"{W}id", ""))
            elif name in _DRAWINGS:
                self._pending += _boxes(child)
                self._pending += self._diagrams(child)
                self._pending += self._charts(child)
            elif name == "commentReference":
                self._pending += self._remarks(child.get(f"{W}id", ""))
            elif name == "ruby" or name == "rubyBase":
                yield from self._inline(child)

    def _note(self, kind: str, name: str) -> str:
        note = self._notes[kind].get(name)
        if note is None:
            return ""
        self._note_count += 1
        mark = f"[^{self._note_count}]"
        texts = [self._text(paragraph).strip() for paragraph in note.iter(f"{W}p")]
        self._pending.append(f"{mark}: " + "\n".join(filter(None, texts)))
        return mark

    def _diagrams(self, drawing: Any) -> Iterator[str]:
        for relations in drawing.iter(_DIAGRAM):
            name = self._package.target(self._main, relations.get(_RELATION, ""))
            if name:
                for paragraph in self._package.tree(name).iter(_A_PARAGRAPH):
                    yield "".join(text.text or "" for text in paragraph.iter(_A_TEXT))

    def _charts(self, drawing: Any) -> Iterator[Any]:
        for chart in drawing.iter(_CHART):
            name = self._package.target(self._main, chart.get(f"{_R}id", ""))
            try:
                if name:
                    yield self._package.tree(name)
            except (KeyError, ValueError, SyntaxError) as error:
                self._builder.add_note(f"the chart {name} cannot be read ({error})")

    def _remarks(self, name: str) -> Iterator[str]:
        comment = self._notes["comment"].get(name)
        if comment is not None:
            texts = [self._text(paragraph).strip() for paragraph in comment.iter(f"{W}p")]
            yield remark(comment.get(f"{W}author"), "\n".join(filter(None, texts)))

    # Tables

    def _add_table(self, table: Any) -> None:
        rows = list(_rows(table))
        cells = [cell for row in rows for cell in _cells(row)]
        if len(cells) == 1:
            self._add_all(cells[0])  # a frame around text, not a table
            return
        above: dict[int, str] = {}
        self._builder.add_table([self._row_texts(row, above) for row in rows])

    def _row_texts(self, row: Any, above: dict[int, str]) -> list[str]:
        """A row's cells by column; what is merged downwards is repeated: rows stand alone."""
        texts = [""] * _count(value(row, "trPr/gridBefore"), 0)
        for cell in _cells(row):
            column = len(texts)
            text = self._cell_text(cell)
            merge = cell.find(f"{W}tcPr/{W}vMerge")
            if merge is not None and merge.get(f"{W}val", "continue") == "continue":
                text = text.strip() or above.get(column, "")
            above[column] = text
            texts += [text, *[""] * (_count(value(cell, "tcPr/gridSpan"), 1) - 1)]
        return texts

    def _cell_text(self, cell: Any) -> str:
        lines: list[str] = []
        for child in _flat(cell):
            if local_name(child) == "p":
                text = self._text(child)
                label = self._label(child, self._style(child)) if text.strip() else ""
                lines.append(f"{label} {text}" if label else text)
            elif local_name(child) == "tbl":
                rows = [[self._cell_text(one) for one in _cells(row)] for row in _rows(child)]
                lines += [", ".join(filter(None, row)) for row in rows]
        return "\n".join(filter(str.strip, lines))


def _resolve_choices(element: Any) -> Iterator[Any]:
    """The children; of alternatives, which say the same twice, the first."""
    for child in element:
        if local_name(child) == "AlternateContent":
            options = [option for option in child if local_name(option) in ("Choice", "Fallback")]
            if options:
                yield from _resolve_choices(options[0])
        else:
            yield child


def _flat(element: Any) -> Iterator[Any]:
    """The children, those inside holders too."""
    for child in _resolve_choices(element):
        if local_name(child) in _HOLDERS:
            yield from _flat(child)
        else:
            yield child


def _rows(table: Any) -> Iterator[Any]:
    for row in _flat(table):
        if local_name(row) == "tr" and row.find(f"{W}trPr/{W}del") is None:
            yield row


def _cells(row: Any) -> list[Any]:
    return [cell for cell in _flat(row) if local_name(cell) == "tc"]


def _count(text: str | None, missing: int) -> int:
    return min(int(text), MAX_SPAN) if text and text.isdecimal() else missing


def _boxes(drawing: Any) -> list[Any]:
    """The text boxes of a drawing, those inside another one left to it."""
    found: list[Any] = []
    for child in _resolve_choices(drawing):
        if child.tag == f"{W}txbxContent":
            found.append(child)
        else:
            found += _boxes(child)
    return found


def _by_id(tree: Any) -> dict[str, Any]:
    """Notes by id, without the lines that part them from the text."""
    notes = tree if tree is not None else ()
    return {
        note.get(f"{W}id", ""): note
        for note in notes
        if local_name(note) and note.get(f"{W}type", "normal") == "normal"
    }


def _is_contents(element: Any) -> bool:
    gallery = element.find(f"{W}sdtPr/{W}docPartObj/{W}docPartGallery")
    return gallery is not None and "table of contents" in gallery.get(f"{W}val", "").lower()


def _symbol(code: str) -> str:
    """A sign by its code; symbol fonts put theirs where no meaning is known."""
    try:
        sign = int(code, 16)
    except ValueError:
        return ""
    return "" if 0xE000 <= sign <= 0xF8FF or sign > 0x10FFFF else chr(sign)

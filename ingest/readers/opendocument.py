"""OpenDocument texts, spreadsheets and presentations, from their XML."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.titles import document_title
from ingest.readers.xml_tree import local_name, parse_xml
from rag.errors import ReadError
from rag.types import Document

_BASE = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT, _TABLE, _DRAW, _OFFICE, _STYLE, _PRESENTATION = (
    f"{{{_BASE}{name}:1.0}}"
    for name in ("text", "table", "drawing", "office", "style", "presentation")
)
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_SKIPPED = frozenset(
    {"tracked-changes", "annotation", "annotation-end", "table-of-content", "forms",
     "alphabetical-index", "sequence-decls", "ruby-text", "desc", "title"}
)  # fmt: skip
_HOLDERS = frozenset(
    {"section", "index-body", "text", "frame", "text-box", "g", "custom-shape", "rect", "ellipse",
     "a", "page", "notes", "object"}
)  # fmt: skip
MAX_REPEATS = 1_000  # of a cell or row that holds something


def read_odt(path: Path) -> Document:
    """Read a text: headings, paragraphs, lists, tables, notes and text boxes."""
    body, title, styles = _open(path)
    builder = DocumentBuilder()
    walker = _Walker(builder, styles)
    for child in body:
        walker.add(child)
    return builder.build(document_title(title, path))


def read_odp(path: Path) -> Document:
    """Read slides as pages, the title of each as its heading, the speaker's notes last."""
    body, title, styles = _open(path)
    builder = DocumentBuilder()
    walker = _Walker(builder, styles)
    for number, page in enumerate(body.iter(f"{_DRAW}page"), start=1):
        builder.set_page(number)
        builder.reset_headings()
        shapes = sorted(page, key=_reading_rank)
        for shape in shapes:
            if shape.get(f"{_PRESENTATION}class") == "title":
                texts = [_inline(paragraph) for paragraph in shape.iter(f"{_TEXT}p")]
                builder.add_heading(1, " ".join(texts))
            else:
                walker.add(shape)
    return builder.build(document_title(title, path))


def _reading_rank(shape: Any) -> int:
    if local_name(shape) == "notes":
        return 2
    return 0 if shape.get(f"{_PRESENTATION}class") == "title" else 1


def read_ods(path: Path) -> Document:
    """Read visible sheets, cells as they are shown; rows are numbered as in the program."""
    body, title, styles = _open(path)
    builder = DocumentBuilder()
    for sheet in body.iter(f"{_TABLE}table"):
        if styles.get(sheet.get(f"{_TABLE}style-name"), "") == "hidden":
            continue
        builder.add_heading(1, sheet.get(f"{_TABLE}name", ""))
        builder.add_rows(_numbered_rows(sheet))
    return builder.build(document_title(title, path))


def _open(path: Path) -> tuple[Any, str, dict[str | None, str]]:
    """The body, the title in the properties, and what the styles say of headings and lists."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        content = parse_xml(archive.read("content.xml"))
        trees = [content]
        if "styles.xml" in names:
            trees.append(parse_xml(archive.read("styles.xml")))
        title = ""
        if "meta.xml" in names:
            title = (parse_xml(archive.read("meta.xml")).findtext(f".//{_DC_TITLE}") or "").strip()
    body = content.find(f"{_OFFICE}body")
    if body is None or not len(body):
        raise ReadError("damaged", f"{path}: it has no body; save it anew in its program")
    styles: dict[str | None, str] = {}
    for tree in trees:
        styles.update(_read_styles(tree))
    return body[0], title, styles


def _read_styles(tree: Any) -> Iterator[tuple[str, str]]:
    for style in tree.iter(f"{_STYLE}style"):
        name, parent = style.get(f"{_STYLE}name", ""), style.get(f"{_STYLE}parent-style-name", "")
        if style.find(f"{_STYLE}table-properties[@{_TABLE}display='false']") is not None:
            yield name, "hidden"
        elif "Title" in (name, parent):
            yield name, "title"
        elif "Preformatted_20_Text" in (name, parent):
            yield name, "code"
    for style in tree.iter(f"{_TEXT}list-style"):
        if style.find(f"{_TEXT}list-level-style-number") is not None:
            yield style.get(f"{_STYLE}name", ""), "numbered"


class _Walker:
    """Adds the elements of a text in order."""

    def __init__(self, builder: DocumentBuilder, styles: dict[str | None, str]) -> None:
        self._builder = builder
        self._styles = styles

    def add(self, element: Any) -> None:
        """Add an element and all that stands in it."""
        name = local_name(element)
        if name == "h":
            level = element.get(f"{_TEXT}outline-level", "1")
            self._builder.add_heading(int(level) if level.isdecimal() else 1, _inline(element))
            self._add_asides(element)
        elif name == "p":
            self._add_paragraph(element)
        elif name == "list":
            self._add_list(element, "")
        elif name == "table":
            self._builder.add_table([cells for _, cells in _numbered_rows(element)])
        elif name in _HOLDERS:
            for child in element:
                self.add(child)

    def _add_paragraph(self, element: Any) -> None:
        style = self._styles.get(element.get(f"{_TEXT}style-name"), "")
        text = _inline(element)
        if style == "title":
            self._builder.add_heading(0, text)
        elif style == "code":
            self._builder.add_code(text)
        else:
            self._builder.add_paragraph(text)
        self._add_asides(element)

    def _add_asides(self, element: Any) -> None:
        """Notes and text boxes, after the paragraph that they are anchored in."""
        for note in element.iter(f"{_TEXT}note"):
            citation = note.findtext(f"{_TEXT}note-citation") or ""
            texts = [_inline(paragraph) for paragraph in note.iter(f"{_TEXT}p")]
            self._builder.add_paragraph(f"[^{citation.strip()}]: " + "\n".join(texts))
        for box in element.iter(f"{_DRAW}text-box"):
            for child in box:
                self.add(child)

    def _add_list(self, element: Any, style: str) -> None:
        style = self._styles.get(element.get(f"{_TEXT}style-name"), "") or style
        number = 0
        for item in element:
            number += local_name(item) == "list-item"
            marker = f"{number}." if style == "numbered" else "-"
            for child in item:
                name = local_name(child)
                if name == "p":
                    self._builder.add_list_item(_inline(child), marker)
                    self._add_asides(child)
                elif name == "list":
                    self._add_list(child, style)
                else:
                    self.add(child)


def _inline(element: Any) -> str:
    """The text of a paragraph, without what is anchored in it."""
    parts = [element.text or ""]
    for child in element:
        name = local_name(child)
        if name == "s":
            count = child.get(f"{_TEXT}c", "1")
            parts.append(" " * (int(count) if count.isdecimal() else 1))
        elif name in ("tab", "line-break"):
            parts.append("\t" if name == "tab" else "\n")
        elif name == "note":
            parts.append(f"[^{(child.findtext(f'{_TEXT}note-citation') or '').strip()}]")
        elif name and name not in _SKIPPED and name not in ("text-box", "frame", "custom-shape"):
            parts.append(_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _numbered_rows(table: Any) -> Iterator[tuple[int, list[str]]]:
    number = 1
    for row in table.iter(f"{_TABLE}table-row"):
        if next(row.iterancestors(f"{_TABLE}table")) is not table:
            continue  # of a table in a cell
        repeats = _repeats(row, "number-rows-repeated")
        cells = _cells(row)
        if any(cells):
            for offset in range(min(repeats, MAX_REPEATS)):
                yield number + offset, cells
        number += repeats


def _cells(row: Any) -> list[str]:
    cells: list[str] = []
    blanks = 0
    for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        text = "\n".join(map(_inline, cell.iter(f"{_TEXT}p", f"{_TEXT}h")))
        repeats = _repeats(cell, "number-columns-repeated")
        if not text:
            blanks += repeats
            continue
        cells += [""] * min(blanks, MAX_REPEATS) + [text] * min(repeats, MAX_REPEATS)
        blanks = 0
    return cells


def _repeats(element: Any, name: str) -> int:
    with suppress(ValueError):
        return max(1, int(element.get(f"{_TABLE}{name}", "1")))
    return 1

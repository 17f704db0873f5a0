"""PowerPoint files: slides as pages, shapes in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.charts import add_chart
from ingest.readers.formulas import formula_text
from ingest.readers.remarks import names_by_id, slide_remarks
from ingest.readers.titles import document_title
from ingest.readers.xml_tree import local_name, parse_xml
from rag.types import Document

MIN_COLUMN_SHARE = 0.2  # of the shapes' width, that each side of a column cut must have
_DIAGRAM_KIND = "/diagramData"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def read_pptx(path: Path) -> Document:
    """Read slides as pages: title, texts, tables and charts, then the notes and the comments."""
    import pptx

    presentation = pptx.Presentation(str(path))
    builder = DocumentBuilder()
    authors: dict[str, str] = {}
    for tree in _related(presentation.part, ("commentAuthors", "authors")):
        authors |= names_by_id(tree)
    for number, slide in enumerate(presentation.slides, start=1):
        builder.set_page(number)
        builder.reset_headings()
        title = slide.shapes.title
        if title is not None:
            builder.add_heading(1, title.text_frame.text)
        for shape in reading_order(list(slide.shapes)):
            if title is None or shape.shape_id != title.shape_id:
                _add_shape(builder, shape)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.add_paragraph(slide.notes_slide.notes_text_frame.text)
        for tree in _related(slide.part, ("comments",)):
            for line in slide_remarks(tree, authors):
                builder.add_paragraph(line)
    return builder.build(document_title(presentation.core_properties.title, path))


def _related(part: Any, kinds: tuple[str, ...]) -> Iterator[Any]:
    """The XML of the parts that one is related to in these ways; broken ones are left out."""
    for relation in part.rels.values():
        if relation.reltype.rpartition("/")[2] in kinds and not relation.is_external:
            with suppress(ValueError, SyntaxError):
                yield parse_xml(relation.target_part.blob)


def reading_order(shapes: list[Any]) -> list[Any]:
    """Shapes row by row, and column by column where wide columns part them.

    Placeholders alone keep the layout's own order. Shapes without a place come last.
    """
    if all(shape.is_placeholder for shape in shapes):
        return shapes
    placed = [shape for shape in shapes if None not in (shape.left, shape.top)]
    return _cut(placed) + [shape for shape in shapes if shape not in placed]


def _cut(shapes: list[Any]) -> list[Any]:
    if len(shapes) < 2:
        return shapes
    columns = _parts(shapes, "left", "width")
    if _are_columns(columns):
        return [shape for column in columns for shape in _cut(column)]
    rows = _parts(shapes, "top", "height")
    if len(rows) > 1:
        return [shape for part in _join_rows(rows) for shape in _cut(part)]
    if len(columns) > 1:
        return [shape for column in columns for shape in _cut(column)]
    return sorted(shapes, key=lambda shape: (shape.top, shape.left))


def _join_rows(rows: list[list[Any]]) -> Iterator[list[Any]]:
    """The rows, those that make columns together as one; never all of them, which was tried."""
    first = 0
    while first < len(rows):
        last = len(rows) if first else len(rows) - 1
        for end in range(last, first + 1, -1):
            joined = [shape for row in rows[first:end] for shape in row]
            if _are_columns(_parts(joined, "left", "width")):
                break
        else:
            end, joined = first + 1, rows[first]
        yield joined
        first = end


def _parts(shapes: list[Any], start: str, size: str) -> list[list[Any]]:
    """Groups of shapes with a gap between them along one direction."""
    parts: list[list[Any]] = []
    reach = 0
    for shape in sorted(shapes, key=lambda shape: getattr(shape, start)):
        if not parts or getattr(shape, start) >= reach:
            parts.append([])
        parts[-1].append(shape)
        # A twentieth may overlap: boxes are larger than their text.
        end = getattr(shape, start) + int(0.95 * (getattr(shape, size) or 0))
        reach = max(reach, end)
    return parts


def _are_columns(columns: list[list[Any]]) -> bool:
    """Whether each holds several shapes and is wide: a row of labels is no column."""
    widths = [
        max(s.left + (s.width or 0) for s in column) - min(s.left for s in column)
        for column in columns
    ]
    if len(columns) < 2:
        return False
    is_wide = min(widths) >= MIN_COLUMN_SHARE * sum(widths)
    return is_wide and all(len(column) > 1 for column in columns)


def _add_shape(builder: DocumentBuilder, shape: Any) -> None:
    if hasattr(shape, "shapes"):
        for inner in reading_order(list(shape.shapes)):
            _add_shape(builder, inner)
    elif getattr(shape, "has_table", False) and shape.has_table:
        builder.add_table(_rows(shape.table))
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        add_chart(builder, shape.chart._chartSpace)
    elif shape.has_text_frame:
        _add_text(builder, shape)
    elif local_name(shape._element) == "graphicFrame":
        for text in _diagram_texts(shape):
            builder.add_list_item(text)


def _add_text(builder: DocumentBuilder, shape: Any) -> None:
    texts = [_paragraph_text(paragraph._p) for paragraph in shape.text_frame.paragraphs]
    is_list = shape.is_placeholder and sum(bool(text.strip()) for text in texts) > 1
    for text in texts:
        (builder.add_list_item if is_list else builder.add_paragraph)(text)


def _paragraph_text(element: Any) -> str:
    """The runs, line breaks, fields and formulas of a paragraph."""
    parts = []
    for child in element:
        name = local_name(child)
        if name in ("r", "fld"):
            parts += [text.text or "" for text in child.iter(f"{_A}t")]
        elif name == "br":
            parts.append("\n")
        elif name in ("m", "oMath", "oMathPara"):
            parts.append("".join(map(formula_text, child)))
        elif name == "AlternateContent" and len(child):
            parts.append(_paragraph_text(child[0]))
    return "".join(parts)


def _rows(table: Any) -> list[list[str]]:
    """The cells; what a merged cell covers is empty to the right, and repeated below."""
    rows: list[list[str]] = []
    for row in table.rows:
        texts = []
        for column, cell in enumerate(row.cells):
            is_below = cell.is_spanned and cell._tc.vMerge and not cell._tc.hMerge and rows
            texts.append(rows[-1][column] if is_below else cell.text_frame.text)
        rows.append(texts)
    return rows


def _diagram_texts(shape: Any) -> Iterator[str]:
    """The texts of a SmartArt graphic, in the order of its data."""
    relations: Iterable[Any] = shape.part.rels.values()
    named = {name for element in shape._element.iter() for name in element.attrib.values()}
    for relation in relations:
        if relation.reltype.endswith(_DIAGRAM_KIND) and relation.rId in named:
            for paragraph in parse_xml(relation.target_part.blob).iter(f"{_A}p"):
                yield "".join(text.text or "" for text in paragraph.iter(f"{_A}t"))

"""Word, PowerPoint and Excel files."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from rag.types import Document

_HEADING_STYLE = re.compile(r"(?:heading|标题)\s*(\d)", re.IGNORECASE)
# Runs of a paragraph, without text boxes (they stand twice) and moved-away text.
_RUNS = (
    ".//w:r[not(ancestor::w:txbxContent or ancestor::w:moveFrom)]"
    "/*[self::w:t or self::w:tab or self::w:br or self::w:cr or self::w:noBreakHyphen]"
)
_RUN_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def read_docx(path: Path) -> Document:
    """Read a Word file's body in order; the title is its Title paragraph, else its property."""
    import docx

    document = docx.Document(str(path))
    builder = DocumentBuilder()
    title = ""
    for item in _body_items(document.element.body, document):
        if not hasattr(item, "style") or hasattr(item, "rows"):
            builder.add_table([_docx_row(row) for row in item.rows])
            continue
        text = _paragraph_text(item)
        title = title or (text if _style_names(item)[:1] == ["Title"] else "")
        _add_docx_paragraph(builder, item, text)
    return builder.build(title.strip() or document.core_properties.title or path.stem)


def _body_items(element: Any, parent: Any) -> Iterator[Any]:
    """Paragraphs and tables, those inside content controls too."""
    from docx.oxml.ns import qn
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    for child in element.iterchildren():
        if child.tag == qn("w:p"):
            yield Paragraph(child, parent)
        elif child.tag == qn("w:tbl"):
            yield Table(child, parent)
        elif child.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins")):
            yield from _body_items(child, parent)


def _add_docx_paragraph(builder: DocumentBuilder, paragraph: Any, text: str) -> None:
    names = _style_names(paragraph)
    name = names[0] if names else ""
    heading = next(filter(None, map(_HEADING_STYLE.match, names)), None)
    if name.lower().startswith("toc"):
        return  # a table of contents repeats the headings
    if name == "Title":
        builder.add_heading(0, text)
    elif heading and len(text) <= 200:
        builder.add_heading(int(heading[1]), text)
    elif name.startswith("List") or paragraph._p.xpath("./w:pPr/w:numPr"):
        builder.add_list_item(text)
    else:
        builder.add_paragraph(text)


def _style_names(paragraph: Any) -> list[str]:
    """The paragraph's style and the styles that it is based on."""
    names: list[str] = []
    style = paragraph.style
    while style is not None and len(names) < 10:  # a damaged file may hold a circle
        names.append(style.name or "")
        style = style.base_style
    return names


def _paragraph_text(paragraph: Any) -> str:
    nodes = [(node.tag.rpartition("}")[2], node.text or "") for node in paragraph._p.xpath(_RUNS)]
    return "".join(text if name == "t" else _RUN_SIGNS[name] for name, text in nodes)


def _docx_row(row: Any) -> list[str]:
    cells, seen = [], set()
    for cell in row.cells:  # a merged cell is listed once for every column
        cells.append("" if cell._tc in seen else "\n".join(map(_paragraph_text, cell.paragraphs)))
        seen.add(cell._tc)
    return cells


def read_pptx(path: Path) -> Document:
    """Read slides as pages: title, texts and tables in order, then the speaker's notes."""
    import pptx

    presentation = pptx.Presentation(str(path))
    builder = DocumentBuilder()
    for number, slide in enumerate(presentation.slides, start=1):
        builder.set_page(number)
        builder.reset_headings()
        title = slide.shapes.title
        if title is not None:
            builder.add_heading(1, title.text_frame.text)
        for shape in _flat_shapes(slide.shapes):
            if title is None or shape.shape_id != title.shape_id:
                _add_shape(builder, shape)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.add_paragraph(slide.notes_slide.notes_text_frame.text)
    return builder.build(presentation.core_properties.title.strip() or path.stem)


def _flat_shapes(shapes: Iterable[Any]) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _flat_shapes(shape.shapes)
        else:
            yield shape


def _add_shape(builder: DocumentBuilder, shape: Any) -> None:
    if getattr(shape, "has_table", False) and shape.has_table:
        builder.add_table([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif shape.has_text_frame:
        texts = [paragraph.text for paragraph in shape.text_frame.paragraphs]
        is_list = shape.is_placeholder and sum(bool(text.strip()) for text in texts) > 1
        for text in texts:
            (builder.add_list_item if is_list else builder.add_paragraph)(text)


def read_xlsx(path: Path) -> Document:
    """Read visible sheets; blank rows part tables, a lone first cell is a table's caption."""
    import openpyxl

    builder = DocumentBuilder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions it leaves out
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            for sheet in workbook.worksheets:
                if sheet.sheet_state == "visible":
                    sheet.reset_dimensions()  # some programs write false ones
                    builder.add_heading(1, sheet.title)
                    _add_sheet(builder, sheet)
            title = workbook.properties.title or path.stem
        finally:
            workbook.close()
    return builder.build(title)


def _add_sheet(builder: DocumentBuilder, sheet: Any) -> None:
    rows = ([_cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True))
    for filled, group in groupby(rows, key=any):
        if not filled:
            continue
        table = list(group)
        while len(table) > 1 and sum(map(bool, table[0])) == 1 < sum(map(bool, table[-1])):
            builder.add_paragraph("".join(table.pop(0)))
        builder.add_table(table)


def _cell_text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float):
        return format(value, ".15g")
    return "" if value is None else str(value).strip()

"""PDF: text by page in reading order, with its headings, lists and tables."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.ocr import ocr_lines, page_picture, require_ocr
from ingest.readers.ocr_model import is_installed
from ingest.readers.options import ReadOptions
from ingest.readers.pdf_headings import Typography, guess_level, heading_at, typography
from ingest.readers.pdf_hidden import hidden_characters
from ingest.readers.pdf_lines import ITEM, Line, page_lines, paragraphs
from ingest.readers.pdf_open import open_pdf, pages_by_pypdf
from ingest.readers.pdf_order import in_reading_order
from ingest.readers.pdf_rules import Grid, page_grids, places_across, with_ruled_tables
from ingest.readers.pdf_running import Items, squeezed, without_running
from ingest.readers.pdf_tables import Table, with_tables
from ingest.readers.titles import document_title
from rag.errors import ReadError
from rag.types import Document

__all__ = ["guess_level", "read_pdf"]

log = logging.getLogger(__name__)


def read_pdf(path: Path, options: ReadOptions) -> Document:
    """Read a PDF. Raises ReadError password, notext, or damaged if no page can be read."""
    pdf = open_pdf(path, options.passwords)
    if pdf is None:
        return _second_reading(path, options.passwords)
    with pdf:
        can_ocr = options.ocr and is_installed()
        hidden: list[str] = []  # pages that hold text which nobody sees
        pages = [_read_page(path, pdf, index, can_ocr, hidden) for index in range(len(pdf))]
        outline = _outline(pdf)
        title = (pdf.get_metadata_value("Title") or "").strip()
    if all(page is None for page in pages):
        return _second_reading(path, options.passwords)
    read = [page or [] for page in pages]
    if not any(read):
        require_ocr(path, options)
        message = f"{path}: no text on its pages, nor in their pictures; scan it sharper"
        raise ReadError("notext", message)
    builder = _build(without_running(read), outline)
    if hidden:
        listed = ", ".join(hidden)
        builder.add_note(f"text that nobody sees, white or invisible, was left out: page {listed}")
    return builder.build(document_title(title, path))


def _read_page(path: Path, pdf: Any, index: int, can_ocr: bool, hidden: list[str]) -> Items | None:
    """The page's lines and tables; None if it is damaged: the others are read all the same.

    Pictures are read only on a page that has no text. A page with text that nobody sees is added
    to `hidden`.
    """
    import pypdfium2

    try:
        page = pdf[index]
    except pypdfium2.PdfiumError as error:
        log.warning("%s: page %d is damaged and left out (%s)", path, index + 1, error)
        return None
    textpage = page.get_textpage()
    try:
        grids = page_grids(page)
        unseen = hidden_characters(page, textpage)
        hidden += [str(index + 1)] if unseen else []
        lines = page_lines(textpage, places_across(grids), unseen)
        if not lines and can_ocr and _has_objects(page):
            return ocr_lines(*page_picture(page))
        return in_reading_order(_with_tables(lines, grids))
    finally:
        textpage.close()
        page.close()


def _with_tables(lines: list[Line], grids: Sequence[Grid]) -> list[Line | Table]:
    """Ruled tables first; what stands between them may be tables without rules."""
    items: list[Line | Table] = []
    held: list[Line] = []
    for item in [*with_ruled_tables(lines, grids), None]:
        if isinstance(item, Line):
            held.append(item)
            continue
        items += with_tables(held)
        held = []
        if item is not None:
            items.append(item)
    return items


def _has_objects(page: Any) -> bool:
    import pypdfium2.raw as pdfium

    return bool(pdfium.FPDFPage_CountObjects(page.raw))


def _outline(pdf: Any) -> dict[str, int]:
    """Levels from 1 by squeezed title; an outline that cannot be read is none."""
    import pypdfium2

    try:
        return {squeezed(mark.get_title()): mark.level + 1 for mark in pdf.get_toc()}
    except (pypdfium2.PdfiumError, UnicodeError):
        return {}


def _second_reading(path: Path, passwords: Sequence[str]) -> Document:
    """The text by pypdf, where PDFium cannot open the file; without places on the page."""
    builder = DocumentBuilder()
    for number, text in enumerate(pages_by_pypdf(path, passwords), start=1):
        builder.set_page(number)
        for part in re.split(r"\n\s*\n", text):
            builder.add_paragraph(part)
    document = builder.build(path.stem)
    if not document.blocks:
        message = f"{path}: no page of it can be read; open it in its program and save it anew"
        raise ReadError("damaged", message)
    return document


def _build(pages: Sequence[Items], outline: dict[str, int]) -> DocumentBuilder:
    builder = DocumentBuilder()
    style = typography(_lines(pages), outline)
    for number, items in enumerate(pages, start=1):
        builder.set_page(number)
        lines: list[Line] = []
        for item in items:
            if isinstance(item, Line):
                lines.append(item)
                continue
            _add_lines(builder, lines, style)
            lines = []
            builder.add_table(item.rows)
        _add_lines(builder, lines, style)
    return builder


def _lines(pages: Iterable[Items]) -> Iterable[Line]:
    return (item for items in pages for item in items if not isinstance(item, Table))


def _add_lines(builder: DocumentBuilder, lines: Sequence[Line], style: Typography) -> None:
    """Headings as such, and what stands between them as paragraphs and lists."""
    start = at = 0
    while at < len(lines):
        found = heading_at(lines, at, style)
        if found is None:
            at += 1
            continue
        level, count = found
        _add_paragraphs(builder, lines[start:at])
        builder.add_heading(level, " ".join(line.text for line in lines[at : at + count]))
        at = start = at + count
    _add_paragraphs(builder, lines[start:])


def _add_paragraphs(builder: DocumentBuilder, lines: Sequence[Line]) -> None:
    for paragraph in paragraphs(list(lines)):
        marker, _, text = paragraph.partition(" ")
        if text and ITEM.match(paragraph) and len(marker) <= 4:
            builder.add_list_item(text, marker)
        else:
            builder.add_paragraph(paragraph)

"""PDF: text by page, headings from the outline or from the lines themselves."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.pdf_lines import Line, page_lines, paragraphs
from rag.errors import ReadError
from rag.types import Document

_NUMBERED = re.compile(
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})[.、]?\s+(?=[^\W\d_])"
    r"|(?P<part>第[一二三四五六七八九十百\d]+[编篇部章])|(?P<chapter>(?:Chapter|Part)\s+\w+)"
    r"|第[一二三四五六七八九十百\d]+节|(?P<chinese>[一二三四五六七八九十]+、)"
)
_HEADING_CHARACTERS = 80
_EDGE_LINES = 2  # running headers and footers stand among these at top and bottom
_RUNNING_SHARE, _RUNNING_PAGES = 0.6, 4


def read_pdf(path: Path) -> Document:
    """Read a PDF's text layer. Raises ReadError password or notext."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            message = f"{path}: protected by a password; save a copy without it"
            raise ReadError("password", message) from error
        raise
    with pdf:
        pages = [_read_page(pdf, index) for index in range(len(pdf))]
        outline = {_key(mark.get_title()): mark.level + 1 for mark in pdf.get_toc()}
        title = (pdf.get_metadata_value("Title") or "").strip()
    if not any(pages):
        message = f"{path}: its pages hold no text, only images; run OCR on it first"
        raise ReadError("notext", message)
    return _build(_without_running(pages), outline).build(title or path.stem)


def _read_page(pdf: Any, index: int) -> list[Line]:
    page = pdf[index]
    textpage = page.get_textpage()
    try:
        return page_lines(textpage)
    finally:
        textpage.close()
        page.close()


def _build(pages: list[list[Line]], outline: dict[str, int]) -> DocumentBuilder:
    builder = DocumentBuilder()
    found = any(_key(line.text) in outline for lines in pages for line in lines)
    sizes = [line.size for lines in pages for line in lines for _ in line.text]
    body_size = median(sizes or [0.0])
    for number, lines in enumerate(pages, start=1):
        builder.set_page(number)
        held: list[Line] = []
        for line in lines:
            text = line.text
            level = outline.get(_key(text)) if found else guess_level(text, line.size > body_size)
            if level is None:
                held.append(line)
                continue
            _add_paragraphs(builder, held)
            held = []
            builder.add_heading(level, text)
        _add_paragraphs(builder, held)
    return builder


def _add_paragraphs(builder: DocumentBuilder, lines: list[Line]) -> None:
    for paragraph in paragraphs(lines):
        builder.add_paragraph(paragraph)


def guess_level(text: str, large: bool) -> int | None:
    """The level of a short numbered line; `1. text` in body size is a list item, not a heading."""
    match = _NUMBERED.match(text)
    if not match or len(text) > _HEADING_CHARACTERS or text.endswith(tuple(".。,，;；:：")):
        return None
    number = match["number"]
    if number:
        return number.count(".") + 1 if "." in number or large else None
    if match["chinese"]:
        return 2 if large else None
    return 1 if match["part"] or (match["chapter"] and large) else 2 if "节" in match[0] else None


def _key(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold()


def _without_running(pages: list[list[Line]]) -> list[list[Line]]:
    """Drop edge lines that most pages share, page numbers aside."""
    if len(pages) < _RUNNING_PAGES:
        return pages
    counts = Counter(
        key
        for number, lines in enumerate(pages, start=1)
        for key in set().union(*(_running_keys(line, number) for line in _edges(lines)))
    )
    running = {key for key, n in counts.items() if n >= _RUNNING_SHARE * len(pages)}
    kept = []
    for number, lines in enumerate(pages, start=1):
        edges = _edges(lines)
        drop = [line for line in edges if _running_keys(line, number) & running]
        kept.append([line for line in lines if line not in drop])
    return kept


def _edges(lines: list[Line]) -> list[Line]:
    ordered = sorted(lines, key=lambda line: -line.baseline)
    return ordered[:_EDGE_LINES] + ordered[_EDGE_LINES:][-_EDGE_LINES:]


def _running_keys(line: Line, number: int) -> set[str]:
    """The line as it stands, and with either end's page number masked."""
    text, mask = _key(line.text), rf"(?<!\d){number}(?!\d)"
    last = re.sub(rf"(.*){mask}", r"\1#", text, count=1)
    return {text, last, re.sub(mask, "#", text, count=1)}

"""Where in its document a span stands, in words and as data."""

from __future__ import annotations

import logging
from typing import Any

from rag.viewer_rows import ROWS, TableBlock, block_at, cell_spans
from rag.viewer_span import Opened, cited_page
from rag.viewer_words import heading_words, page_words, row_words

log = logging.getLogger(__name__)

CONTEXT_CHARACTERS = 300  # on either side of the quote
MAX_CELLS = 12  # of a cited row


def place_line(opened: Opened, language: str, page: int | None = None) -> str:
    """The page (if given), the headings, and the rows of a table, on one line."""
    headings, title = opened.chunk.headings, opened.document.title
    table = _table(opened)
    numbers = table.numbers(opened.start, opened.end) if table else None
    if numbers and headings and ROWS.fullmatch(headings[-1]):
        headings = headings[:-1]
    parts = (
        page_words(opened.path.suffix, page, language) if page else "",
        heading_words(headings, title, language),
        row_words(*numbers, language) if numbers else "",
    )
    return " · ".join(filter(None, parts))


def passage_json(opened: Opened, language: str = "en") -> dict[str, Any]:
    """The span with its surroundings, for a program, and for the page's card of a citation.

    `cells` are those of the first cited row of a table, each with its column's name.
    """
    start, end = opened.start, opened.end
    page = _page(opened)
    return {
        "document_id": opened.document.document_id,
        "title": opened.document.title,
        "path": opened.document.path,
        "page": page,
        "heading": opened.chunk.heading,
        "place": place_line(opened, language, page),
        "start": start,
        "end": end,
        "before": opened.text[max(0, start - CONTEXT_CHARACTERS) : start],
        "quote": opened.text[start:end],
        "after": opened.text[end : end + CONTEXT_CHARACTERS],
        "cells": _cells(opened),
    }


def _page(opened: Opened) -> int | None:
    """The page that holds most of the quote, as the viewer opens at."""
    if opened.is_pdf and opened.end > opened.start:
        try:
            return cited_page(opened)[0]
        except Exception as error:  # PDFium's own errors, and those of the file
            log.info("no page of %s can be looked at: %s", opened.path, error)
    return opened.chunk.page


def _table(opened: Opened) -> TableBlock | None:
    if opened.end <= opened.start:
        return None
    return block_at(opened.text, opened.start, opened.chunks)


def _cells(opened: Opened) -> list[tuple[str, str]]:
    table = _table(opened)
    if table is None:
        return []
    rows = [
        row
        for row in table.rows
        if row[0] < opened.end and opened.start < row[1] and row != table.header
    ]
    if not rows:
        return []
    names, cells = (
        [opened.text[a:b] for a, b in cell_spans(opened.text, *row)]
        for row in (table.header, rows[0])
    )
    names += [""] * (len(cells) - len(names))
    return [(n, c) for n, c in zip(names, cells, strict=False) if c][:MAX_CELLS]

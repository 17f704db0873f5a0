"""A span of a stored document, and where it stands in the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag.catalog import Catalog
from rag.pdf_pages import PdfPage, read_page
from rag.types import StoredChunk, StoredDocument

PASSAGE_CHARACTERS = 300  # on either side, in the JSON answer
PAGES_OF_A_CHUNK = 3  # that a quote is looked for on
WHOLE = 0.99  # of a quote's letters: no other page holds more
MATCH_CHARACTERS = 400  # around a quote, to find the right one of several on a page


@dataclass(frozen=True, slots=True)
class Opened:
    """A document with its text, and the span that was asked for, cut to fit."""

    document: StoredDocument
    text: str
    start: int
    end: int
    chunk: StoredChunk  # that the span starts in, or the nearest before it

    @property
    def path(self) -> Path:
        return Path(self.document.path)

    @property
    def is_pdf(self) -> bool:
        return self.path.suffix.lower() == ".pdf"

    def notes(self) -> list[str]:
        """What to tell about the file itself: `gone`, `changed`, or nothing."""
        try:
            status = self.path.stat()
        except OSError:
            return ["gone"]
        known = (self.document.size, self.document.mtime_ns)
        return [] if (status.st_size, status.st_mtime_ns) == known else ["changed"]


def open_span(catalog: Catalog, document_id: int, start: int, end: int) -> Opened:
    """Raises KeyError if there is no such document (any more)."""
    with catalog.snapshot():
        text = catalog.document_text(document_id)
        chunks = catalog.chunks_of(document_id)
        document = catalog.document_by_path(chunks[0].path) if chunks else None
    if document is None:
        raise KeyError(document_id)
    start = min(max(start, 0), len(text))
    end = min(max(end, start), len(text))
    chunk = max((c for c in chunks if c.start <= start), key=lambda c: c.start, default=chunks[0])
    return Opened(document, text, start, end, chunk)


def passage_json(opened: Opened) -> dict[str, object]:
    """The span with its surroundings, for a program."""
    start, end = opened.start, opened.end
    return {
        "document_id": opened.document.document_id,
        "title": opened.document.title,
        "path": opened.document.path,
        "page": opened.chunk.page,
        "heading": opened.chunk.heading,
        "start": start,
        "end": end,
        "before": opened.text[max(0, start - PASSAGE_CHARACTERS) : start],
        "quote": opened.text[start:end],
        "after": opened.text[end : end + PASSAGE_CHARACTERS],
    }


def cited_page(opened: Opened) -> tuple[int, PdfPage]:
    """The page that holds most of the quote: its chunk's, or a next one, as a chunk may run on."""
    first = opened.chunk.page or 1
    best = first, locate(opened, first)
    last = min(best[1].num_pages, first + PAGES_OF_A_CHUNK - 1) if opened.end > opened.start else 0
    for page in range(first + 1, last + 1):
        if best[1].share > WHOLE:
            break
        found = locate(opened, page)
        if found.share > best[1].share:
            best = page, found
    return best


def locate(opened: Opened, page: int) -> PdfPage:
    """A page of the PDF, with the quote's rectangles if the chunk may reach to it."""
    text, start, end = opened.text, opened.start, opened.end
    near = 0 <= page - (opened.chunk.page or 1) < PAGES_OF_A_CHUNK
    before = text[max(0, start - MATCH_CHARACTERS) : start]
    after = text[end : end + MATCH_CHARACTERS]
    return read_page(opened.path, page, before, text[start:end] if near else "", after)

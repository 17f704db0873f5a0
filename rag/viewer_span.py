"""A span of a stored document, and where it stands in the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag.catalog import Catalog
from rag.pdf_pages import PdfPage, read_page
from rag.types import StoredChunk, StoredDocument

PASSAGE_CHARACTERS = 300  # on either side, in the JSON answer
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
    """The page that the quote stands on: its chunk's, or the next, as a chunk may run over."""
    first = opened.chunk.page or 1
    found = locate(opened, first)
    if not found.rectangles and opened.end > opened.start and first < found.num_pages:
        following = locate(opened, first + 1)
        if following.rectangles:
            return first + 1, following
    return first, found


def locate(opened: Opened, page: int) -> PdfPage:
    """A page of the PDF, with the quote's rectangles if it is the cited page or the next."""
    text, start, end = opened.text, opened.start, opened.end
    near = page - (opened.chunk.page or 1) in (0, 1)
    before = text[max(0, start - MATCH_CHARACTERS) : start]
    after = text[end : end + MATCH_CHARACTERS]
    return read_page(opened.path, page, before, text[start:end] if near else "", after)

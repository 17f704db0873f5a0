"""A span of a stored document, and where it stands in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rag.access import ReadableCatalog
from rag.catalog import Catalog
from rag.pdf_pages import PdfPage, read_page
from rag.types import Chunk, StoredChunk, StoredDocument

MOST_PAGES = 20  # that a quote is looked for on; pages of nothing else may lie between its own
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
    last_page: int  # of a PDF, that the span may reach to
    passwords: tuple[str, ...] = field(default=(), repr=False)
    chunks: tuple[StoredChunk, ...] = field(default=(), repr=False)

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


def open_span(
    catalog: Catalog | ReadableCatalog,
    document_id: int,
    start: int,
    end: int,
    passwords: tuple[str, ...] = (),
) -> Opened:
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
    last = last_page(chunk, chunks, end)
    return Opened(document, text, start, end, chunk, last, passwords, tuple(chunks))


def last_page(chunk: StoredChunk | Chunk, chunks: Sequence[StoredChunk | Chunk], end: int) -> int:
    """The page that a span from `chunk` to `end` may reach to: the next chunk's, within reason."""
    first = chunk.page or 1
    after = min((c for c in chunks if c.start >= end), key=lambda c: c.start, default=None)
    last = first + MOST_PAGES - 1
    return min(last, max(first, after.page)) if after and after.page else last


def cited_page(opened: Opened) -> tuple[int, PdfPage]:
    """The page that holds most of the quote: its chunk's, or a next one, as a chunk may run on."""
    first = opened.chunk.page or 1
    best = first, locate(opened, first)
    last = min(best[1].num_pages, opened.last_page) if opened.end > opened.start else 0
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
    near = (opened.chunk.page or 1) <= page <= opened.last_page
    before = text[max(0, start - MATCH_CHARACTERS) : start]
    after = text[end : end + MATCH_CHARACTERS]
    quote = text[start:end] if near else ""
    return read_page(opened.path, page, before, quote, after, opened.passwords)

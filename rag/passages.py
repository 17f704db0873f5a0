"""Makes numbered passages of chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rag.catalog import Catalog
from rag.shelf import Shelf
from rag.types import Hit, Passage, StoredChunk


def join_chunks(hits: Sequence[Hit], catalog: Catalog) -> list[Passage]:
    """Passages in the order of their best hit; chunks of a page that touch each other make one."""
    return join_hits(hits, Shelf(catalog), across_pages=False)


def join_hits(hits: Sequence[Hit], shelf: Shelf, *, across_pages: bool) -> list[Passage]:
    """Passages in the order of their best hit; documents deleted meanwhile are left out."""
    score = {hit.chunk.chunk_id: hit.score for hit in hits}
    order = {hit.chunk.chunk_id: position for position, hit in enumerate(hits)}
    runs: list[list[StoredChunk]] = []
    chunks = sorted((hit.chunk for hit in hits), key=lambda c: (c.document_id, c.ordinal))
    for before, chunk in pairwise([None, *chunks]):
        assert chunk is not None
        if before is not None and touches(before, chunk, across_pages=across_pages):
            runs[-1].append(chunk)
        else:
            runs.append([chunk])
    runs.sort(key=lambda run: min(order[chunk.chunk_id] for chunk in run))
    passages = []
    for run in runs:
        try:
            passages.append(_passage(run, max(score[c.chunk_id] for c in run), shelf))
        except KeyError:
            continue  # deleted since it was found
    return [replace(passage, number=n) for n, passage in enumerate(passages, start=1)]


def touches(before: StoredChunk, chunk: StoredChunk, *, across_pages: bool) -> bool:
    """Whether a chunk goes on where another ends, below the same outermost heading."""
    return (
        before.document_id == chunk.document_id
        and before.ordinal + 1 == chunk.ordinal
        and (across_pages or before.page == chunk.page)
        and before.headings[:1] == chunk.headings[:1]
    )


def _passage(run: Sequence[StoredChunk], score: float, shelf: Shelf) -> Passage:
    first = run[0]
    pages = [(chunk.start, chunk.page) for chunk in run if chunk.page is not None]
    turned = [now for before, now in pairwise(pages) if before[1] != now[1]]
    return Passage(
        number=0,
        document_id=first.document_id,
        path=first.path,
        title=first.title,
        headings=_shared_headings(run),
        page=first.page,
        start=first.start,
        end=run[-1].end,
        text=shelf.text(first.document_id)[first.start : run[-1].end],
        score=score,
        header=shelf.table_header(first),
        next_pages=tuple(turned),
    )


def _shared_headings(run: Sequence[StoredChunk]) -> tuple[str, ...]:
    """What the headings of all have in common is true of all of them."""
    first, last = min(chunk.headings for chunk in run), max(chunk.headings for chunk in run)
    shared = 0
    while shared < len(first) and first[shared : shared + 1] == last[shared : shared + 1]:
        shared += 1
    return first[:shared]

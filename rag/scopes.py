"""How much of a document a hit brings into a prompt: itself, or what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Literal, get_args

from rag.errors import SearchError
from rag.shelf import Shelf
from rag.types import StoredChunk

Scope = Literal["auto", "passage", "neighbours", "section", "document", "folder"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
WIDER: tuple[Scope, ...] = SCOPES[2:]  # than a passage, each wider than the one before


def check_scope(scope: str) -> Scope:
    """The scope of that name. Raises SearchError if there is none."""
    for known in SCOPES:
        if scope == known:
            return known
    raise SearchError(f"{scope!r} is no scope. Choose one of: {', '.join(SCOPES)}.")


def within(scope: Scope, chunk: StoredChunk, shelf: Shelf) -> list[StoredChunk]:
    """What of its document a hit brings, in reading order: a run of chunks with the hit in it.

    Of a document that was changed or deleted since it was found, it brings itself.
    """
    chunks = shelf.chunks(chunk.document_id) if scope in WIDER else ()
    if all(one.chunk_id != chunk.chunk_id for one in chunks):
        return [chunk]
    if scope == "neighbours":
        return [one for one in chunks if abs(one.ordinal - chunk.ordinal) <= 1]
    return _section(chunk, chunks) if scope == "section" else list(chunks)


def _section(chunk: StoredChunk, chunks: Sequence[StoredChunk]) -> list[StoredChunk]:
    """What stands below the same heading, sections within it too; the page where there is none."""
    depth = len(chunk.headings)

    def is_of_it(one: StoredChunk) -> bool:
        if depth:
            return one.headings[:depth] == chunk.headings
        return not one.headings and one.page == chunk.page is not None

    before = [one for one in chunks if one.ordinal < chunk.ordinal]
    after = [one for one in chunks if one.ordinal > chunk.ordinal]
    return [
        *reversed(list(takewhile(is_of_it, reversed(before)))),
        chunk,
        *takewhile(is_of_it, after),
    ]

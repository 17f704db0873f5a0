"""Ranked chunks as hits: numbered, each text once."""

from __future__ import annotations

from collections.abc import Iterable

from rag.types import Hit, StoredChunk

Ranked = list[tuple[StoredChunk, float]]  # chunks with their scores, best first


def as_hits(ranked: Iterable[tuple[StoredChunk, float]]) -> list[Hit]:
    """The hits; of several with the same text, as copies of a file give, the first."""
    first: dict[str, tuple[StoredChunk, float]] = {}
    for chunk, score in ranked:
        first.setdefault(" ".join(chunk.text.split()), (chunk, score))
    return [Hit(rank, score, chunk) for rank, (chunk, score) in enumerate(first.values(), start=1)]

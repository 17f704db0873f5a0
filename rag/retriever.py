"""Search by meaning and by words, fused by rank."""

from __future__ import annotations

from collections.abc import Sequence

from rag.encoder import Encoder, Vectors
from rag.indexes import Indexes
from rag.language_groups import LanguageGroups
from rag.types import Hit, StoredChunk

RRF_K = 60  # Cormack, Clarke and Buettcher 2009
OVERFETCH = 4
MIN_FETCHED = 40
MIN_KNOWN_SHARE = 0.5  # below, the words are of another language than the documents
LANGUAGE_SHIFT = 0.7  # of a language's mean similarity; see docs/decisions.md


class Retriever:
    """Finds chunks. Safe to use from many threads."""

    def __init__(self, indexes: Indexes, encoder: Encoder) -> None:
        self._indexes = indexes
        self._encoder = encoder
        self._languages = LanguageGroups(indexes.catalog)

    def search(self, query: str, top_k: int, *, wordings: Sequence[str] = ()) -> list[Hit]:
        """The best chunks, best first; `wordings` are other ways to ask for the same.

        The score is the fused reciprocal rank, at most 2 / 61.
        """
        asked = [text for text in (query, *wordings) if text.strip()]
        if not asked or top_k < 1:
            return []
        fetched = max(MIN_FETCHED, OVERFETCH * top_k)
        ranked = [self._search_dense(self._encoder.encode_queries(asked), fetched)]
        lexical = self._indexes.lexical
        if lexical.known_share(" ".join(asked)) >= MIN_KNOWN_SHARE:
            found = lexical.search(" ".join(asked), fetched)
            ranked.append([chunk_id for chunk_id, _ in found])
        fused = fuse(ranked)
        chunks = self._indexes.catalog.chunks_by_ids([chunk_id for chunk_id, _ in fused])
        alive = [(chunks[i], score) for i, score in fused if i in chunks]
        return [
            Hit(rank, score, chunk)
            for rank, (chunk, score) in enumerate(_without_copies(alive)[:top_k], start=1)
        ]

    def _search_dense(self, queries: Vectors, k: int) -> list[int]:
        """Chunk ids, best first; the shift undoes the encoder's liking for the query's language."""
        groups = self._languages.current()
        if len(groups) < 2:
            return [chunk_id for chunk_id, _ in self._indexes.dense.search(queries, k)]
        found: list[tuple[int, float]] = []
        for group in groups:
            shift = LANGUAGE_SHIFT * float((queries @ group.mean).max())
            hits = self._indexes.dense.search(queries, k, group.ids)
            found += [(chunk_id, score - shift) for chunk_id, score in hits]
        found.sort(key=lambda hit: (-hit[1], hit[0]))
        return [chunk_id for chunk_id, _ in found[:k]]


def fuse(ranked: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """Reciprocal rank fusion of id lists: (id, score), best first, ties by id."""
    scores: dict[int, float] = {}
    for ids in ranked:
        for rank, chunk_id in enumerate(ids, start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))


def _without_copies(
    hits: Sequence[tuple[StoredChunk, float]],
) -> list[tuple[StoredChunk, float]]:
    """The first of several hits with the same text, as copies of a file give."""
    first: dict[str, tuple[StoredChunk, float]] = {}
    for chunk, score in hits:
        first.setdefault(" ".join(chunk.text.split()), (chunk, score))
    return list(first.values())

"""Search by meaning and by words, fused by rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.encoder import Encoder, Vectors
from rag.indexes import Indexes
from rag.language_groups import LanguageGroup, LanguageGroups
from rag.tail import MAX_TAIL_CHANGES, dense_hits, lexical_hits, merge
from rag.types import Hit, StoredChunk

RRF_K = 60  # Cormack, Clarke and Buettcher 2009
OVERFETCH = 4
MIN_FETCHED = 40
MIN_KNOWN_SHARE = 0.5  # below, the words are of another language than the documents
LANGUAGE_SHIFT = 0.7  # of a language's mean similarity; see docs/decisions.md


class Retriever:
    """Finds chunks; without an encoder by words alone. Safe to use from many threads."""

    def __init__(self, indexes: Indexes, encoder: Encoder | None) -> None:
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
        queries = self._encoder.encode_queries(asked) if self._encoder else None
        fused, chunks = self._find(queries, " ".join(asked), max(MIN_FETCHED, OVERFETCH * top_k))
        alive = [(chunks[i], score) for i, score in fused if i in chunks]
        return [
            Hit(rank, score, chunk)
            for rank, (chunk, score) in enumerate(_without_copies(alive)[:top_k], start=1)
        ]

    def _find(
        self, queries: Vectors | None, words: str, k: int
    ) -> tuple[list[tuple[int, float]], dict[int, StoredChunk]]:
        """Fused (chunk id, score), best first, and the chunks as the catalog has them.

        The order matters: first the indexes, at whatever change they have reached, then the
        catalog, then what came between; see rag/tail.py.
        """
        catalog, lexical = self._indexes.catalog, self._indexes.lexical
        reached = min(self._indexes.dense.sequence, lexical.sequence)
        if (num_changes := catalog.sequence() - reached) > MAX_TAIL_CHANGES:
            self._indexes.catch_up()
            reached, num_changes = min(self._indexes.dense.sequence, lexical.sequence), 0
        groups = self._languages.current() if queries is not None else []
        k += num_changes  # as many of what is found may be gone
        dense = [] if queries is None else self._search_dense(queries, k, groups)
        use_words = queries is None or lexical.known_share(words) >= MIN_KNOWN_SHARE
        worded = lexical.search(words, k) if use_words else []
        with catalog.snapshot():
            added = catalog.changes_since(reached)[0][-MAX_TAIL_CHANGES:]
            if added and queries is not None:
                late = dense_hits(catalog, added, queries)
                dense = merge(dense, self._shifted(late, queries, groups))[:k]
            if added and use_words:
                worded = merge(worded, lexical_hits(catalog, lexical, added, words))[:k]
            fused = fuse([[chunk_id for chunk_id, _ in hits] for hits in (dense, worded)])
            return fused, catalog.chunks_by_ids([chunk_id for chunk_id, _ in fused])

    def _search_dense(
        self, queries: Vectors, k: int, groups: Sequence[LanguageGroup]
    ) -> list[tuple[int, float]]:
        """(chunk id, shifted score), best first."""
        if len(groups) < 2:
            return self._indexes.dense.search(queries, k)
        found: list[tuple[int, float]] = []
        for group in groups:
            hits = self._indexes.dense.search(queries, k, group.ids)
            found += self._shifted(hits, queries, [group])
        found.sort(key=lambda hit: (-hit[1], hit[0]))
        return found[:k]

    def _shifted(
        self, hits: Sequence[tuple[int, float]], queries: Vectors, groups: Sequence[LanguageGroup]
    ) -> list[tuple[int, float]]:
        """The shift of its group undoes the encoder's liking for the query's language."""
        if not groups or not hits:
            return list(hits)
        ids = np.array([chunk_id for chunk_id, _ in hits], dtype=np.int64)
        shifts = np.zeros(len(ids))
        for group in groups:
            shift = LANGUAGE_SHIFT * float((queries @ group.mean).max())
            shifts[group.ids.contains(ids)] = shift
        return [(i, score - float(s)) for (i, score), s in zip(hits, shifts, strict=True)]


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

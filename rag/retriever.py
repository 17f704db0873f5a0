"""Search by meaning and by words, fused by rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rag.encoder import Encoder, Vectors
from rag.filters import Allowed, Filters
from rag.indexes import Indexes
from rag.language_groups import LanguageGroup, LanguageGroups
from rag.tail import MAX_TAIL_CHANGES, dense_hits, lexical_hits, merge
from rag.timings import Timings
from rag.types import Found, Hit, StoredChunk
from rag.where import Mode, Where, check_mode

RRF_K = 60  # Cormack, Clarke and Buettcher 2009
OVERFETCH = 4
MIN_FETCHED = 40
MIN_KNOWN_SHARE = 0.5  # below, the words are of another language than the documents
LANGUAGE_SHIFT = 0.7  # of a language's mean similarity; see docs/decisions.md
EVERYTHING = Where()
NO_ENCODER = (
    "Searched by words alone: the encoder that made the index cannot be loaded. "
    "Set it again, or index the folders with the present one."
)

Scored = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What each side found, best first, as (chunk id, score); None where it was not asked."""

    dense: Scored | None
    lexical: Scored | None
    chunks: dict[int, StoredChunk]  # those that the catalog (still) has


@dataclass(frozen=True, slots=True)
class _Asked:
    """One search: the embeddings (n, d) of its wordings, its words, and what it may find."""

    queries: Vectors | None
    words: str
    where: Where
    timings: Timings = field(default_factory=Timings)


class Retriever:
    """Finds chunks; without an encoder by words alone. Safe to use from many threads."""

    def __init__(self, indexes: Indexes, encoder: Encoder | None) -> None:
        self._indexes = indexes
        self._encoder = encoder
        self._languages = LanguageGroups(indexes.catalog)
        self._filters = Filters(indexes.catalog, self._languages)

    def search(self, query: str, top_k: int, *, wordings: Sequence[str] = ()) -> list[Hit]:
        """The best chunks, best first; `wordings` are other ways to ask for the same."""
        return list(self.find(query, top_k, wordings=wordings).hits)

    def find(
        self,
        query: str,
        top_k: int,
        *,
        wordings: Sequence[str] = (),
        mode: Mode = "hybrid",
        where: Where = EVERYTHING,
    ) -> Found:
        """The best chunks that the filter lets through, and how they were found.

        Without an encoder every search is by words, and a note says so. Raises SearchError if
        there is no such mode.
        """
        used, notes = self.usable(mode)
        timings = Timings()
        asked = [text for text in (query, *wordings) if text.strip()]
        hits: list[Hit] = []
        with timings.measure("total"):
            if asked and top_k > 0:
                found = self.candidates(asked, top_k, used, where, timings)
                with timings.measure("fuse"):
                    hits = ranked(found, used)[:top_k]
                if where and not hits and not self._filters.allowed(where).ids:
                    notes.append(f"The filter ({where}) lets nothing of the index through.")
        return Found(tuple(hits), query, used, where, tuple(notes), timings.ms)

    def usable(self, mode: Mode) -> tuple[Mode, list[str]]:
        """The mode, or what stands in for it without an encoder, and what to say about that."""
        if self._encoder is None and check_mode(mode) != "lexical":
            return "lexical", [NO_ENCODER]
        return check_mode(mode), []

    def main_languages(self) -> frozenset[str]:
        """Those of more than a few chunks."""
        return self._languages.main()

    def candidates(
        self, asked: Sequence[str], top_k: int, mode: Mode, where: Where, timings: Timings
    ) -> Candidates:
        """What the sides of a mode find for several wordings."""
        queries = None
        if self._encoder is not None and mode != "lexical":
            with timings.measure("encode"):
                queries = self._encoder.encode_queries(asked)
        words = " ".join(asked) if mode != "dense" else ""
        search = _Asked(queries, words, where, timings)
        return self._find(search, max(MIN_FETCHED, OVERFETCH * top_k))

    def _find(self, asked: _Asked, k: int) -> Candidates:
        """The k best of each side, and the chunks as the catalog has them.

        The order matters: first the indexes, at whatever change they have reached, then the
        catalog, then what came between; see rag/tail.py.
        """
        catalog, lexical = self._indexes.catalog, self._indexes.lexical
        reached = min(self._indexes.dense.sequence, lexical.sequence)
        if (num_changes := catalog.sequence() - reached) > MAX_TAIL_CHANGES:
            self._indexes.catch_up()
            reached, num_changes = min(self._indexes.dense.sequence, lexical.sequence), 0
        groups = self._languages.current() if asked.queries is not None else []
        k += num_changes  # as many of what is found may be gone
        allowed = self._allowed(asked)
        dense = self._search_dense(asked, k, groups, allowed)
        worded = self._search_words(asked, k, allowed)
        with catalog.snapshot(), asked.timings.measure("catalog"):
            added = catalog.changes_since(reached)[0][-MAX_TAIL_CHANGES:]
            if added and dense is not None and asked.queries is not None:
                late = dense_hits(catalog, added, asked.queries)
                dense = merge(dense, self._shifted(late, asked.queries, groups))
            if added and worded is not None:
                worded = merge(worded, lexical_hits(catalog, lexical, added, asked.words))
            allowed = self._allowed(asked)  # again: for what came, and for what was moved
            dense, worded = _best(dense, k, allowed), _best(worded, k, allowed)
            ids = {chunk_id for chunk_id, _ in [*(dense or []), *(worded or [])]}
            return Candidates(dense, worded, catalog.chunks_by_ids(ids))

    def _allowed(self, asked: _Asked) -> Allowed | None:
        """None where all is allowed."""
        if not asked.where:
            return None
        with asked.timings.measure("filter"):
            return self._filters.allowed(asked.where)

    def _search_words(self, asked: _Asked, k: int, allowed: Allowed | None) -> Scored | None:
        """(chunk id, BM25), best first; None if the words are not for this side to find."""
        lexical = self._indexes.lexical
        with asked.timings.measure("lexical"):
            if not asked.words:
                return None
            if asked.queries is not None and lexical.known_share(asked.words) < MIN_KNOWN_SHARE:
                return None
            ids = None if allowed is None else allowed.ids
            return lexical.search(asked.words, k, ids, asked.where.languages)

    def _search_dense(
        self, asked: _Asked, k: int, groups: Sequence[LanguageGroup], allowed: Allowed | None
    ) -> Scored | None:
        """(chunk id, shifted score), best first; None without queries."""
        queries, dense = asked.queries, self._indexes.dense
        if queries is None:
            return None
        with asked.timings.measure("dense"):
            if len(groups) < 2:
                return dense.search(queries, k, None if allowed is None else allowed.ids)
            found: Scored = []
            for group in groups:
                ids = group.ids if allowed is None else allowed.within(group.ids)
                found += self._shifted(dense.search(queries, k, ids), queries, [group])
            found.sort(key=lambda hit: (-hit[1], hit[0]))
            return found[:k]

    def _shifted(
        self, hits: Sequence[tuple[int, float]], queries: Vectors, groups: Sequence[LanguageGroup]
    ) -> Scored:
        """The shift of its group undoes the encoder's liking for the query's language."""
        if not groups or not hits:
            return list(hits)
        ids = np.array([chunk_id for chunk_id, _ in hits], dtype=np.int64)
        shifts = np.zeros(len(ids))
        for group in groups:
            shift = LANGUAGE_SHIFT * float((queries @ group.mean).max())
            shifts[group.ids.contains(ids)] = shift
        return [(i, score - float(s)) for (i, score), s in zip(hits, shifts, strict=True)]


def ranked(found: Candidates, mode: Mode) -> list[Hit]:
    """All hits, best first: of one side as they are, of both sides fused; copies shown once."""
    sides = [side for side in (found.dense, found.lexical) if side is not None]
    if mode == "hybrid":
        scored = fuse([[chunk_id for chunk_id, _ in side] for side in sides])
    else:
        scored = sides[0] if sides else []
    alive = [(found.chunks[i], score) for i, score in scored if i in found.chunks]
    return [
        Hit(rank, score, chunk)
        for rank, (chunk, score) in enumerate(_without_copies(alive), start=1)
    ]


def fuse(ranked: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """Reciprocal rank fusion of id lists: (id, score), best first, ties by id."""
    scores: dict[int, float] = {}
    for ids in ranked:
        for rank, chunk_id in enumerate(ids, start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))


def _best(hits: Scored | None, k: int, allowed: Allowed | None) -> Scored | None:
    """The first k of those allowed."""
    if hits is None or allowed is None:
        return hits and hits[:k]
    ids = np.array([chunk_id for chunk_id, _ in hits], dtype=np.int64)
    is_allowed = allowed.ids.contains(ids).tolist()
    return [hit for hit, is_member in zip(hits, is_allowed, strict=True) if is_member][:k]


def _without_copies(
    hits: Sequence[tuple[StoredChunk, float]],
) -> list[tuple[StoredChunk, float]]:
    """The first of several hits with the same text, as copies of a file give."""
    first: dict[str, tuple[StoredChunk, float]] = {}
    for chunk, score in hits:
        first.setdefault(" ".join(chunk.text.split()), (chunk, score))
    return list(first.values())

"""Search by meaning and by words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rag.catalog import Catalog
from rag.encoder import Encoder, Vectors
from rag.exact import apply_literals
from rag.filters import Allowed, Filters
from rag.hits import Ranked, as_hits
from rag.id_set import among
from rag.indexes import Indexes
from rag.language import detect_language
from rag.language_groups import LanguageGroup, LanguageGroups
from rag.literals import Literals, find_literals
from rag.naming import named_shares
from rag.probes import Probes
from rag.ranking import NAME_WEIGHT, Scale, Scores, fuse, shifted, similarities
from rag.spelling import with_respellings
from rag.tail import MAX_TAIL_CHANGES, dense_hits, lexical_hits, merge
from rag.timings import Timings
from rag.types import Found, Hit, StoredChunk
from rag.where import Mode, Where, check_mode

OVERFETCH = 4
MIN_FETCHED = 40
EVERYTHING = Where()
NO_ENCODER = (
    "Searched by words alone: the encoder that made the index cannot be loaded. "
    "Set it again, or index the folders with the present one."
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One search: the embeddings (n, d) of its wordings, its words, and what it may find.

    `languages` and `means` (n, d) are the wordings' languages and their mean questions; `scales`
    take the place of the index's own.
    """

    texts: Sequence[str]
    queries: Vectors | None
    words: str
    where: Where
    timings: Timings
    languages: tuple[str, ...] = ()
    means: Vectors | None = None
    scales: Mapping[str, Scale] = field(default_factory=dict)

    def queries_for(self, group: LanguageGroup) -> Vectors:
        """(n, d), as they are compared with the chunks of a group."""
        assert self.queries is not None and self.means is not None
        is_foreign = group.language not in ("", *self.languages)
        return shifted(self.queries, self.means, is_foreign=is_foreign)


class Retriever:
    """Finds chunks; without an encoder by words alone. Safe to use from many threads."""

    def __init__(self, indexes: Indexes, encoder: Encoder | None) -> None:
        self._indexes = indexes
        self._encoder = encoder
        self._probes = Probes(encoder) if encoder else None
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
        literals: Literals | None = None,
        mode: Mode = "hybrid",
        where: Where = EVERYTHING,
    ) -> Found:
        """The best chunks that the filter lets through, and how they were found.

        `literals` are what must be matched to the letter; else what the query has of it.

        Without an encoder every search is by words, and a note says so. Raises SearchError if
        there is no such mode.
        """
        used, notes = self.usable(mode)
        timings = Timings()
        asked = [text for text in (query, *wordings) if text.strip()]
        hits: list[Hit] = []
        with timings.measure("total"):
            if asked and top_k > 0:
                literals = find_literals(query) if literals is None else literals
                every, said, _ = self.matching(asked, literals, top_k, used, where, timings)
                hits, notes = every[:top_k], notes + said
                if str(where) and not hits and not self._filters.allowed(where).ids:
                    notes.append(f"The filter ({where}) lets nothing of the index through.")
        return Found(tuple(hits), query, used, where, tuple(notes), timings.ms)

    def usable(self, mode: Mode) -> tuple[Mode, list[str]]:
        """The mode, or what stands in for it without an encoder, and what to say about that."""
        if self._encoder is None and check_mode(mode) != "lexical":
            return "lexical", [NO_ENCODER]
        return check_mode(mode), []

    def matching(
        self,
        asked: Sequence[str],
        literals: Literals,
        top_k: int,
        mode: Mode,
        where: Where,
        timings: Timings,
        scales: Mapping[str, Scale] | None = None,
    ) -> tuple[list[Hit], list[str], bool]:
        """More hits than asked for, notes, and whether they are those with the quoted phrases.

        Slips of the pen are undone first. In the dense mode meaning alone counts.
        """
        if mode == "dense":
            return as_hits(self._ranked(asked, top_k, mode, where, timings, scales)), [], False
        with timings.measure("respell"):
            asked, notes = with_respellings(asked, self._indexes.lexical)
        hits = as_hits(self._ranked(asked, top_k, mode, where, timings, scales))
        with timings.measure("literals"):
            allowed = self._filters.allowed(where).ids if where else None
            hits, said, has_phrases = apply_literals(hits, literals, self._indexes, allowed)
        return hits, notes + said, has_phrases

    def scales(self) -> dict[str, Scale]:
        """What the chunks of each language have in common; none without an encoder."""
        groups = self._languages.current() if self._encoder else []
        return {group.language: group.scale for group in groups}

    def _ranked(
        self,
        asked: Sequence[str],
        top_k: int,
        mode: Mode,
        where: Where,
        timings: Timings,
        scales: Mapping[str, Scale] | None = None,
    ) -> Ranked:
        """More chunks than asked for, with their scores, best first; copies are among them.

        Scores are standard deviations of meaning, with what words add. The best of several indexes
        can be compared if they are measured with the same `scales`, by language. In the lexical
        mode scores are BM25's.
        """
        words = " ".join(asked) if mode != "dense" else ""
        search = _Asked(asked, None, words, where, timings)
        if self._encoder is not None and self._probes is not None and mode != "lexical":
            with timings.measure("encode"):
                languages = tuple(map(detect_language, asked))
                means = np.stack([self._probes.mean(language) for language in languages])
                queries = self._encoder.encode_queries(asked)
            search = _Asked(asked, queries, words, where, timings, languages, means, scales or {})
        return self._find(search, max(MIN_FETCHED, OVERFETCH * top_k))

    def _find(self, asked: _Asked, k: int) -> Ranked:
        """The k best of each side, in order.

        First the indexes are asked, at whatever change they have reached, then the catalog, then
        what came between; see rag/tail.py. The filter is resolved in between, for the indexes,
        and again with the catalog, for what came.
        """
        catalog, lexical = self._indexes.catalog, self._indexes.lexical
        reached = min(self._indexes.dense.sequence, lexical.sequence)
        if (num_changes := catalog.sequence() - reached) > MAX_TAIL_CHANGES:
            self._indexes.catch_up()
            reached, num_changes = min(self._indexes.dense.sequence, lexical.sequence), 0
        groups = self._languages.current() if asked.queries is not None else []
        num_gone = len(catalog.changes_since(reached)[1]) if num_changes else 0
        allowed = self._allowed(asked)
        near = self._search_dense(asked, k + num_gone, groups, allowed)
        worded = self._search_words(asked, k + num_gone, near, allowed)
        with catalog.snapshot(), asked.timings.measure("catalog"):
            added = catalog.changes_since(reached)[0][-MAX_TAIL_CHANGES:]
            if added and asked.queries is not None:
                near += self._late(asked.queries, k, added)
            if added and asked.words:
                late = merge([], lexical_hits(catalog, lexical, added, asked.words))
                kept = {chunk_id for chunk_id, _ in late[:k]}.union(near)
                worded |= {chunk_id: score for chunk_id, score in late if chunk_id in kept}
            allowed = self._allowed(asked)  # again: for what came, and for what was moved
            ids = among(None if allowed is None else allowed.ids, sorted({*near, *worded}))
            chunks = list(catalog.chunks_by_ids(ids).values())
            return self._in_order(asked, chunks, worded, groups, k)

    def _late(self, queries: Vectors, k: int, added: Sequence[int]) -> list[int]:
        """The nearest of each language among the chunks that the index does not have yet."""
        catalog, found = self._indexes.catalog, list[int]()
        for ids in catalog.chunk_ids_by_language(added).values():
            hits = merge([], dense_hits(catalog, ids.tolist(), queries))
            found += [chunk_id for chunk_id, _ in hits[:k]]
        return found

    def _allowed(self, asked: _Asked) -> Allowed | None:
        """None where all is allowed."""
        if not asked.where:
            return None
        with asked.timings.measure("filter"):
            return self._filters.allowed(asked.where)

    def _search_dense(
        self, asked: _Asked, k: int, groups: Sequence[LanguageGroup], allowed: Allowed | None
    ) -> list[int]:
        """The ids of the nearest chunks of every group."""
        found: list[int] = []
        with asked.timings.measure("dense"):
            for group in groups:
                ids = group.ids if allowed is None else allowed.within(group.ids)
                narrowed = ids if allowed is not None or len(groups) > 1 else None
                hits = self._indexes.dense.search(asked.queries_for(group), k, narrowed)
                found += [chunk_id for chunk_id, _ in hits]
        return found

    def _search_words(
        self, asked: _Asked, k: int, near: Sequence[int], allowed: Allowed | None
    ) -> dict[int, float]:
        """BM25 of the best chunks, and of those that are near in meaning, by id."""
        lexical = self._indexes.lexical
        with asked.timings.measure("lexical"):
            if not asked.words:
                return {}
            ids = None if allowed is None else allowed.ids
            found = dict(lexical.search(asked.words, k, ids, asked.where.languages))
            if len(found) == k and (others := set(near) - found.keys()):
                found |= lexical.scores_of(asked.words, others)
        return found

    def _in_order(
        self,
        asked: _Asked,
        chunks: Sequence[StoredChunk],
        worded: Mapping[int, float],
        groups: Sequence[LanguageGroup],
        num_refined: int,
    ) -> Ranked:
        """The chunks with their scores, best first; inside the catalog's snapshot.

        The sentences of the `num_refined` best are looked at, too.
        """
        scores = np.array([worded.get(chunk.chunk_id, 0.0) for chunk in chunks])
        if chunks and groups:
            weight = self._indexes.lexical.total_weight(asked.words) if asked.words else 0.0
            matched = scores / weight if weight else np.zeros(len(chunks))
            compared = _Compared(asked, chunks, self._indexes.catalog, groups)
            scores = compared.scores(matched, {})
            best = [chunks[i].chunk_id for i in np.argsort(-scores, kind="stable")[:num_refined]]
            known = self._indexes.catalog.sentence_vectors(best, self._indexes.dimension)
            scores = compared.scores(matched, known)
            if asked.words:
                scores = scores + NAME_WEIGHT * named_shares(
                    asked.texts, asked.languages[0], chunks, self._indexes.catalog,
                    self._indexes.lexical,
                )  # fmt: skip
        order = sorted(range(len(chunks)), key=lambda i: (-scores[i], chunks[i].chunk_id))
        return [(chunks[i], float(scores[i])) for i in order]


class _Compared:
    """Chunks, each beside the question as it is put to its language."""

    def __init__(
        self,
        asked: _Asked,
        chunks: Sequence[StoredChunk],
        catalog: Catalog,
        groups: Sequence[LanguageGroup],
    ) -> None:
        self._ids = [chunk.chunk_id for chunk in chunks]
        self._vectors = catalog.vectors(self._ids)
        places = {group.language: place for place, group in enumerate(groups)}
        self._group_of = np.array([places.get(c.language, len(groups) - 1) for c in chunks])
        self._groups = [
            (asked.queries_for(group), asked.scales.get(group.language, group.scale))
            for group in groups
        ]

    def scores(self, matched: Scores, sentences: Mapping[int, Vectors]) -> Scores:
        """(m,): how far each chunk's meaning stands out by its best wording, and its words."""
        meaning = np.zeros(len(self._ids))
        for place, (queries, scale) in enumerate(self._groups):
            rows = np.flatnonzero(self._group_of == place)
            known = [sentences.get(self._ids[row]) for row in rows]
            near = similarities(self._vectors[rows], known, queries)
            meaning[rows] = scale.standardize(near, queries).max(axis=1)
        return fuse(meaning, matched, self._group_of)

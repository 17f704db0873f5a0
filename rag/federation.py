"""Several indexes asked as one: each is searched, and what they find is put in one order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from rag.catalog import Catalog
from rag.encoder import Vectors
from rag.hits import Ranked, as_hits
from rag.indexes import Indexes
from rag.literals import Literals, find_literals
from rag.ranking import Scale
from rag.retriever import EVERYTHING, Retriever
from rag.timings import Timings
from rag.types import Found, Hit, StoredChunk, StoredDocument
from rag.where import Mode, Where, check_mode


@dataclass(frozen=True, slots=True)
class Part:
    """An index, and what of it takes part."""

    indexes: Indexes
    retriever: Retriever
    where: Where = EVERYTHING


class Federation:
    """Finds in all of its parts, whose retrievers share one encoder or have none.

    Documents and chunks are renumbered: number n of part p out of q is n * q + p. `catalog` knows
    them by these numbers. How much a similarity means is measured on all parts together, so that
    their scores can be compared; what words add counts within a part.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        self.catalog = cast(Catalog, _Catalogs(self._parts))

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
        """As Retriever.find does; a note of one part is said once."""
        check_mode(mode)
        timings, notes, hits = Timings(), dict[str, None](), list[Hit]()
        asked = [text for text in (query, *wordings) if text.strip()]
        with timings.measure("total"):
            if asked and top_k > 0:
                literals = find_literals(query) if literals is None else literals
                used, found = self._search(asked, literals, top_k, mode, where, timings, notes)
                with timings.measure("fuse"):
                    hits = as_hits(_joined(found, used))[:top_k]
                if str(where) and not hits:
                    notes[f"The filter ({where}) may be too narrow: nothing was found."] = None
                mode = used[0] if len(set(used)) == 1 else mode
        return Found(tuple(hits), query, mode, where, tuple(notes), timings.ms)

    def _search(
        self,
        asked: Sequence[str],
        literals: Literals,
        top_k: int,
        mode: Mode,
        where: Where,
        timings: Timings,
        notes: dict[str, None],
    ) -> tuple[list[Mode], list[Ranked]]:
        """What each part finds, renumbered, and in which mode.

        Where some parts hold what is quoted, the others have no say.
        """
        scales = _joined_scales([part.retriever.scales() for part in self._parts])
        found, holding = [], []
        for number, part in enumerate(self._parts):
            used, lacks = part.retriever.usable(mode)
            narrowed = part.where.also(where)
            hits, said, has_phrases = part.retriever.matching(
                asked, literals, top_k, used, narrowed, timings, scales
            )
            order = [(renumbered(hit.chunk, number, len(self._parts)), hit.score) for hit in hits]
            found.append((used, order, [*lacks, *said]))
            holding.append(has_phrases and mode != "dense")
        kept = [one for one, holds in zip(found, holding, strict=True) if holds or not any(holding)]
        notes.update((note, None) for _, _, said in kept for note in said)
        return [used for used, _, _ in kept], [order for _, order, _ in kept]


def renumbered(chunk: StoredChunk, part: int, count: int) -> StoredChunk:
    """A chunk of one of so many parts, by the federation's numbers."""
    chunk_id, document_id = chunk.chunk_id * count + part, chunk.document_id * count + part
    return replace(chunk, chunk_id=chunk_id, document_id=document_id)


def _joined(found: Sequence[Ranked], used: Sequence[Mode]) -> Ranked:
    """By score; by rank where one part has found by words and another by meaning."""
    if len(set(used)) > 1:
        found = [[(chunk, -float(rank)) for rank, (chunk, _) in enumerate(one)] for one in found]
    pooled = [one for order in found for one in order]
    return sorted(pooled, key=lambda one: (-one[1], one[0].chunk_id))


def _joined_scales(several: Sequence[Mapping[str, Scale]]) -> dict[str, Scale]:
    """What the chunks of each language have in common in all parts together."""
    found = {
        language: Scale.joined([scales[language] for scales in several if language in scales])
        for language in {language for scales in several for language in scales}
    }
    if "" in found:  # a few chunks of any language say nothing by themselves
        found[""] = Scale.joined([scale for scales in several for scale in scales.values()])
    return found


class _Catalogs:
    """What an answer needs of several catalogs, by the federation's numbers."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._catalogs = [part.indexes.catalog for part in parts]
        self._wheres = [str(part.where) for part in parts]

    def state(self) -> str:
        states = [catalog.state() for catalog in self._catalogs]
        told = (f"{state} {where}" for state, where in zip(states, self._wheres, strict=True))
        return "; ".join(told) if all(states) else ""

    def documents(self) -> list[StoredDocument]:
        return [
            replace(document, document_id=document.document_id * len(self._catalogs) + part)
            for part, catalog in enumerate(self._catalogs)
            for document in catalog.documents()
        ]

    def document_text(self, document_id: int) -> str:
        number, part = divmod(document_id, len(self._catalogs))
        try:
            return self._catalogs[part].document_text(number)
        except KeyError:
            raise KeyError(document_id) from None

    def chunks_of(self, document_id: int) -> list[StoredChunk]:
        number, part = divmod(document_id, len(self._catalogs))
        return [
            renumbered(chunk, part, len(self._catalogs))
            for chunk in self._catalogs[part].chunks_of(number)
        ]

    def sentences_within(
        self, document_id: int, start: int, end: int, dimension: int
    ) -> list[tuple[str, Vectors]]:
        number, part = divmod(document_id, len(self._catalogs))
        return self._catalogs[part].sentences_within(number, start, end, dimension)

    def find_documents(self, *, folders: Sequence[str], at_most: int) -> list[tuple[int, str]]:
        count, found = len(self._catalogs), list[tuple[int, str]]()
        for part, catalog in enumerate(self._catalogs):
            several = catalog.find_documents(folders=folders, at_most=at_most)
            found += [(number * count + part, path) for number, path in several]
        return sorted(found, key=lambda one: one[1])[:at_most]

    def index_texts(self, chunk_ids: Iterable[int]) -> list[tuple[int, str, str]]:
        count, found = len(self._catalogs), list[tuple[int, str, str]]()
        for chunk_id in chunk_ids:
            number, part = divmod(chunk_id, count)
            for _, text, language in self._catalogs[part].index_texts([number]):
                found.append((chunk_id, text, language))
        return sorted(found)

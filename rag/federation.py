"""Several indexes asked as one: each is searched, and what they find is put in one order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from rag.catalog import Catalog
from rag.indexes import Indexes
from rag.retriever import EVERYTHING, Candidates, Retriever, Scored, fuse, ranked
from rag.timings import Timings
from rag.types import Found, Hit, StoredChunk
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
    them by these numbers. Scores of several indexes are compared where they mean the same: the
    encoder is one and so is the language, else an encoder's liking for the question's language
    would decide. Where not, the parts' orders are fused by rank.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        self.catalog = cast(Catalog, _Catalogs([part.indexes.catalog for part in parts]))

    def find(
        self,
        query: str,
        top_k: int,
        *,
        wordings: Sequence[str] = (),
        mode: Mode = "hybrid",
        where: Where = EVERYTHING,
    ) -> Found:
        """As Retriever.find does; a note of one part is said once."""
        check_mode(mode)
        timings, notes, hits = Timings(), dict[str, None](), list[Hit]()
        asked = [text for text in (query, *wordings) if text.strip()]
        with timings.measure("total"):
            if asked and top_k > 0:
                used, found = self._search(asked, top_k, mode, where, timings, notes)
                with timings.measure("fuse"):
                    hits = self._joined(found, used)[:top_k]
                if where and not hits:
                    notes[f"The filter ({where}) may be too narrow: nothing was found."] = None
                mode = used[0] if len(set(used)) == 1 else mode
        return Found(tuple(hits), query, mode, where, tuple(notes), timings.ms)

    def _search(
        self,
        asked: Sequence[str],
        top_k: int,
        mode: Mode,
        where: Where,
        timings: Timings,
        notes: dict[str, None],
    ) -> tuple[list[Mode], list[Candidates]]:
        """What each part finds, renumbered, and in which mode."""
        modes, found = [], []
        for number, part in enumerate(self._parts):
            used, said = part.retriever.usable(mode)
            notes.update(dict.fromkeys(said))
            narrowed = part.where.also(where)
            candidates = part.retriever.candidates(asked, top_k, used, narrowed, timings)
            modes.append(used)
            found.append(self._renumbered(candidates, number))
        return modes, found

    def _joined(self, found: Sequence[Candidates], used: Sequence[Mode]) -> list[Hit]:
        languages = {part.retriever.main_languages() for part in self._parts}
        is_comparable = len(set(used)) == 1 and len(languages) == 1
        if is_comparable and (used[0] == "lexical" or len(next(iter(languages))) < 2):
            return ranked(_pooled(found), used[0])
        orders = [ranked(one, mode) for one, mode in zip(found, used, strict=True)]
        chunks = {hit.chunk.chunk_id: hit.chunk for order in orders for hit in order}
        fused = fuse([[hit.chunk.chunk_id for hit in order] for order in orders])
        return [Hit(rank, score, chunks[i]) for rank, (i, score) in enumerate(fused, start=1)]

    def _renumbered(self, found: Candidates, part: int) -> Candidates:
        count = len(self._parts)

        def shifted(side: Scored | None) -> Scored | None:
            return side and [(i * count + part, score) for i, score in side]

        def moved(chunk: StoredChunk) -> StoredChunk:
            chunk_id, document_id = chunk.chunk_id * count + part, chunk.document_id * count + part
            return replace(chunk, chunk_id=chunk_id, document_id=document_id)

        chunks = [moved(chunk) for chunk in found.chunks.values()]
        by_id = {chunk.chunk_id: chunk for chunk in chunks}
        return Candidates(shifted(found.dense), shifted(found.lexical), by_id)


def _pooled(found: Sequence[Candidates]) -> Candidates:
    """All candidates of each side, by score."""

    def merged(sides: Iterable[Scored | None]) -> Scored | None:
        given = [side for side in sides if side is not None]
        hits = [hit for side in given for hit in side]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0])) if given else None

    chunks = {i: chunk for one in found for i, chunk in one.chunks.items()}
    dense, lexical = (one.dense for one in found), (one.lexical for one in found)
    return Candidates(merged(dense), merged(lexical), chunks)


class _Catalogs:
    """What an answer needs of several catalogs, by the federation's numbers."""

    def __init__(self, catalogs: Sequence[Catalog]) -> None:
        self._catalogs = catalogs

    def document_text(self, document_id: int) -> str:
        number, part = divmod(document_id, len(self._catalogs))
        try:
            return self._catalogs[part].document_text(number)
        except KeyError:
            raise KeyError(document_id) from None

    def index_texts(self, chunk_ids: Iterable[int]) -> list[tuple[int, str, str]]:
        count, found = len(self._catalogs), list[tuple[int, str, str]]()
        for chunk_id in chunk_ids:
            number, part = divmod(chunk_id, count)
            for _, text, language in self._catalogs[part].index_texts([number]):
                found.append((chunk_id, text, language))
        return sorted(found)

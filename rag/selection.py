"""Which chunks go into a prompt: the hits that fit, then more of their documents around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

from rag.passages import touches
from rag.scopes import WIDER, Scope, within
from rag.sentences import ROW_START
from rag.shelf import Shelf
from rag.types import Hit, LeftOut, StoredChunk
from rag.where import Where

PASSAGE_OVERHEAD_TOKENS = 8  # the number, punctuation and blank line around a passage
PARAGRAPH_END = "\n\n"  # after a passage; counted with it, as it will be in the prompt
WIDENS_FROM_TOKENS = 2048  # of room that the hits leave; less is not worth a longer prompt
CLOSE_SCORE = 2.0  # standard deviations of meaning behind the best hit; a reranker's 0..1 are all
MAX_MISFITS = 16  # documents of a folder that do not fit, before no others are tried
MAX_FOLDER_DOCUMENTS = 2000
EVERYTHING = Where()


@dataclass(frozen=True, slots=True)
class Taken:
    """What a hit brought at once: chunks that were not in before, and how wide it is with them."""

    hit: Hit
    scope: Scope
    chunks: tuple[StoredChunk, ...]
    tokens: int


@dataclass(slots=True)
class Selection:
    """The chunks taken so far, in the order in which they were, and the tokens still free.

    The last `for_close` of the tokens are for hits whose score is close to the best one's.
    """

    room: int
    count_tokens: Callable[[str], int]
    shelf: Shelf
    for_close: int = 0
    taken: list[Taken] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    _held: dict[int, StoredChunk] = field(default_factory=dict)

    def take(self, hit: Hit, scope: Scope, chunks: Sequence[StoredChunk], spared: int = 0) -> int:
        """Take those not yet in, if all of them fit; returns the tokens that they need.

        `spared` of the tokens that are free stay so. Of what does not fit, no more is counted than
        shows it.
        """
        fresh = tuple(one for one in chunks if one.chunk_id not in self._held)
        needed = self._needed(chunks, "" if scope == "passage" else PARAGRAPH_END)
        if needed <= self.room - spared and fresh:
            self.room -= needed
            self.taken.append(Taken(hit, scope, fresh, needed))
            self._held.update((one.chunk_id, one) for one in fresh)
        return needed

    def holds(self, chunk: StoredChunk) -> bool:
        return chunk.chunk_id in self._held

    def give_back(self) -> Taken:
        """Take the last out again; widening goes before the hits that it came after."""
        last = self.taken.pop()
        self.room += last.tokens
        for one in last.chunks:
            del self._held[one.chunk_id]
        return last

    def pseudo_hits(self) -> list[Hit]:
        """All chunks as hits: those of a better hit first, the rest of the folders last."""
        order = sorted(self.taken, key=lambda one: (one.scope == "folder", one.hit.rank))
        return [Hit(one.hit.rank, one.hit.score, chunk) for one in order for chunk in one.chunks]

    def leave_out(self, hit: Hit, needed: int, reason: str) -> None:
        chunk = hit.chunk
        self.left_out.append(
            LeftOut(hit.rank, chunk.path, chunk.title, chunk.heading, needed, reason)
        )

    def _needed(self, chunks: Sequence[StoredChunk], end: str) -> int:
        """Tokens of those not yet in; what goes on from another needs no place of its own."""
        needed = 0
        for before, chunk in pairwise([None, *chunks]):
            assert chunk is not None
            if chunk.chunk_id in self._held:
                continue
            needed += self.count_tokens(chunk.text + end)
            if before is None or not touches(before, chunk, across_pages=True):
                needed += self.place_tokens(chunk)
            if needed > self.room:
                break
        return needed

    def place_tokens(self, chunk: StoredChunk) -> int:
        """What stands above a passage that begins with the chunk."""
        needed = self.count_tokens(f"{chunk.title} > {chunk.heading}") + PASSAGE_OVERHEAD_TOKENS
        if chunk.text.startswith(ROW_START):
            with suppress(KeyError):  # deleted since it was found
                needed += self.count_tokens(self.shelf.table_header(chunk))
        return needed


def select(
    hits: Sequence[Hit], scope: Scope, selection: Selection, where: Where = EVERYTHING
) -> None:
    """Fill a selection: as wide as it may be (auto), or with so much around each hit as is asked.

    Where a hit's whole scope does not fit, it comes with the widest that does. What was left out
    before is tried again.
    """
    selection.left_out.clear()
    if scope in ("auto", "passage"):
        _take_hits(hits, selection)
        if scope == "auto" and not selection.left_out:
            _widen(selection, where)
        return
    asked: Scope = "document" if scope == "folder" else scope
    needed = {hit.rank: _take_within(hit, asked, selection) for hit in hits}
    for hit in hits:
        if not selection.holds(hit.chunk):
            room = selection.room
            fits = next((s for s in _narrower(asked) if _came_in(hit, s, selection)), None)
            instead = f"; its {fits} went in" if fits else ""
            what = f"its {asked} does not fit into the {room} tokens left{instead}"
            selection.leave_out(hit, needed[hit.rank], what)
    if scope == "folder":
        _take_folders(selection, where, whole_only=False)


def _narrower(scope: Scope) -> tuple[Scope, ...]:
    """The scopes within one, the widest first."""
    order: tuple[Scope, ...] = ("passage", *WIDER)
    return order[: order.index(scope)][::-1]


def _take_hits(hits: Sequence[Hit], selection: Selection) -> None:
    best = max((hit.score for hit in hits), default=0.0)
    for hit in hits:
        if selection.holds(hit.chunk):
            continue
        spared = 0 if hit.score >= best - CLOSE_SCORE else selection.for_close
        room = max(0, selection.room - spared)
        needed = selection.take(hit, "passage", [hit.chunk], spared)
        if not selection.holds(hit.chunk):
            selection.leave_out(hit, needed, f"it takes {needed} tokens where {room} are left")


def _widen(selection: Selection, where: Where) -> None:
    """Each hit a step wider while room is left, the best first; the hits are all in."""
    hits = [one.hit for one in selection.taken]
    for scope in WIDER[:-1]:
        for hit in hits:
            if selection.room >= WIDENS_FROM_TOKENS:
                _take_within(hit, scope, selection)
    if selection.room >= WIDENS_FROM_TOKENS:
        _take_folders(selection, where, whole_only=True)


def _take_within(hit: Hit, scope: Scope, selection: Selection) -> int:
    return selection.take(hit, scope, within(scope, hit.chunk, selection.shelf))


def _came_in(hit: Hit, scope: Scope, selection: Selection) -> bool:
    _take_within(hit, scope, selection)
    return selection.holds(hit.chunk)


def _take_folders(selection: Selection, where: Where, *, whole_only: bool) -> None:
    """The other documents of the hits' folders; `whole_only` takes no part of a folder."""
    best: dict[str, Hit] = {}
    for one in selection.taken:
        best.setdefault(one.hit.chunk.path.rpartition("/")[0], one.hit)
    for hit in best.values():
        beside = selection.shelf.documents_beside(hit.chunk.path, where, MAX_FOLDER_DOCUMENTS)
        if whole_only and len(beside) >= MAX_FOLDER_DOCUMENTS:
            continue
        num_taken = len(selection.taken)
        if not _take_documents(beside, hit, selection, 1 if whole_only else MAX_MISFITS):
            while whole_only and len(selection.taken) > num_taken:
                selection.give_back()


def _take_documents(
    document_ids: Sequence[int], hit: Hit, selection: Selection, max_misfits: int
) -> bool:
    """Those that fit; stops at so many that do not. Whether all went in."""
    misfits = 0
    for document_id in document_ids:
        chunks = selection.shelf.chunks(document_id)
        selection.take(hit, "folder", chunks)
        misfits += not all(map(selection.holds, chunks))
        if misfits >= max_misfits:
            break
    return not misfits

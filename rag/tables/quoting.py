"""The rows that an answer was computed from, as numbered sources and citations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rag.tables.compute import Computed
from rag.tables.table import Row, Table
from rag.tables.when import Place
from rag.types import Citation, Passage, StoredChunk

MAX_CITATIONS = 5  # runs of neighbouring rows
MAX_QUOTED_ROWS = 20  # of one run; how many rows were used is said with the computation


def cite_rows(computed: Computed, place: Place) -> tuple[tuple[Passage, ...], tuple[Citation, ...]]:
    """Sources numbered from 1, one for each run of neighbouring rows, and a citation of each."""
    hit = place.hit.chunk
    passages, citations = [], []
    for number, run in enumerate(_runs(computed.shown, computed.table)[:MAX_CITATIONS], start=1):
        rows = run[:MAX_QUOTED_ROWS]
        start, end = rows[0].start, rows[-1].end
        chunk = _chunk_at(start, place.chunks)
        headings = _headings(computed.table, rows, hit.title)
        quote = place.text[start:end]
        page = chunk.page if chunk else None
        passages.append(
            Passage(
                number, hit.document_id, hit.path, hit.title, headings, page, start, end, quote,
                place.hit.score, computed.table.header,
            )
        )  # fmt: skip
        citations.append(
            Citation(
                number, hit.document_id, hit.title, hit.path, page, " > ".join(headings), start,
                end, quote, verdict="supported",
            )
        )  # fmt: skip
    return tuple(passages), tuple(citations)


def _runs(rows: Sequence[Row], table: Table) -> list[list[Row]]:
    """The rows in runs of neighbours, in the order of the document."""
    order = {row: index for index, row in enumerate(table.rows)}
    indexes = sorted(order[row] for row in rows)
    runs = groupby(enumerate(indexes), key=lambda one: one[1] - one[0])
    return [[table.rows[index] for _, index in run] for _, run in runs]


def _headings(table: Table, rows: Sequence[Row], title: str) -> tuple[str, ...]:
    """The table's name, and its rows' numbers where they are known."""
    name = () if table.name == title else (table.name,)
    first, last = rows[0].number, rows[-1].number
    if first is None or last is None:
        return name
    word = table.kind if first == last else f"{table.kind}s"
    return (*name, f"{word} {first}" if first == last else f"{word} {first}-{last}")


def _chunk_at(position: int, chunks: Sequence[StoredChunk]) -> StoredChunk | None:
    return next((chunk for chunk in chunks if chunk.start <= position < chunk.end), None)

"""Whether a question is one to compute, and over which table: decided without the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from rag.catalog import Catalog
from rag.tables.extract import RECORD_SUFFIXES, extract_tables
from rag.tables.mentions import find_mentions, normalized, occurrences
from rag.tables.table import Table
from rag.types import Hit, StoredChunk

MIN_ROWS = 3  # of a table; in a smaller one the ordinary answer sees all there is
MAX_COLUMNS = 200
NEAR_HITS = 5  # the best ones, among which the table must be
FIRST_HITS = 2  # one of these must stand in a table at all
RANK_WEIGHT = 3.0
MIN_PASSAGES = 3  # beside a table, for what its document is about to be told

# A strong word asks for a computation; a weak one may, where every word of it can be understood.
_STRONG = re.compile(
    r"合计|总计|总共|总和|总额|总量|总数|平均|均值|中位|最[高低大小多少长短贵早晚快慢近远重轻好差]的"
    r"|哪[个家种条台次项张份笔名位][^，。？]{0,16}最|最[高低大小多少长短贵早晚]的?[^，。？]{0,8}(?:是哪|是谁)"
    r"|趋势|走势|占比|占[^，。]{0,12}多少|相差|差额|差多少|之差|排名|排序"
    r"|前[\d一二三四五六七八九十两]+[个家种条台次项张份笔名位]|统计|汇总"
    r"|\b(?:sum|totals?|altogether|combined|average|mean|median|trends?|rank(?:ed|ing)?"
    r"|top (?:\d+|two|three|four|five|ten)|percentage of|proportion of|share of"
    r"|(?:which|what|who)\b[^.?!]{0,60}\b(?:highest|lowest|largest|smallest|fewest|longest|shortest"
    r"|biggest|earliest|latest|cheapest|oldest|newest))\b",
    re.IGNORECASE,
)
# "Above-average experience" asks for no average, "What does it mean?" for no mean.
_ADJECTIVE = re.compile(r"\b(?:above|below)[ -]average\b(?!\s+of\b)", re.IGNORECASE)
_VERB_MEAN = re.compile(
    r"\b(?:do|does|did)\b(?:(?!\b(?:the|a) mean\b)[^.?!;])*?\bmean\b", re.IGNORECASE
)
_WEAK = re.compile(
    r"变化|多少|几[个家种条台次项张份笔名位]|哪些|哪几|一共|共有|最|超过|低于|高于|大于|小于|多于|少于|不足|至少"
    r"|以上的|以下的|总的|分别|各[个自]?|列出|增长|不一致|不等|比例|比重|百分之几"
    r"|\b(?:how many|how much|number of|counts?|most|least|best|worst|grow|growth|compare|maximum"
    r"|minimum|max|min|(?:more|less|fewer|higher|lower|greater) than|at least|at most|exceeds?"
    r"|above|below|over|under|before|after|each|per|list|which|differences?|shares?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A table, the best hit in it, and the document's text and chunks."""

    table: Table
    hit: Hit
    text: str
    chunks: tuple[StoredChunk, ...]


_Read = tuple[list[Table], str, tuple[StoredChunk, ...]]


def asks_to_compute(question: str) -> Literal["surely", "perhaps", "no"]:
    """Whether a question has a word for a sum, a count, an extreme; or for a comparison, a list."""
    question = _ADJECTIVE.sub("", question)
    question = _VERB_MEAN.sub(lambda found: found[0][: -len("mean")], question)
    if _STRONG.search(question):
        return "surely"
    return "perhaps" if _WEAK.search(question) else "no"


def near_tables(question: str, hits: Sequence[Hit], catalog: Catalog) -> list[Place]:
    """The tables among the best hits, that which the question is most likely about first.

    Whole tables are read from the catalog, however few of their rows were found. None where the
    very best hits are not of a table.
    """
    near = hits[:NEAR_HITS]
    documents: dict[int, _Read] = {}
    for hit in near:
        if hit.chunk.document_id not in documents:
            documents[hit.chunk.document_id] = _tables_of(hit, catalog)
    places: dict[tuple[int, int], tuple[float, int, Place]] = {}
    asked = normalized(question)
    for hit in near:
        tables, text, chunks = documents[hit.chunk.document_id]
        for table in tables:
            key = (hit.chunk.document_id, table.start)
            if key not in places and _overlaps(hit.chunk, table):
                score = RANK_WEIGHT / hit.rank + _spelled(asked, table)
                places[key] = score, hit.rank, Place(table, hit, text, chunks)
    if not any(rank <= FIRST_HITS for _, rank, _ in places.values()):
        return []
    ordered = sorted(places.values(), key=lambda place: (-place[0], place[1]))
    return [place for *_, place in ordered]


def look_like_tables(hits: Sequence[Hit]) -> bool:
    """Whether the very best hits may be of a table, told without reading their documents."""
    chunks = [hit.chunk for hit in hits[:FIRST_HITS]]
    return any(
        "\n|" in f"\n{chunk.text}" or PurePath(chunk.path).suffix.lower() in RECORD_SUFFIXES
        for chunk in chunks
    )


def topics(place: Place) -> Callable[[str], bool]:
    """Whether a word is what the table's document is about: it stands in half of the passages
    beside the table, of which there must be some."""
    beside = [chunk.text.casefold() for chunk in place.chunks if not _overlaps(chunk, place.table)]

    def is_topic(word: str) -> bool:
        holding = sum(word in text for text in beside)
        return len(beside) >= MIN_PASSAGES and 2 * holding >= len(beside)

    return is_topic


def _tables_of(hit: Hit, catalog: Catalog) -> _Read:
    chunk = hit.chunk
    try:
        text = catalog.document_text(chunk.document_id)
    except KeyError:  # deleted since it was found
        return [], "", ()
    chunks = tuple(catalog.chunks_of(chunk.document_id))
    tables = extract_tables(text, chunk.title, chunk.path, chunks)
    return [table for table in tables if len(table.columns) <= MAX_COLUMNS], text, chunks


def _overlaps(chunk: StoredChunk, table: Table) -> bool:
    return chunk.start < table.end and chunk.end > table.start


def _spelled(asked: str, table: Table) -> int:
    """How many of the table's columns and values the question names."""
    named = {(m.column, m.value) for m in find_mentions(asked, table)}
    return len(named) + sum(1 for _ in occurrences(asked, normalized(table.name)))

"""Measures a search by the sentences that answer: how much text is read until one is reached.

Ranks do not compare settings that cut documents otherwise: a passage twice as long holds the
answer more often, and takes twice the room in a prompt. So a position is counted in usual
passages of text: one twice as long takes two. Where passages are of the usual length, that is the
rank, and the gain is nDCG@10 (Järvelin and Kekäläinen 2002) with one document to find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, log2

from rag.evaluation.measures import PerQuery
from rag.evaluation.question_files import Place, Question
from rag.types import Hit

GAIN, RECALL_5, RECALL_10 = "nDCG@10", "recall@5", "recall@10"  # @: usual passages of text
DEPTH = 10.0
MIN_OVERLAP = 0.5  # of a sentence, for a passage to hold it


def usual_characters(hits: Sequence[Hit]) -> float:
    """The mean length of the first passages that a search finds; 1 where it finds none."""
    lengths = [len(hit.chunk.text) for hit in hits[: int(DEPTH)]]
    return sum(lengths) / len(lengths) if lengths else 1.0


def position(hits: Sequence[Hit], places: Sequence[Place], usual: float) -> float:
    """How many usual passages of text are read with the first that holds a place; at least 1.

    Infinite where none does.
    """
    read = 0
    for hit in hits:
        read += len(hit.chunk.text)
        if any(_holds(hit, place) for place in places):
            return max(1.0, read / usual)
    return inf


def _holds(hit: Hit, place: Place) -> bool:
    chunk = hit.chunk
    shared = min(chunk.end, place.end) - max(chunk.start, place.start)
    return chunk.path == place.path and shared >= MIN_OVERLAP * (place.end - place.start)


def measure_positions(positions: Mapping[str, float]) -> PerQuery:
    """The measures of every query, by its position."""
    return {
        GAIN: {q: 1 / log2(1 + at) if at <= DEPTH else 0.0 for q, at in positions.items()},
        RECALL_5: {query: float(at <= DEPTH / 2) for query, at in positions.items()},
        RECALL_10: {query: float(at <= DEPTH) for query, at in positions.items()},
    }


def search_enough(
    search: Callable[[str, int], Sequence[Hit]], query: str, top_k: int, characters: float
) -> list[Hit]:
    """The hits as people get them, and, if those hold too little text, deeper ones after them."""
    hits = list(search(query, top_k))
    if sum(len(hit.chunk.text) for hit in hits) < characters:
        known = {hit.chunk.chunk_id for hit in hits}
        deep = search(query, max(4 * top_k, 8 * int(DEPTH)))
        hits += [hit for hit in deep if hit.chunk.chunk_id not in known]
    return hits


def still_there(question: Question, text_of: Callable[[str], str | None]) -> Question | None:
    """The question, with its places as its documents are now; None if no one holds it any more."""
    places = []
    for place in question.places:
        text = text_of(place.path) or ""
        start = place.start
        if text[start : place.end] != question.evidence:
            start = text.find(question.evidence)
        if start != -1:
            places.append(Place(place.path, start, start + len(question.evidence)))
    if not places:
        return None
    return Question(question.query_id, question.text, question.evidence, tuple(places))

"""A document as passages, and these as sections that the model reads one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag.prompt import passage_text
from rag.types import Passage, StoredChunk

PASSAGE_TOKENS = 400  # of neighbouring chunks that are joined

Section = tuple[Passage, ...]


def passages_of(
    chunks: Sequence[StoredChunk], text: str, first: int, count: Callable[[str], int]
) -> list[Passage]:
    """A document's chunks in reading order as passages numbered from `first`.

    Neighbouring chunks of one page under one heading make one, so that a citation knows its page.
    """
    runs: list[list[StoredChunk]] = []
    place, room = None, 0
    for chunk in chunks:
        here, needed = (chunk.page, chunk.headings[:2]), count(chunk.text)
        is_next = bool(runs) and runs[-1][-1].ordinal + 1 == chunk.ordinal
        if here != place or needed > room or not is_next:
            runs.append([])
            place, room = here, PASSAGE_TOKENS
        runs[-1].append(chunk)
        room -= needed
    return [_passage(run, text, number) for number, run in enumerate(runs, start=first)]


def _passage(run: Sequence[StoredChunk], text: str, number: int) -> Passage:
    head, start, end = run[0], run[0].start, max(chunk.end for chunk in run)
    return Passage(
        number=number,
        document_id=head.document_id,
        path=head.path,
        title=head.title,
        headings=head.headings[:2],
        page=head.page,
        start=start,
        end=end,
        text=text[start:end],
        score=0.0,
    )


def count_all(passages: Sequence[Passage], count: Callable[[str], int]) -> int:
    """Tokens of the passages as they stand in a prompt."""
    return sum(count(passage_text(passage, "")) + 2 for passage in passages)


def sections_of(
    passages: Sequence[Passage], count: Callable[[str], int], max_tokens: int
) -> list[Section]:
    """Neighbouring passages of one document together, as many as fit; a longer one stands alone."""
    sections: list[list[Passage]] = []
    room = 0
    for passage in passages:
        needed = count(passage_text(passage, "")) + 2
        is_same = sections and sections[-1][-1].document_id == passage.document_id
        if not is_same or needed > room:
            sections.append([])
            room = max_tokens
        sections[-1].append(passage)
        room -= needed
    return [tuple(section) for section in sections]


def spread(sections: Sequence[Section], limit: int) -> list[Section]:
    """At most so many, evenly from the first to the last."""
    if len(sections) <= limit:
        return list(sections)
    if limit == 1:
        return [sections[0]]
    step = (len(sections) - 1) / (limit - 1)
    return [sections[round(place * step)] for place in range(limit)]

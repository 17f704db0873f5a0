"""A follow-up that goes on from the prompt of the answer before it.

An engine that remembers what it has read (a prefix cache) then reads only what is new. It is done
where the sources of that answer hold the best of what the follow-up finds, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.catalog import Catalog
from rag.generate import Generator
from rag.history import plain_lines
from rag.prompt import asked
from rag.query import Query
from rag.types import Answer, Hit, Message, Passage
from rag.wishes import Form

NUM_TELLING = 1  # the best hits, which must stand in the sources
ENOUGH_COVERED = 0.3  # of the ten best
NUM_BEST = 10

_FORMS: dict[Form, str] = {
    "short": "Answer in one short sentence.",
    "long": "Answer in more detail, in up to six sentences.",
    "table": "Answer as a Markdown table, with the source's number at the end of each row.",
    "list": "Answer as a list, one fact a line.",
    "simple": "Answer in simple words.",
}


def put_question(query: Query) -> str:
    """The question as the model is asked, with the form that is wished."""
    form = _FORMS.get(query.form, "")
    return f"{query.put} {form}".strip()


def is_covered(hits: Sequence[Hit], passages: Sequence[Passage]) -> bool:
    """Whether the best of what was found stands in the passages already."""
    best = hits[:NUM_BEST]
    held = [any(_holds(passage, hit) for passage in passages) for hit in best]
    return bool(held) and all(held[:NUM_TELLING]) and sum(held) >= ENOUGH_COVERED * len(held)


def go_on(
    query: Query, previous: Answer, generator: Generator, catalog: Catalog, max_answer_tokens: int
) -> list[Message]:
    """The prompt of the answer before with the new question appended.

    [] where that cannot be: another model wrote it, a source has changed, or it does not fit.
    """
    if not previous.prompt or previous.model != generator.name or not previous.passages:
        return []
    if not all(_is_unchanged(passage, catalog) for passage in previous.passages):
        return []
    said = Message("assistant", _as_written(previous.text))
    turn = Message("user", asked(put_question(query), query.language))
    messages = [*previous.prompt, said, turn]
    fits = generator.count_chat_tokens(messages) <= generator.max_model_len - max_answer_tokens
    return messages if fits else []


def _as_written(text: str) -> str:
    """The answer with its markers, which count the same sources, but without our doubts."""
    return text.replace("[?]", "").replace("?]", "]").strip() or plain_lines(text)


def _holds(passage: Passage, hit: Hit) -> bool:
    chunk = hit.chunk
    is_same = passage.document_id == chunk.document_id
    return is_same and passage.start <= chunk.start and chunk.end <= passage.end


def _is_unchanged(passage: Passage, catalog: Catalog) -> bool:
    try:
        text = catalog.document_text(passage.document_id)
    except KeyError:
        return False
    return text[passage.start : passage.end] == passage.text

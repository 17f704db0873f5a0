"""The model's second look: do the quotes of an answer answer the question at all?

A small model would rather answer from a passage near the question than refuse. Asked apart, with
nothing but the quotes before it, it tells the two cases apart much better; docs/decisions.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing

from rag.generate import Generator
from rag.injection import as_shown, part_as_shown
from rag.names import is_unspaced
from rag.sentences import BAR, ROW_START
from rag.types import Citation, Message, Passage

MAX_QUOTES = 2
CONTEXT_CHARACTERS = 450  # of the passage on either side of a quote
DENSE_CONTEXT_CHARACTERS = 150  # of Chinese and the like, whose characters are a token each
YES, NO = ("yes", "Yes"), ("no", "No")
MAX_TOKENS = 2
MIN_LIKELIHOOD = 1e-9
SURE = 4.0  # log-odds that a word stands for, where no probabilities are known

SYSTEM = "You check whether a text answers a question. Reply only yes or no."


def answers_question(
    generator: Generator,
    question: str,
    citations: Sequence[Citation],
    passages: Sequence[Passage],
) -> bool:
    """Whether the model finds the question answered by the quotes of the citations alone.

    Raises GenerationError if the model fails.
    """
    return look_again(generator, question, citations, passages) >= 0


def look_again(
    generator: Generator,
    question: str,
    citations: Sequence[Citation],
    passages: Sequence[Passage],
) -> float:
    """The log-odds, by the model, that the quotes of the citations alone answer the question.

    Raises GenerationError if the model fails.
    """
    if (odds := weigh(generator, question, citations, passages)) is not None:
        return odds
    messages = build_check(question, citations, passages)
    with closing(generator.generate(messages, max_tokens=MAX_TOKENS)) as generation:
        verdict = "".join(generation)
    return -SURE if verdict.strip(" \n\"'*`").casefold().startswith("no") else SURE


def weigh(
    generator: Generator,
    question: str,
    citations: Sequence[Citation],
    passages: Sequence[Passage],
) -> float | None:
    """The same; None where the model tells no probabilities, so that its word would be all.

    Raises GenerationError if the model fails.
    """
    messages = build_check(question, citations, passages)
    if not (weights := generator.weigh(messages, (*YES, *NO))):
        return None
    likelihoods = [math.exp(weight) for weight in weights]
    yes, no = sum(likelihoods[: len(YES)]), sum(likelihoods[len(YES) :])
    return math.log(max(yes, MIN_LIKELIHOOD)) - math.log(max(no, MIN_LIKELIHOOD))


def build_check(
    question: str, citations: Sequence[Citation], passages: Sequence[Passage]
) -> list[Message]:
    """The prompt: each quote with its place and surroundings, then the question."""
    by_number = {passage.number: passage for passage in passages}
    shown = {(c.marker, c.start): c for c in citations}
    chosen = list(shown.values())[:MAX_QUOTES]
    quotes = [_quoted(by_number[c.marker], c, len(chosen)) for c in chosen]
    asked = "Does the text say the answer to the question? Reply yes or no."
    user = "\n\n".join([*quotes, f"Question: {question}", asked])
    return [Message("system", SYSTEM), Message("user", user)]


def _quoted(passage: Passage, citation: Citation, share: int) -> str:
    """The quote in its surroundings; of several quotes each gets a share of them."""
    is_dense = is_unspaced(citation.quote)
    around = (DENSE_CONTEXT_CHARACTERS if is_dense else CONTEXT_CHARACTERS) // share
    start = max(0, citation.start - passage.start - around)
    end = citation.end - passage.start + around
    place = " > ".join(part for part in (passage.title, passage.heading) if part)
    head = _table_head(passage, citation.start - passage.start)
    is_shown = not head or head in passage.text[start:end]
    table = "" if is_shown else f"\nColumns: {head}"
    text = part_as_shown(passage.text, start, end)
    return f"Document: {as_shown(place)}{table}\nText: {text}"


def _table_head(passage: Passage, at: int) -> str:
    """The head line of the table that the row at `at` is of; "" if that is no row.

    Without it a row is a list of figures that could be of anything.
    """
    if not passage.text.startswith(ROW_START, at):
        return ""
    head = passage.text[at:].partition("\n")[0]
    for line in reversed(passage.text[:at].splitlines()):
        if not line.startswith(BAR):  # the line under a head may be |---|
            return head
        head = line
    return passage.header or head

"""The model's second look: do the quotes of an answer answer the question at all?

A small model would rather answer from a passage near the question than refuse. Asked apart, with
nothing but the quotes before it, it tells the two cases apart much better; docs/decisions.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing

from rag.generate import Generator
from rag.types import Citation, Message, Passage

MAX_QUOTES = 3
CONTEXT_CHARACTERS = 150  # of the passage on either side of a quote
YES, NO = ("yes", "Yes"), ("no", "No")
MAX_TOKENS = 2
MIN_LIKELIHOOD = 1e-9
SURE = 4.0  # log-odds that a word stands for, where no probabilities are known

SYSTEM = "You check whether a quote from a document answers a question. Reply only yes or no."


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
    messages = build_check(question, citations, passages)
    if weights := generator.weigh(messages, (*YES, *NO)):
        likelihoods = [math.exp(weight) for weight in weights]
        yes, no = sum(likelihoods[: len(YES)]), sum(likelihoods[len(YES) :])
        return math.log(max(yes, MIN_LIKELIHOOD)) - math.log(max(no, MIN_LIKELIHOOD))
    with closing(generator.generate(messages, max_tokens=MAX_TOKENS)) as generation:
        verdict = "".join(generation)
    return -SURE if verdict.strip(" \n\"'*`").casefold().startswith("no") else SURE


def build_check(
    question: str, citations: Sequence[Citation], passages: Sequence[Passage]
) -> list[Message]:
    """The prompt: each quote with its place and surroundings, then the question."""
    by_number = {passage.number: passage for passage in passages}
    shown = {(c.marker, c.start): c for c in citations}
    quotes = [_quoted(by_number[c.marker], c) for c in list(shown.values())[:MAX_QUOTES]]
    these = "these quotes" if len(quotes) > 1 else "this quote"
    asked = f"Can the question be answered from {these} alone? Reply yes or no."
    user = "\n\n".join([*quotes, f"Question: {question}", asked])
    return [Message("system", SYSTEM), Message("user", user)]


def _quoted(passage: Passage, citation: Citation) -> str:
    start = max(0, citation.start - passage.start - CONTEXT_CHARACTERS)
    end = citation.end - passage.start + CONTEXT_CHARACTERS
    place = " > ".join(part for part in (passage.title, passage.heading) if part)
    return f"Document: {place}\nQuote: {passage.text[start:end]}"

"""From a question and what was said before it to what is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.errors import GenerationError
from rag.generate import Generator
from rag.language import detect_language
from rag.leaning import has_telling_words, leans_on_history
from rag.literals import Literals, find_literals
from rag.prompt import is_refusal
from rag.rewriter import plain, rewrite
from rag.types import Message

MAX_TOPIC_QUESTIONS = 3  # looked back through, to the one that stands alone
MAX_TOPIC_CHARACTERS = 300  # of the questions before, the newest part
MAX_SUBJECT_CHARACTERS = 160  # of the answer before


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for a question.

    `alone` is the question so that it can be understood alone; `searched` are the wordings that
    are searched together, the most telling first. `language` is the question's. `notes` say, for
    the reader, what was made of it.
    """

    asked: str
    alone: str
    searched: tuple[str, ...]
    literals: Literals
    language: str
    notes: tuple[str, ...] = ()


def understand(
    question: str, history: Sequence[Message] = (), generator: Generator | None = None
) -> Query:
    """What to search for a question that comes after a conversation.

    The model is asked only if there is one and the question leans on what was said, but has words
    of its own: of "And the next one?" the model makes no better search than the rules.
    """
    asked, language = question.strip(), detect_language(question)
    topic = _topic(history)
    if not topic or not leans_on_history(asked):
        return Query(asked, asked, (asked,), find_literals(asked), language)
    alone, searched = _by_rules(asked, topic, _subject(history))
    rewriter = generator if has_telling_words(asked) else None
    if rewriter is not None and (rewritten := _rewritten(asked, history, rewriter)):
        alone, searched = rewritten, [rewritten, alone]
    literals = find_literals(asked)
    if not literals.phrases and not literals.identifiers:
        literals = replace(literals, identifiers=find_literals(alone).identifiers)
    texts = tuple(dict.fromkeys(text for text in searched if text))
    return Query(asked, alone, texts, literals, language, (f"searched for: {texts[0]}",))


def _by_rules(question: str, topic: str, subject: str) -> tuple[str, list[str]]:
    """The question as it stands alone, and what is searched for it."""
    alone = f"{topic} {question}"
    if has_telling_words(question):
        return alone, [alone, f"{subject} {question}" if subject else "", question]
    return alone, [topic, subject]  # the words of "And the next one?" would only lead astray


def _rewritten(question: str, history: Sequence[Message], generator: Generator) -> str:
    try:
        return rewrite(question, history, generator)
    except GenerationError:
        return ""  # the rules do; the answer will say what is wrong with the model


def _topic(history: Sequence[Message]) -> str:
    """The questions before, back to the one that stands alone; "" if there was none."""
    before: list[str] = []
    for turn in reversed(history):
        if turn.role == "user" and turn.content.strip():
            before.insert(0, " ".join(turn.content.split()))
            if len(before) == MAX_TOPIC_QUESTIONS or not leans_on_history(before[0]):
                break
    return " ".join(before)[-MAX_TOPIC_CHARACTERS:].strip()


def _subject(history: Sequence[Message]) -> str:
    """The beginning of the last answer; "" if it was a refusal."""
    answer = next((turn.content for turn in reversed(history) if turn.role == "assistant"), "")
    return "" if is_refusal(answer) else plain(answer, MAX_SUBJECT_CHARACTERS)

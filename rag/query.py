"""From a question and what was said before it to what is searched."""

from __future__ import annotations

import re
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
from rag.wishes import Form, Wish, find_wish, lasting_language
from rag.words import UNSPACED

MAX_TOPIC_QUESTIONS = 3  # looked back through, to the one that stands alone
MAX_TOPIC_CHARACTERS = 300  # of the questions before, the newest part
MAX_SUBJECT_CHARACTERS = 160  # of the answer before


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for a question.

    `alone` is the question so that it can be understood alone; `searched` are the wordings that
    are searched together, the most telling first. `language` is the answer's: the one wished for,
    else the question's. `notes` say, for the reader, what was made of it. `form` is how the answer
    is to be put; `is_about_answer`: nothing new is asked, the answer before is to be put otherwise.
    `reworded` is the question for the model where the words asked would only confuse it.
    """

    asked: str
    alone: str
    searched: tuple[str, ...]
    literals: Literals
    language: str
    notes: tuple[str, ...] = ()
    form: Form = ""
    is_about_answer: bool = False
    reworded: str = ""

    @property
    def put(self) -> str:
        """The question as the model is asked."""
        return self.reworded or self.asked


def understand(
    question: str,
    history: Sequence[Message] = (),
    generator: Generator | None = None,
    language: str = "",
) -> Query:
    """What to search for a question that comes after a conversation.

    The model is asked only if there is one and the question leans on what was said, but has words
    of its own: of "And the next one?" the model makes no better search than the rules. `language`
    is the answer's where the conversation wishes for none.
    """
    wish = find_wish(question)
    topic = _topic(history)
    wished = wish.language or lasting_language(history) or language
    if topic and wish.is_about_answer:
        return _about_answer(wish, topic, history, wished)
    asked = question.strip() if wish.is_about_answer else wish.rest
    language = wished or _language_of(asked, topic)
    if topic and wish.is_correction:
        return _corrected(wish, topic, language)
    if wish.is_correction:
        asked = question.strip()
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
    return Query(asked, alone, texts, literals, language, (_searched_note(texts[0], language),))


def _about_answer(wish: Wish, topic: str, history: Sequence[Message], language: str) -> Query:
    """The question before once more; its answer says what else to look for."""
    if not language:  # "shorter" keeps the language of what it shortens, "translate" has none
        is_own = wish.form not in ("again", "short") and detect_language(wish.rest) != "en"
        language = detect_language(wish.rest) if is_own else _answered_language(history, topic)
    texts = tuple(dict.fromkeys(text for text in (topic, _subject(history)) if text))
    return Query(
        asked=wish.rest,
        alone=topic,
        searched=texts,
        literals=find_literals(topic),
        language=language,
        notes=(_searched_note(topic, language),),
        form=wish.form,
        is_about_answer=True,
        reworded=topic,
    )


def _corrected(wish: Wish, topic: str, language: str) -> Query:
    """The question before with what it meant instead, or the new question alone."""
    new = wish.rest
    if _is_question(new) and has_telling_words(new) and not leans_on_history(new):
        return Query(new, new, (new,), find_literals(new), language)
    alone = _with_correction(topic, wish)
    literals = find_literals(new)
    if not literals.identifiers:
        literals = replace(literals, identifiers=find_literals(alone).identifiers)
    texts = tuple(dict.fromkeys((alone, new)))
    note = (_searched_note(alone, language),)
    return Query(new, alone, texts, literals, language, note, reworded=alone)


def _with_correction(topic: str, wish: Wish) -> str:
    """The question with the new name in place of the old one, where it is clear which that is."""
    new, old = wish.rest, wish.replaced
    if old and old in topic:
        return topic.replace(old, new)
    named = find_literals(new).identifiers
    before = find_literals(topic).identifiers
    if len(named) == len(before) == 1:
        return topic.replace(before[0], named[0])
    return f"{topic} ({new})"


def _is_question(text: str) -> bool:
    return text.endswith(("?", "？")) or _ASKS.match(text) is not None


_ASKS = re.compile(
    r"^(?:what|which|who|whose|how|why|where|when|is|are|do|does|can)\b", re.IGNORECASE
)


def _language_of(question: str, topic: str) -> str:
    """The question's; of one that is but names and figures, that of the question before."""
    is_telling = re.search(rf"[{UNSPACED}]|[^\W\d_A-Z]{{2}}", question) is not None
    return detect_language(question if is_telling or not topic else topic)


def _answered_language(history: Sequence[Message], topic: str) -> str:
    answers = [turn.content for turn in history if turn.role == "assistant"]
    return detect_language(plain(answers[-1]) if answers else topic)


def _searched_note(text: str, language: str) -> str:
    return f"搜索的是：{text}" if language == "zh" else f"searched for: {text}"


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
            if find_wish(turn.content).is_about_answer:
                continue  # it asked for nothing that could be searched
            before.insert(0, " ".join(turn.content.split()))
            if len(before) == MAX_TOPIC_QUESTIONS or not leans_on_history(before[0]):
                break
    return " ".join(before)[-MAX_TOPIC_CHARACTERS:].strip()


def _subject(history: Sequence[Message]) -> str:
    """The beginning of the last answer; "" if it was a refusal."""
    answer = next((turn.content for turn in reversed(history) if turn.role == "assistant"), "")
    return "" if is_refusal(answer) else plain(answer, MAX_SUBJECT_CHARACTERS)

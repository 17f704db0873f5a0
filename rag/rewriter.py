"""The model puts a follow-up question so that it stands alone; what it writes is checked.

It may drop nothing that the question names to the letter, invent no number, change no language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.generate import Generator
from rag.generate.first_line import first_line
from rag.language import detect_language, language_name
from rag.literals import find_literals, normalized
from rag.numbers import digits_in
from rag.types import Message

MAX_TOKENS = 60
MAX_CHARACTERS = 400
MAX_TURN_CHARACTERS = 400  # of an answer before; its beginning says what it is about
MAX_TURNS = 4  # messages

SYSTEM = """\
You rewrite the last question of a conversation so that it can be understood without the \
conversation. Replace words like "it", "that one" or "the next" by what they stand for. Keep \
names, numbers and the language of the question. Do not answer. Write only the question.

Example
User: How deep is the pond?
Assistant: The pond is 80 cm deep.
Question: And when is it drained?
Alone: When is the pond drained?

Example
User: 花园夏天几点开放？
Assistant: 夏天早上七点开放。
Question: 那冬天呢？
Alone: 花园冬天几点开放？

Example
User: Which bed does the heather grow in?
Assistant: Heather | B4, followed by Foxglove.
Question: What about the next plant?
Alone: Which bed does the plant after the heather, the foxglove, grow in?"""

_LABEL = re.compile(
    r"^(?:alone|question|问题|独立问题|rewritten question)\s*[:：]\s*", re.IGNORECASE
)
_MARKS = re.compile(r"\s*\[(?:\d+\??|\?)\](?:\([^)]*\))?")  # citations, with or without their link


def rewrite(question: str, history: Sequence[Message], generator: Generator) -> str:
    """The question as it stands alone, or "" where what the model writes cannot be trusted.

    Raises GenerationError if the model fails.
    """
    prompt = build_rewriting(question, history)
    line = first_line(generator, prompt, max_tokens=MAX_TOKENS, max_characters=MAX_CHARACTERS)
    rewritten = _LABEL.sub("", line).strip()
    return rewritten if is_faithful(rewritten, question, history) else ""


def build_rewriting(question: str, history: Sequence[Message]) -> list[Message]:
    """The prompt: rules and examples, the newest turns, the question."""
    turns = [
        f"{'User' if turn.role == 'user' else 'Assistant'}: {plain(turn.content)}"
        for turn in history[-MAX_TURNS:]
        if turn.role != "system"
    ]
    language = language_name(detect_language(question))
    asked = f"Question: {' '.join(question.split())}\n(Rewrite it in {language}.)\nAlone:"
    return [Message("system", SYSTEM), Message("user", "\n".join([*turns, asked]))]


def is_faithful(rewritten: str, question: str, history: Sequence[Message]) -> bool:
    """Whether a rewriting keeps what the question says and adds nothing but what was said."""
    said = " ".join([question, *(turn.content for turn in history)])
    literals = find_literals(question)
    text, asked = normalized(rewritten), normalized(question)
    return (
        text not in ("", asked)
        and asked.endswith("?") == text.endswith("?")  # else it is an answer
        and detect_language(rewritten) == detect_language(question)
        and all(normalized(part) in text for part in literals.phrases + literals.identifiers)
        and digits_in(question) <= digits_in(rewritten) <= digits_in(said)
    )


def plain(text: str, limit: int = MAX_TURN_CHARACTERS) -> str:
    """The beginning of what was said, on one line, without marks of citations."""
    return " ".join(_MARKS.sub("", text).split())[:limit]

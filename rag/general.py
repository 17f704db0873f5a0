"""Answers from what the model knows, where the documents do not answer and the user allows it.

Such an answer stands apart, under a heading that says so, and cites nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rag.language import detect_language, language_name
from rag.types import Message

SYSTEM = (
    "You answer questions from general knowledge, in one to three sentences. If you do not know, "
    "or the question is about a person's own papers, say that you do not know."
)
LONGEST_MARK = 12  # characters from "[" that may still become "[12, 13]"
_MARK = re.compile(r"[ \t]*[\[【［][\d\s,，、;；和&?]+[\]】］]")
_OPEN = re.compile(r"[ \t]*[\[【［][\d\s,，、;；和&?]*$|[ \t]+$")


def build_general(question: str, language: str = "") -> list[Message]:
    """The prompt: no source is in it, so that none is cited."""
    language = language_name(language or detect_language(question))
    return [Message("system", SYSTEM), Message("user", f"{question}\n(Answer in {language}.)")]


def without_marks(pieces: Iterable[str]) -> Iterator[str]:
    """The text in pieces, without what looks like the number of a source."""
    held = ""
    for piece in pieces:
        held = _MARK.sub("", held + piece)
        open_at = _OPEN.search(held)
        ready = open_at.start() if open_at and len(open_at[0]) <= LONGEST_MARK else len(held)
        if ready:
            yield held[:ready]
        held = held[ready:]
    if held:
        yield held

"""What is told below an answer of how it was made."""

from __future__ import annotations

from rag.chat.markdown import MarkdownEscaper
from rag.types import Answer


def notes_markdown(answer: Answer) -> str:
    """The notes of the search, a line each and in small print; "" if there are none."""
    notes = answer.found.notes if answer.found else ()
    return "".join(f"\n\n*{_escaped(note)}*" for note in notes)


def _escaped(note: str) -> str:
    escaper = MarkdownEscaper()
    text = " ".join(note.split()).replace("*", "").replace("_", " ")
    return escaper.feed(text) + escaper.finish()

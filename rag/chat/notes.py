"""What is told below an answer of how it was made."""

from __future__ import annotations

from rag.chat.markdown import MarkdownEscaper
from rag.chat.texts import WORDS
from rag.order_notes import order_notes
from rag.types import Answer


def notes_markdown(answer: Answer) -> str:
    """The notes of the search, a line each and in small print; "" if there are none.

    Of documents that give orders the sources tell, which come first; they may do so in the page's
    language where the note is in the question's.
    """
    notes = answer.found.notes if answer.found else ()
    told = {note for language in WORDS for note in order_notes(answer.passages, language)}
    return "".join(f"\n\n*{_escaped(note)}*" for note in notes if note not in told)


def _escaped(note: str) -> str:
    escaper = MarkdownEscaper()
    text = " ".join(note.split()).replace("*", "").replace("_", " ")
    return escaper.feed(text) + escaper.finish()

"""What is told below an answer of how it was made."""

from __future__ import annotations

from rag.chat.markdown import MarkdownEscaper
from rag.chat.texts import WORDS, language_of
from rag.order_notes import order_notes
from rag.types import Answer


def notes_markdown(answer: Answer) -> str:
    """That it is cut off, and the notes of the search, in small print; "" if there are none.

    Of documents that give orders the sources tell, which come first; they may do so in the page's
    language where the note is in the question's.
    """
    notes = answer.found.notes if answer.found else ()
    told = {note for language in WORDS for note in order_notes(answer.passages, language)}
    shown = [note for note in notes if note not in told]
    if answer.is_cut:
        shown.insert(0, WORDS[language_of(answer.question)]["too_long"])
    return "".join(f"\n\n*{_escaped(note)}*" for note in shown)


def _escaped(note: str) -> str:
    escaper = MarkdownEscaper()
    text = " ".join(note.split()).replace("*", "").replace("_", " ")
    return escaper.feed(text) + escaper.finish()

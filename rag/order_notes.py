"""Says which documents hold orders to a language model, which it was not shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from rag.injection import order_spans
from rag.language import detect_language
from rag.types import Found, Passage

_TEXTS = {
    "en": "{title} holds text that gives orders to a language model; it was left out. Look at it.",
    "zh": "《{title}》里有给语言模型下指令的文字，已略去；请查看该文件。",
}


def with_order_notes(found: Found, passages: Sequence[Passage], question: str) -> Found:
    """What was found, with a note for each document whose passages give orders."""
    notes = order_notes(passages, detect_language(question))
    return replace(found, notes=found.notes + notes) if notes else found


def order_notes(passages: Sequence[Passage], language: str) -> tuple[str, ...]:
    """A note, in `zh` or else in English, for each document whose passages give orders."""
    text = _TEXTS["zh" if language == "zh" else "en"]
    parts = {
        p.document_id: p for p in passages if any(map(order_spans, (p.title, p.heading, p.text)))
    }
    return tuple(text.format(title=_name(passage)) for passage in parts.values())


def _name(passage: Passage) -> str:
    """The document's title, or its file's name where the title is an order itself."""
    return PurePath(passage.path).name if order_spans(passage.title) else passage.title

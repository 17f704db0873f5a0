"""The tools as they are told to an agent: names, descriptions, the schemas of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rag.scopes import SCOPES
from rag.where import MODES

MAX_QUESTION_CHARACTERS = 4000
MAX_TOP_K = 50
MAX_READ_CHARACTERS = 20_000
USUAL_READ_CHARACTERS = 6000
MAX_LISTED = 200
MAX_FILTERS = 50

_TEXTS = {"type": "array", "items": {"type": "string", "maxLength": 1000}, "maxItems": MAX_FILTERS}
_QUESTION = {"type": "string", "minLength": 1, "maxLength": MAX_QUESTION_CHARACTERS}
_DOCUMENT = {"type": ["integer", "string"], "description": "A document's number or path."}
NARROWING = {
    "folders": {**_TEXTS, "description": "Only in these folders."},
    "globs": {**_TEXTS, "description": "Only files so named, such as *.pdf."},
    "types": {**_TEXTS, "description": "Only these kinds, such as pdf."},
    "languages": {**_TEXTS, "description": "Only passages in these, such as en or zh."},
    "documents": {"type": "array", "items": _DOCUMENT, "maxItems": MAX_FILTERS},
    "after": {"type": "string", "description": "Only files changed on this day or later."},
    "before": {"type": "string", "description": "Only files changed before this day."},
}
_POSITION = {"type": "integer", "minimum": 0}


@dataclass(frozen=True, slots=True)
class ToolText:
    """A tool as it is told to an agent; the schema is its arguments'."""

    name: str
    title: str
    description: str
    properties: Mapping[str, Any]
    required: tuple[str, ...]

    @property
    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }


TOOLS = (
    ToolText(
        "search",
        "Search the documents",
        "Find passages by meaning and by words. Words in quotes are searched to the letter. Each "
        "hit names its document's number and the positions of its text, for read_document.",
        {
            "query": _QUESTION,
            "top_k": {"type": "integer", "minimum": 1, "maximum": MAX_TOP_K, "default": 10},
            "mode": {"enum": list(MODES), "default": "hybrid"},
            **NARROWING,
        },
        ("query",),
    ),
    ToolText(
        "ask",
        "Ask the documents",
        "Answer a question from the documents alone. Each statement cites a quote, which was "
        "checked; [2?] marks one that its source does not bear out. Says so if there is no answer.",
        {"question": _QUESTION, "scope": {"enum": list(SCOPES), "default": "auto"}, **NARROWING},
        ("question",),
    ),
    ToolText(
        "read_document",
        "Read a document",
        f"The text of a document: a span, a page, or its beginning; at most {MAX_READ_CHARACTERS} "
        "characters at a time. `next_start` goes on.",
        {
            "document": _DOCUMENT,
            "start": {**_POSITION, "description": "The first character; from 0."},
            "end": {**_POSITION, "description": "The position after the last character."},
            "page": {"type": "integer", "minimum": 1, "description": "Instead of a span."},
        },
        ("document",),
    ),
    ToolText(
        "list_documents",
        "List the documents",
        "The documents by path, a part at a time. `next_cursor` goes on.",
        {
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LISTED, "default": 50},
            "cursor": {"type": "string", "maxLength": 8000},
            **{name: NARROWING[name] for name in ("folders", "globs", "types", "after", "before")},
        },
        (),
    ),
)


@functools.cache
def schemas() -> dict[str, dict[str, Any]]:
    """The arguments of each tool."""
    return {tool.name: tool.schema for tool in TOOLS}

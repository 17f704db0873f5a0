"""Answers and hits as the API tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag.cli_answers import answer_json, citation_json, passage_json
from rag.cli_hits import search_json
from rag.types import Answer, Citation, Found, SourcesFound

UrlOf = Callable[[int, int, int], str]  # document, start, end
ANSWER_KEYS = (
    *("question", "answer", "abstained", "general_knowledge", "closest", "usage", "timings_ms"),
    *("model", "computation", "cached", "cut_off"),
)
STRUCTURED_KEYS = ("data", "doubtful")


def cited(citation: Citation, url_of: UrlOf) -> dict[str, Any]:
    return {
        **citation_json(citation),
        "label": citation.label,
        "title": citation.document,
        "url": url_of(citation.document_id, citation.start, citation.end),
    }


def answered(answer: Answer, url_of: UrlOf) -> dict[str, Any]:
    made = answer_json(answer)
    kept = (*ANSWER_KEYS, *STRUCTURED_KEYS) if answer.structured else ANSWER_KEYS
    return {
        **{key: made[key] for key in kept},
        "citations": [cited(one, url_of) for one in answer.citations],
        "disagreements": made["disagreements"],
    }


def found(result: Found, url_of: UrlOf) -> dict[str, Any]:
    """The filter is left out: it also holds what the caller may not see."""
    made = search_json(result)
    made.pop("filter")
    for hit in made["hits"]:
        hit["url"] = url_of(hit["document"], hit["start"], hit["end"])
    return made


def sources(event: SourcesFound) -> dict[str, Any]:
    notes = list(event.found.notes) if event.found else []
    return {"passages": [passage_json(one) for one in event.passages], "notes": notes}


def annotation(citation: Citation, start: int, url_of: UrlOf) -> dict[str, Any]:
    """OpenAI's url_citation, of the label that begins at `start` of the text."""
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start,
            "end_index": start + len(citation.label),
            "title": citation.document,
            "url": url_of(citation.document_id, citation.start, citation.end),
        },
    }


def annotated(answer: Answer, url_of: UrlOf) -> list[dict[str, Any]]:
    """Of the labels in the text, in order."""
    made, position = [], 0
    for citation in answer.citations:
        start = answer.text.find(citation.label, position)
        if start < 0:  # JSON by a schema has no labels
            continue
        made.append(annotation(citation, start, url_of))
        position = start + len(citation.label)
    return made

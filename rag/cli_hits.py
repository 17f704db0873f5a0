"""What a search found: JSON for programs, lines for people."""

from __future__ import annotations

from typing import Any, TextIO

from rag.cli_output import SNIPPET_CHARACTERS, one_line, place_line, say
from rag.types import Found, Hit


def hit_json(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "document": chunk.document_id,
        "path": chunk.path,
        "title": chunk.title,
        "heading": chunk.heading,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
    }


def search_json(found: Found) -> dict[str, Any]:
    return {**found_json(found), "hits": [hit_json(hit) for hit in found.hits]}


def found_json(found: Found) -> dict[str, Any]:
    """How it was searched."""
    times = {name: round(spent, 1) for name, spent in found.timings_ms.items()}
    return {
        "query": found.query,
        "mode": found.mode,
        "filter": found.where.as_json(),
        "notes": list(found.notes),
        "cached": found.cached,
        "took_ms": times.get("total", 0.0),
        "timings_ms": times,
    }


def print_found(found: Found, out: TextIO) -> None:
    for note in found.notes:
        say(f"Note: {note}")
    for hit in found.hits:
        place = place_line(hit.chunk.title, hit.chunk.page, hit.chunk.heading)
        print(f"{hit.rank:>3}. {place}  ({hit.score:.3f})", file=out)
        print(f"     {one_line(hit.chunk.text, SNIPPET_CHARACTERS)}", file=out)
        print(f"     {hit.chunk.path}\n", file=out)
    if not found.hits:
        say("Nothing was found.")

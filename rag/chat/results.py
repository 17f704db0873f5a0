"""What a search without an answer found, as the page's custom element takes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from rag.chat.sources import view_url
from rag.chat.trace import found_line, mode_line
from rag.highlight import find_snippet
from rag.types import Found, Hit
from rag.viewer_words import heading_words, page_words

_WORDS = {
    "en": {
        "results": "Results",
        "score": "score",
        "none": "Nothing was found. Use other words, or look in more places.",
    },
    "zh": {
        "results": "搜索结果",
        "score": "得分",
        "none": "没有找到内容。请换个说法，或扩大范围。",
    },
}
_SPACE = re.compile(r"\s+")
_ROW_END = re.compile(r"\s*(?<!\S)\|[ \t]*\n[ \t]*\|(?!\S)\s*")
_CELL_END = re.compile(r"\s*(?<!\S)\|(?!\S)\s*")


def results_line(found: Found, language: str) -> str:
    """One line above the list."""
    if not found.hits:
        return _WORDS[language]["none"]
    return f"{found_line(found, language)} · {mode_line(found, language)}"


def results_props(found: Found, language: str) -> dict[str, Any]:
    """The ranked list, the words of the query marked in each."""
    return {
        "label": _WORDS[language]["results"],
        "score": _WORDS[language]["score"],
        "results": [_result(hit, found.query, language) for hit in found.hits],
        "notes": list(found.notes),
    }


def _result(hit: Hit, query: str, language: str) -> dict[str, Any]:
    chunk = hit.chunk
    snippet = find_snippet(chunk.text, query)
    suffix = PurePath(chunk.path).suffix
    page = page_words(suffix, chunk.page, language) if chunk.page else ""
    heading = heading_words(chunk.headings, chunk.title, language)
    return {
        "rank": hit.rank,
        "title": chunk.title,
        "file": PurePath(chunk.path).name,
        "where": " · ".join(filter(None, (page, heading))),
        "score": f"{hit.score:.1f}",
        "pieces": _plain(snippet.pieces(chunk.text)),
        "before": snippet.start > 0,
        "after": snippet.end < len(chunk.text),
        "url": view_url(chunk.document_id, chunk.start + snippet.start, chunk.start + snippet.end),
    }


def _plain(pieces: Sequence[tuple[str, bool]]) -> list[list[Any]]:
    """Each on one line; a table's bars as points between cells, and strokes between rows."""
    shown: list[list[Any]] = []
    for text, marked in pieces:
        text = _CELL_END.sub(" · ", _ROW_END.sub(" / ", text))
        shown.append([_SPACE.sub(" ", text), marked])
    shown[0][0] = shown[0][0].removeprefix(" · ")
    shown[-1][0] = shown[-1][0].removesuffix(" · ")
    return [piece for piece in shown if piece[0]]

"""The sources under an answer, as the page's custom element takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from rag.chat.footnotes import checked_line, one_line, with_footnotes
from rag.chat.texts import WORDS
from rag.fault_texts import explain
from rag.order_notes import order_notes
from rag.types import Answer, Citation, Computation, Passage
from rag.viewer_words import heading_words, page_words

SNIPPET_CHARACTERS = 180
_BULLET = re.compile(r"^[-*•] ")

_WORDS = {
    "en": {
        "copy": "Copy with citations",
        "copied": "Copied",
        "copy_failed": "The browser did not let this page copy.",
    },
    "zh": {
        "copy": "复制（含引用）",
        "copied": "已复制",
        "copy_failed": "浏览器不允许本页复制。",
    },
}


def view_url(document_id: int, start: int, end: int, *, doubt: bool = False) -> str:
    """The address of a span in the viewer; the page opens at it, and tells of a doubt."""
    return f"/view/{document_id}?start={start}&end={end}{'&doubt=1' if doubt else ''}#cite"


def citation_url(citation: Citation) -> str:
    """Where a marker leads. All that its looks and its card need is in this address."""
    doubt = not citation.supported
    return view_url(citation.document_id, citation.start, citation.end, doubt=doubt)


def found_props(passages: Sequence[Passage], language: str) -> dict[str, Any]:
    """What is shown as soon as the search is done."""
    return _props("found", passages, {}, language)


def answered_props(answer: Answer, language: str) -> dict[str, Any]:
    """What is shown under the finished answer: the cited sources, then the others, folded."""
    cited: dict[int, Citation] = {}
    for citation in sorted(answer.citations, key=lambda citation: not citation.supported):
        cited.setdefault(citation.marker, citation)
    state = "answered" if cited and not answer.abstained else "closest"
    props = _props(state, answer.passages, cited, language)
    if answer.text.strip():
        checked, holds = checked_line(answer, language)
        props |= {"copy": with_footnotes(answer, language), "checked": checked, "holds": holds}
    if answer.computation:
        props["computation"] = _computation(answer.computation, WORDS[language])
    return props


def _computation(computation: Computation, words: dict[str, str]) -> dict[str, str]:
    label = words["computed"].format(
        used=computation.rows_used, total=computation.rows_total, table=computation.table
    )
    return {"label": label, "query": computation.query}


def _props(
    state: str,
    passages: Sequence[Passage],
    cited: dict[int, Citation],
    language: str,
) -> dict[str, Any]:
    words = WORDS[language]
    return {
        "state": state,
        "notes": order_notes(passages, language),
        "words": {key: words[key] for key in ("sources", "found", "closest", "also_found")}
        | _WORDS[language],
        "sources": [_source(passage, cited.get(passage.number), language) for passage in passages],
    }


def _source(passage: Passage, citation: Citation | None, language: str) -> dict[str, Any]:
    spot: Passage | Citation = citation or passage
    pages = spot.pages if isinstance(spot, Passage) else spot.page
    page = page_words(PurePath(passage.path).suffix, pages, language) if pages else ""
    heading = heading_words(passage.headings, passage.title, language)
    return {
        "number": passage.number,
        "title": passage.title,
        "file": PurePath(passage.path).name,
        "where": " · ".join(filter(None, (page, heading))),
        "snippet": snippet(citation.quote if citation else passage.text),
        "url": citation_url(citation) if citation else view_url(*_span(passage)),
        "cited": citation is not None,
        "supported": citation is None or citation.supported,
        "doubt": explain(citation, language) if citation else "",
    }


def _span(passage: Passage) -> tuple[int, int, int]:
    return passage.document_id, passage.start, passage.end


def snippet(text: str) -> str:
    """The start of a text on one line."""
    line = _BULLET.sub("", one_line(text))
    return line if len(line) <= SNIPPET_CHARACTERS else line[: SNIPPET_CHARACTERS - 1] + "…"

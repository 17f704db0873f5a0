"""A finished answer as Markdown that stands by itself: the text, then what each number cites."""

from __future__ import annotations

from collections.abc import Sequence

from rag.citations import UNCITED
from rag.fault_texts import explain
from rag.types import Answer, Citation
from rag.viewer_words import heading_words, page_words

QUOTE_CHARACTERS = 500

_WORDS = {
    "en": {
        "sources": "Sources",
        "quote": "“{quote}”",
        "all": "Checked: all {total} citations are borne out by their quotes.",
        "one": "Checked: the citation is borne out by its quote.",
        "some": "Checked: {bad} of {total} statements is not borne out by a source; it is marked.",
        "more": "Checked: {bad} of {total} statements are not borne out by a source;"
        " they are marked.",
    },
    "zh": {
        "sources": "来源",
        "quote": "“{quote}”",
        "all": "已核对：{total} 处引用均有原文支持。",
        "one": "已核对：引用有原文支持。",
        "some": "已核对：{total} 处说法中有 {bad} 处没有原文支持，已标出。",
        "more": "已核对：{total} 处说法中有 {bad} 处没有原文支持，已标出。",
    },
}


def with_footnotes(answer: Answer, language: str) -> str:
    """The answer with its `[1]`, and a list of sources: title, place, quotes, and doubts."""
    lists = [_source(cited, language) for cited in _by_marker(answer.citations)]
    heading = f"**{_WORDS[language]['sources']}**"
    return "\n\n".join([answer.text.strip(), *([heading, "\n".join(lists)] if lists else [])])


def checked_line(answer: Answer, language: str) -> tuple[str, bool]:
    """How the check of all citations came out, and whether every one held; "" of none."""
    bad = sum(not citation.supported for citation in answer.citations)
    unsourced = answer.text.count(UNCITED)
    total, bad = len(answer.citations) + unsourced, bad + unsourced
    if not total:
        return "", True
    key = ("one" if total == 1 else "all") if not bad else ("some" if bad == 1 else "more")
    return _WORDS[language][key].format(bad=bad, total=total), not bad


def one_line(text: str) -> str:
    """A quote on one line; cells of a table between points instead of bars."""
    lines = []
    for line in text.splitlines():
        is_row = line.lstrip().startswith("| ") or line.rstrip().endswith(" |") or " | " in line
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if is_row else []
        lines.append(" · ".join(filter(None, cells)) if is_row else line)
    return " ".join(" ".join(lines).split())


def _by_marker(citations: Sequence[Citation]) -> list[list[Citation]]:
    """The citations of each number, each span once."""
    found: dict[int, dict[tuple[int, int, bool], Citation]] = {}
    for one in citations:
        found.setdefault(one.marker, {}).setdefault((one.start, one.end, one.supported), one)
    return [list(found[marker].values()) for marker in sorted(found)]


def _source(cited: Sequence[Citation], language: str) -> str:
    first = cited[0]
    suffix = first.path[first.path.rfind(".") :] if "." in first.path else ""
    headings = tuple(first.heading.split(" > ")) if first.heading else ()
    parts = [
        first.document,
        page_words(suffix, first.page, language) if first.page else "",
        heading_words(headings, first.document, language),
    ]
    quotes = " ".join(_quote(one, language) for one in cited)
    return f"- [{first.marker}] {', '.join(filter(None, parts))}: {quotes}"


def _quote(citation: Citation, language: str) -> str:
    line = one_line(citation.quote)
    line = line if len(line) <= QUOTE_CHARACTERS else line[: QUOTE_CHARACTERS - 1] + "…"
    doubt = explain(citation, language)
    return _WORDS[language]["quote"].format(quote=line) + (f" ({doubt})" if doubt else "")

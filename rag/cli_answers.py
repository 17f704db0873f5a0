"""Answers: JSON for programs, lines for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rag.cli_hits import found_json, hit_json
from rag.cli_output import SNIPPET_CHARACTERS, one_line, place_line, say
from rag.fault_texts import explain
from rag.notices import closest_heading
from rag.pack_words import packing_line
from rag.structured.doubt_texts import explain_doubt
from rag.structured.values import Structured
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerText,
    Citation,
    CitationFound,
    Computation,
    Disagreement,
    PackReport,
    Passage,
    Progress,
    SourcesFound,
)

QUOTE_CHARACTERS = 300


def answer_json(answer: Answer) -> dict[str, Any]:
    times = answer.timings_ms
    return {
        "question": answer.question,
        "answer": answer.text,
        "abstained": answer.abstained,
        "general_knowledge": answer.general,
        "closest": [passage_json(passage) for passage in answer.closest],
        "citations": [citation_json(citation) for citation in answer.citations],
        "hits": [hit_json(hit) for hit in answer.hits],
        "usage": {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
        },
        "timings_ms": {
            name: round(times[name], 1) if name in times else None
            for name in ("retrieve", "first_token", "total")
        },
        "model": answer.model,
        "cached": answer.cached,
        "cut_off": answer.is_cut,
        "disagreements": [_disagreement_json(one) for one in answer.disagreements],
        "search": found_json(answer.found) if answer.found else None,
        "packing": packing_json(answer.packing) if answer.packing else None,
        "computation": dataclasses.asdict(answer.computation) if answer.computation else None,
        **(structured_json(answer.structured) if answer.structured else {}),
    }


def structured_json(structured: Structured) -> dict[str, Any]:
    """The data, and what of it is in doubt."""
    doubts = [
        {"pointer": one.pointer, "doubt": one.kind, "reason": explain_doubt(one, "en")}
        for one in structured.doubts
    ]
    return {"data": structured.data, "doubtful": doubts}


def citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "marker": citation.marker,
        "document": citation.document_id,
        "path": citation.path,
        "page": citation.page,
        "heading": citation.heading,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "supported": citation.supported,
        "verdict": citation.verdict,
        "reason": explain(citation, "en"),
        **({} if citation.pointer is None else {"pointer": citation.pointer}),
    }


def passage_json(passage: Passage) -> dict[str, Any]:
    return {
        "document": passage.document_id,
        "path": passage.path,
        "title": passage.title,
        "heading": passage.heading,
        "page": passage.page,
        "start": passage.start,
        "end": passage.end,
        "snippet": one_line(passage.text, SNIPPET_CHARACTERS),
    }


def _disagreement_json(found: Disagreement) -> dict[str, Any]:
    sides = ((found.first, found.first_date), (found.second, found.second_date))
    return {"sources": [citation_json(one) | {"date": dated} for one, dated in sides]}


def packing_json(packing: PackReport) -> dict[str, Any]:
    """What the model saw and at what cost, in tokens."""
    return {**dataclasses.asdict(packing), "passage_tokens": packing.passage_tokens}


def print_answer(events: Iterable[AnswerEvent], out: TextIO, *, stream: bool) -> Answer:
    """Show an answer while it is written, or at once when it is done; return it."""
    answer: Answer | None = None
    for event in events:
        match event:
            case SourcesFound():
                say_sources(event)
            case Progress(text=text):
                say(text)
            case AnswerText(text=text) if stream:
                print(text, end="", file=out, flush=True)
            case CitationFound(citation=citation) if stream:
                print(citation.label, end="", file=out, flush=True)
            case AnswerFinished(answer=answer):
                pass
    assert answer is not None, "a stream ends with AnswerFinished"
    print("" if stream else answer.text, file=out)
    if answer.is_cut:
        say("The answer is cut off: set max_answer_tokens higher, or ask for less at once.")
    if answer.cached:
        say("From the cache: no document has changed since it was written.")
    _print_citations(answer.citations, out)
    if answer.computation:
        _print_computation(answer.computation, out)
    print_closest(answer, out)
    return answer


def say_sources(event: SourcesFound) -> None:
    """What was found, and what of it the model reads."""
    for note in event.found.notes if event.found else ():
        say(f"Note: {note}")
    say(_sources_line(event.passages))
    say(f"{packing_line(event.packing, 'en')}\n" if event.packing else "")


def _sources_line(passages: Sequence[Passage]) -> str:
    titles = list(dict.fromkeys(passage.title for passage in passages))
    if not titles:
        return "No source was found."
    noun = "passage" if len(passages) == 1 else "passages"
    return f"Found {len(passages)} {noun} in: {'; '.join(titles)}"


def _print_computation(computation: Computation, out: TextIO) -> None:
    used, total = computation.rows_used, computation.rows_total
    print(f"\nComputed from {used} of {total} rows of “{computation.table}”:", file=out)
    print(f"    {computation.query}", file=out)


def print_closest(answer: Answer, out: TextIO) -> None:
    """Where a reader may look on, under a refusal."""
    if answer.closest:
        print(f"\n{closest_heading(answer.question)}", file=out)
    for passage in answer.closest:
        place = place_line(passage.title, passage.page, passage.heading)
        print(f"  - {place}: {one_line(passage.text, SNIPPET_CHARACTERS)}", file=out)
        print(f"    {passage.path}", file=out)


def _print_citations(citations: Sequence[Citation], out: TextIO) -> None:
    shown = list({(c.label, c.start, c.end): c for c in citations}.values())
    for citation in sorted(shown, key=lambda c: c.marker):
        print(f"\n{citation_line(citation)}", file=out)
        print(f"    {citation.path}", file=out)


def citation_line(citation: Citation) -> str:
    """Its label, place and quote, and why it is doubted."""
    doubt = f"  ({explain(citation, 'en')})" if not citation.supported else ""
    quote = one_line(citation.quote, QUOTE_CHARACTERS)
    place = place_line(citation.document, citation.page)
    return f"{citation.label} {place} - \u201c{quote}\u201d{doubt}"

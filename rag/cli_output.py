"""What the commands print: JSON for programs, lines and tables for people."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from rag.fault_texts import explain
from rag.notices import closest_heading
from rag.pack_words import packing_line
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerText,
    Citation,
    CitationFound,
    Computation,
    Disagreement,
    Found,
    Hit,
    PackReport,
    Passage,
    SourcesFound,
)
from rag.types import Progress as ReadingProgress

SNIPPET_CHARACTERS = 240
QUOTE_CHARACTERS = 300
LINES_EVERY = 50  # documents between two lines of progress where there is no terminal
LINES_SECONDS = 10.0  # or so long, where large documents come first


@contextlib.contextmanager
def clean_stdout() -> Iterator[TextIO]:
    """The real standard output; whatever libraries print meanwhile goes to standard error."""
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield out


def notes() -> Console:
    """Standard error, as it is now. No markup: a path may hold brackets."""
    return Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """A note for people."""
    notes().print(line)


def print_json(value: Any, out: TextIO) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2), file=out, flush=True)


# Search results and answers


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
        "snippet": _one_line(passage.text, SNIPPET_CHARACTERS),
    }


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
        "disagreements": [_disagreement_json(one) for one in answer.disagreements],
        "search": found_json(answer.found) if answer.found else None,
        "packing": packing_json(answer.packing) if answer.packing else None,
        "computation": dataclasses.asdict(answer.computation) if answer.computation else None,
    }


def _disagreement_json(found: Disagreement) -> dict[str, Any]:
    sides = ((found.first, found.first_date), (found.second, found.second_date))
    return {"sources": [citation_json(one) | {"date": dated} for one, dated in sides]}


def packing_json(packing: PackReport) -> dict[str, Any]:
    """What the model saw and at what cost, in tokens."""
    return {**dataclasses.asdict(packing), "passage_tokens": packing.passage_tokens}


def print_found(found: Found, out: TextIO) -> None:
    for note in found.notes:
        say(f"Note: {note}")
    for hit in found.hits:
        place = _place(hit.chunk.title, hit.chunk.page, hit.chunk.heading)
        print(f"{hit.rank:>3}. {place}  ({hit.score:.3f})", file=out)
        print(f"     {_one_line(hit.chunk.text, SNIPPET_CHARACTERS)}", file=out)
        print(f"     {hit.chunk.path}\n", file=out)
    if not found.hits:
        say("Nothing was found.")


def print_answer(events: Iterable[AnswerEvent], out: TextIO, *, stream: bool) -> Answer:
    """Show an answer while it is written, or at once when it is done; return it."""
    answer: Answer | None = None
    for event in events:
        match event:
            case SourcesFound(passages=passages, found=found, packing=packing):
                for note in found.notes if found else ():
                    say(f"Note: {note}")
                say(_sources_line(passages))
                say(f"{packing_line(packing, 'en')}\n" if packing else "")
            case ReadingProgress(text=text):
                say(text)
            case AnswerText(text=text) if stream:
                print(text, end="", file=out, flush=True)
            case CitationFound(citation=citation) if stream:
                print(citation.label, end="", file=out, flush=True)
            case AnswerFinished(answer=answer):
                pass
    assert answer is not None, "a stream ends with AnswerFinished"
    print("" if stream else answer.text, file=out)
    if answer.cached:
        say("From the cache: no document has changed since it was written.")
    _print_citations(answer.citations, out)
    if answer.computation:
        _print_computation(answer.computation, out)
    _print_closest(answer, out)
    return answer


def _print_computation(computation: Computation, out: TextIO) -> None:
    used, total = computation.rows_used, computation.rows_total
    print(f"\nComputed from {used} of {total} rows of “{computation.table}”:", file=out)
    print(f"    {computation.query}", file=out)


def _print_closest(answer: Answer, out: TextIO) -> None:
    """Where a reader may look on, under a refusal."""
    if answer.closest:
        print(f"\n{closest_heading(answer.question)}", file=out)
    for passage in answer.closest:
        place = _place(passage.title, passage.page, passage.heading)
        print(f"  - {place}: {_one_line(passage.text, SNIPPET_CHARACTERS)}", file=out)
        print(f"    {passage.path}", file=out)


def _print_citations(citations: Sequence[Citation], out: TextIO) -> None:
    shown = list({(c.label, c.start, c.end): c for c in citations}.values())
    for citation in sorted(shown, key=lambda c: c.marker):
        doubt = f"  ({explain(citation, 'en')})" if not citation.supported else ""
        quote = _one_line(citation.quote, QUOTE_CHARACTERS)
        place = _place(citation.document, citation.page)
        print(f"\n{citation.label} {place} - \u201c{quote}\u201d{doubt}", file=out)
        print(f"    {citation.path}", file=out)


def _sources_line(passages: Sequence[Passage]) -> str:
    titles = list(dict.fromkeys(passage.title for passage in passages))
    if not titles:
        return "No source was found."
    noun = "passage" if len(passages) == 1 else "passages"
    return f"Found {len(passages)} {noun} in: {'; '.join(titles)}"


def _place(title: str, page: int | None, heading: str = "") -> str:
    where = title if page is None else f"{title}, p. {page}"
    return f"{where} \u00b7 {heading}" if heading else where


def _one_line(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"


# Progress and reports


@contextlib.contextmanager
def sync_progress() -> Iterator[Callable[[Any], None]]:
    """A bar on a terminal, a line now and then elsewhere; takes ingest's progress."""
    console = notes()
    if not console.is_terminal:
        yield ProgressLines(say)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[num_encoded]:,} passages"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Looking for documents", total=None, num_encoded=0)

        def show(now: Any) -> None:
            name = _one_line(now.path.rsplit("/", 1)[-1], 40)
            counts = {"completed": now.done, "total": now.total, "num_encoded": now.num_encoded}
            bar.update(task, description=name, **counts)

        yield show


@contextlib.contextmanager
def count_progress(noun: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; takes how many are done."""
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    is_hidden = not console.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=is_hidden
    ) as bar:
        task = bar.add_task(noun.capitalize(), total=total)
        yield lambda done: bar.update(task, completed=done)


class ProgressLines:
    """Says a line of progress every LINES_EVERY documents, or LINES_SECONDS, and at the end."""

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._said_at = clock()
        self._said_done = 0

    def __call__(self, now: Any) -> None:
        many = now.done // LINES_EVERY > self._said_done // LINES_EVERY
        is_late = self._clock() - self._said_at >= LINES_SECONDS
        if many or is_late or now.done == now.total:
            self._said_at, self._said_done = self._clock(), now.done
            self._say(str(now))


def report_json(report: Any) -> dict[str, Any]:
    return dataclasses.asdict(report)


def print_report(report: Any, out: TextIO) -> None:
    """What a sync did, and every file that could not be read with its reason."""
    console = Console(file=out, markup=False, highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in ("new", "changed", "moved", "removed", "unchanged"):
        table.add_row(name, str(getattr(report, name)))
    table.add_row("failed", str(len(report.failed)))
    table.add_row("passages", f"{report.num_chunks} ({report.num_encoded} encoded)")
    table.add_row("seconds", f"{report.seconds:.1f}")
    console.print(table)
    if report.unsupported:
        num = len(report.unsupported)
        console.print(f"{num} files of kinds that are not read were left out.", soft_wrap=True)
    for failure in report.failed:
        console.print(f"FAILED {failure.path}", soft_wrap=True)
        console.print(f"       {failure.reason}: {failure.message}", soft_wrap=True)


def print_status(status: dict[str, Any], out: TextIO) -> None:
    roots = status["roots"] or ["none: run `footnote ingest FOLDER`"]
    rows = [
        ("index", f"{status['index']} ({num_bytes(status['bytes'])})"),
        ("folders", "\n".join(roots)),
        ("documents", str(status["documents"])),
        ("passages", str(status["chunks"])),
        ("not read", str(len(status["failures"]))),
        ("written by", "nobody now" if status["writer"] is None else f"process {status['writer']}"),
    ]
    print_rows(rows, out)
    for failure in status["failures"]:
        print(f"  {failure['path']}\n    {failure['reason']}: {failure['message']}", file=out)


def print_rows(rows: Iterable[Sequence[str]], out: TextIO) -> None:
    """A table without lines; nothing in it is read as markup."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console(file=out, highlight=False).print(table)


def num_bytes(size: float) -> str:
    """A size for people: 1.2 GB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"

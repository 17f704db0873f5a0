"""What `footnote ask --schema` reads and prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from rag.cli_answers import citation_line, print_closest, say_sources
from rag.errors import SchemaError
from rag.structured.doubt_texts import explain_doubt
from rag.structured.schema import read_schema
from rag.structured.values import Structured
from rag.types import Answer, AnswerEvent, AnswerFinished, Citation, SourcesFound

STANDARD_INPUT = "-"
SchemaOption = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="FILE",
        help="Answer with JSON by the JSON schema in this file; - reads it from standard input.",
    ),
]


def schema_from(named: str | None) -> dict[str, Any] | None:
    """The schema that the option names. Raises SchemaError."""
    if named is None:
        return None
    if named == STANDARD_INPUT:
        return read_schema(sys.stdin.read(), "standard input")
    try:
        text = Path(named).expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"{named} cannot be read ({error}). Name a JSON schema file.") from error
    return read_schema(text, named)


def print_filled(events: Iterable[AnswerEvent], out: TextIO) -> Answer:
    """Show the JSON alone on `out`, so that a program can read it, and the rest as notes."""
    answer: Answer | None = None
    for event in events:
        if isinstance(event, SourcesFound):
            say_sources(event)
        elif isinstance(event, AnswerFinished):
            answer = event.answer
    assert answer is not None, "a stream ends with AnswerFinished"
    if answer.abstained or answer.structured is None:
        print(answer.text, file=sys.stderr)
        print_closest(answer, sys.stderr)
        return answer
    print(answer.text, file=out, flush=True)
    _print_values(answer.citations, answer.structured, sys.stderr)
    return answer


def _print_values(citations: Iterable[Citation], structured: Structured, notes: TextIO) -> None:
    """Where each value stands, in the data's order, then what is in doubt."""
    for citation in citations:
        print(f"\n{_shown(citation.pointer or '')} {citation_line(citation)}", file=notes)
        print(f"    {citation.path}", file=notes)
    for doubt in structured.doubts:
        print(f"\n{_shown(doubt.pointer)} [?] {explain_doubt(doubt, 'en')}", file=notes)


def _shown(pointer: str) -> str:
    return pointer or "(all)"

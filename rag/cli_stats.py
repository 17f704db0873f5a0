"""The command `footnote stats`: what the audit log tells of the last days."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TextIO

import typer

from rag import cli_output as output
from rag.cli_options import IndexOption, JsonOption, open_settings
from rag.errors import FootnoteError

QUESTION_CHARACTERS = 80


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stats)


def stats(
    days: Annotated[float, typer.Option("--days", min=0.01, help="How far to look back.")] = 1.0,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """How many questions were asked, how they were answered, how fast, and from what.

    Example: footnote stats --days 7
    """
    from rag.audit import read_entries
    from rag.audit_stats import summarize
    from rag.recording import audit_folder

    folder = audit_folder(open_settings(index))
    if folder is None:
        raise FootnoteError("No audit log is kept (audit is none). Set audit to auto or a folder.")
    found = summarize(read_entries(folder, datetime.now(UTC) - timedelta(days=days)))
    if as_json:
        output.print_json({"days": days, "folder": str(folder), **found}, sys.stdout)
    else:
        print_stats(found, days, sys.stdout)


def print_stats(found: dict[str, Any], days: float, out: TextIO) -> None:
    """For people: counts, times, documents, the slowest questions."""
    asked = [f"{found[name]} {name}" for name in ("answered", "refused", "failed", "stopped")]
    cache, tokens = found["cache"], found["tokens"]
    rate = "" if cache["hit_rate"] is None else f"{cache['hit_rate']:.0%} from the cache"
    rows = [
        ("the last", "day" if days == 1 else f"{days:g} days"),
        ("questions", f"{found['questions']} ({', '.join(asked)})"),
        ("searches", f"{found['searches']} ({found['failed_searches']} failed)"),
        ("through", ", ".join(f"{name} {n}" for name, n in found["clients"].items()) or "-"),
        ("cache", rate or "not used"),
        ("tokens", f"{tokens['prompt']:,} read, {tokens['completion']:,} written"),
    ]
    for name, label in (
        ("first_source", "first source"),
        ("first_token", "first word"),
        ("total", "whole answer"),
        ("search", "search"),
    ):
        rows.append((label, _times(found["ms"][name])))
    if found["lost"]:
        rows.append(("not recorded", f"{found['lost']}: the audit log could not be written"))
    output.print_rows(rows, out)
    _print_list("Documents used most", found["top_documents"], "questions", "path", out)
    slowest = [
        {"question": _short(one["question"]), "ms": f"{one['ms'] / 1000:.1f} s"}
        for one in found["slowest"]
    ]
    _print_list("Slowest questions", slowest, "ms", "question", out)


def _print_list(
    heading: str, rows: list[dict[str, Any]], first: str, second: str, out: TextIO
) -> None:
    if rows:
        print(f"\n{heading}", file=out)
        output.print_rows([(f"{row[first]:>8}", row[second]) for row in rows], out)


def _times(of: dict[str, float | None]) -> str:
    half, most = of["p50"], of["p95"]
    if half is None or most is None:
        return "-"
    return f"p50 {half / 1000:.2f} s, p95 {most / 1000:.2f} s"


def _short(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= QUESTION_CHARACTERS else f"{line[: QUESTION_CHARACTERS - 1]}…"

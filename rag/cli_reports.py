"""What was done with the documents, and what the index holds."""

from __future__ import annotations

import dataclasses
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from rag.cli_output import num_bytes, print_rows


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

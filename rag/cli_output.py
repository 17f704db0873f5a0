"""How the commands print: JSON for programs, notes and tables for people."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

SNIPPET_CHARACTERS = 240


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


def place_line(title: str, page: int | None, heading: str = "") -> str:
    """Where something stands, for people."""
    where = title if page is None else f"{title}, p. {page}"
    return f"{where} \u00b7 {heading}" if heading else where


def one_line(text: str, limit: int) -> str:
    """The start of a text, without line breaks."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"

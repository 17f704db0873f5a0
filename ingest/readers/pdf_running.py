"""Running headers, footers and page numbers: what most pages of a PDF share at their edges."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ingest.readers.pdf_lines import Line
from ingest.readers.pdf_tables import Table

Items = Sequence[Line | Table]

_EDGE_LINES = 2  # running headers and footers stand among these at top and bottom
_RUNNING_SHARE, _RUNNING_PAGES = 0.6, 4


def squeezed(text: str) -> str:
    """Text without white space, in one case: what two settings of a title share."""
    return "".join(text.split()).casefold()


def without_running(pages: Sequence[Items]) -> list[Items]:
    """Drop edge lines that most pages share, page numbers aside; pages of few lines too."""
    if len(pages) < _RUNNING_PAGES:
        return list(pages)
    counts = Counter(
        key
        for number, items in enumerate(pages, start=1)
        for key in set().union(*(_running_keys(text, number) for text in _edges(items)))
    )
    running = {key for key, n in counts.items() if n >= _RUNNING_SHARE * len(pages)}
    if not running:
        return list(pages)
    kept = [_kept(items, number, running) for number, items in enumerate(pages, start=1)]
    if sum(map(bool, kept)) < sum(map(bool, pages)) / 2:
        return list(pages)  # what most pages consist of runs at no edge
    return kept


def _kept(items: Items, number: int, running: set[str]) -> Items:
    drop = {text for text in _edges(items) if _running_keys(text, number) & running}
    if not drop:
        return items
    edges = set(map(id, _edge_items(items)))
    return [item for item in items if not (id(item) in edges and _text(item) in drop)]


def _edges(items: Items) -> list[str]:
    return [_text(item) for item in _edge_items(items)]


def _edge_items(items: Items) -> list[Line | Table]:
    ordered = sorted(items, key=lambda item: -_height(item))
    return ordered[:_EDGE_LINES] + ordered[_EDGE_LINES:][-_EDGE_LINES:]


def _height(item: Line | Table) -> float:
    return item.top if isinstance(item, Table) else item.baseline


def _text(item: Line | Table) -> str:
    return item.text if isinstance(item, Line) else ""


def _running_keys(text: str, number: int) -> set[str]:
    """The line as it stands, and with either end's page number masked."""
    text, mask = squeezed(text), rf"(?<!\d){number}(?!\d)"
    if not text:
        return set()
    last = re.sub(rf"(.*){mask}", r"\1#", text, count=1)
    return {text, last, re.sub(mask, "#", text, count=1)}

"""Figures of retrieval as a table, with differences and their significance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from rag.evaluation.measures import NAMES
from rag.evaluation.results import Result
from rag.evaluation.significance import Difference, difference

MAIN_MEASURE = "nDCG@10"
Differences = dict[str, Difference]  # by measure


def differences(ours: Result, theirs: Result) -> Differences:
    """Ours minus theirs, by measure."""
    return {name: difference(ours.values[name], theirs.values[name]) for name in NAMES}


def difference_json(found: Differences) -> dict[str, Any]:
    return {name: _rounded(one) for name, one in found.items()}


def _rounded(one: Difference) -> dict[str, Any]:
    return {
        name: round(value, 5) if isinstance(value, float) else value
        for name, value in asdict(one).items()
    }


def print_results(
    results: Sequence[Result], against: Sequence[Differences | None], out: TextIO
) -> None:
    """A row a result; `against` holds the difference of each, if there is one."""
    table = Table(box=None, pad_edge=False)
    several = len({result.configuration for result in results}) > 1
    table.add_column("collection", overflow="fold")
    if several:
        table.add_column("configuration", overflow="fold")
    for name in (*NAMES, "p50 ms", "p95 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    if any(against):
        table.add_column(f"{MAIN_MEASURE}: difference [95 %], p", no_wrap=True)
    for result, found in zip(results, against, strict=True):
        figures = result.as_json()
        row = [result.dataset, *([result.configuration] if several else [])]
        row += [f"{figures[name]:.4f}" for name in NAMES]
        row += [f"{figures['p50_ms']:.1f}", f"{figures['p95_ms']:.1f}"]
        if any(against):
            row.append(difference_text(found[MAIN_MEASURE]) if found else "")
        table.add_row(*row)
    width = None if out.isatty() else 200
    Console(file=out, markup=False, highlight=False, width=width).print(table)


def difference_text(one: Difference) -> str:
    """The mean, its interval and p on a line, and whether it may be chance."""
    sign = "" if one.p_value < 0.05 else " (may be chance)"
    p_value = "<0.001" if one.p_value < 0.001 else f"{one.p_value:.3f}"
    return f"{one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}] {p_value}{sign}"

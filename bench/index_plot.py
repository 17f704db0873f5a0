"""Draws latency and memory against the number of chunks, as an SVG without any library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 360, 250  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 40  # its margins
LATENCY = (
    ("dense_p95_ms", "dense", "#1f77b4"),
    ("lexical_p95_ms", "words", "#2ca02c"),
    ("hybrid_p95_ms", "both, fused", "#d62728"),
)
MEMORY = (("memory_mb", "memory", "#9467bd"), ("vectors_mb", "vectors, float32", "#7f7f7f"))

Line = tuple[str, str, Sequence[float]]  # name, color, values


def write_plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Two panels on logarithmic axes: p95 in ms, memory in MB."""
    counts = [row["chunks"] for row in rows]
    panels = [
        _panel("query, p95 (ms)", counts, _lines(rows, LATENCY)),
        _panel("memory of a reader (MB)", counts, _lines(rows, MEMORY)),
    ]
    body = "".join(
        f'<g transform="translate({number * WIDTH},0)">{panel}</g>'
        for number, panel in enumerate(panels)
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{body}</svg>\n',
        "utf-8",
    )


def _lines(rows: Sequence[dict[str, Any]], names: Sequence[tuple[str, str, str]]) -> list[Line]:
    return [(label, color, [float(row[name]) for row in rows]) for name, label, color in names]


def _panel(title: str, counts: Sequence[int], lines: Sequence[Line]) -> str:
    across = _axis([float(count) for count in counts], LEFT, WIDTH - RIGHT)
    up = _axis([value for _, _, values in lines for value in values], HEIGHT - BOTTOM, TOP)
    parts = [f'<text x="{LEFT}" y="16" font-weight="bold">{title}</text>']
    for value, y in up[1]:
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value, x in across[1]:
        label = f"{value / 1000:g}k" if value < 1e6 else f"{value / 1e6:g}M"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 20}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 5}" text-anchor="middle">chunks</text>')
    for number, (name, color, values) in enumerate(lines):
        points = [(across[0](c), up[0](v)) for c, v in zip(counts, values, strict=True)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        y = TOP + 12 + 14 * number
        parts.append(f'<text x="{LEFT + 8}" y="{y}" fill="{color}">{name}</text>')
    return "".join(parts)


def _axis(values: Sequence[float], start: float, end: float) -> tuple[Any, list[Any]]:
    """A logarithmic scale over the values' decades: value -> position, and its ticks."""
    low = math.floor(math.log10(max(min(values), 1e-3)))
    high = max(low + 1, math.ceil(math.log10(max(values))))

    def place(value: float) -> float:
        share = (math.log10(max(value, 1e-3)) - low) / (high - low)
        return start + share * (end - start)

    return place, [(10.0**power, place(10.0**power)) for power in range(low, high + 1)]

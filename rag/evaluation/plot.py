"""Draws configurations side by side, as an SVG without any library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from rag.errors import SettingError

WIDTH, ROW_HEIGHT = 760, 18
LEFT, RIGHT, TOP, BOTTOM = 190, 70, 46, 30
COLORS = ("#7f7f7f", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b")
TICKS = 5

# Of each collection: its name, and by configuration (name, value, low, high) in 0 to 1.
Bar = tuple[str, float, float, float]


def write_plot(title: str, groups: Sequence[tuple[str, Sequence[Bar]]], path: Path) -> None:
    """A bar a configuration, grouped by collection, with its interval as a line.

    Raises SettingError if the file cannot be written.
    """
    names = list(dict.fromkeys(bar[0] for _, bars in groups for bar in bars))
    colors = {name: COLORS[number % len(COLORS)] for number, name in enumerate(names)}
    num_rows = sum(len(bars) + 1 for _, bars in groups)
    height = TOP + num_rows * ROW_HEIGHT + BOTTOM
    parts = [f'<text x="10" y="18" font-weight="bold">{escape(title)}</text>']
    parts += _legend(names, colors)
    parts += _axis(height)
    y = TOP + ROW_HEIGHT // 2
    for group, bars in groups:
        middle = y + len(bars) * ROW_HEIGHT / 2
        parts.append(
            f'<text x="{LEFT - 8}" y="{middle + 4:.0f}" text-anchor="end">{escape(group)}</text>'
        )
        for bar in bars:
            parts += _bar(bar, y, colors[bar[0]])
            y += ROW_HEIGHT
        y += ROW_HEIGHT
    body = "".join(parts)
    _write(
        path,
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{body}</svg>\n',
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error}). Give another file.") from error


def _x(value: float) -> float:
    return LEFT + value * (WIDTH - LEFT - RIGHT)


def _legend(names: Sequence[str], colors: dict[str, str]) -> list[str]:
    parts, x = [], float(LEFT)
    for name in names:
        parts.append(f'<rect x="{x:.0f}" y="26" width="10" height="10" fill="{colors[name]}"/>')
        parts.append(f'<text x="{x + 14:.0f}" y="35">{escape(name)}</text>')
        x += 30 + 7 * len(name)
    return parts


def _axis(height: int) -> list[str]:
    parts = []
    for tick in range(TICKS + 1):
        value = tick / TICKS
        x, bottom = _x(value), height - BOTTOM
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    return parts


def _bar(bar: Bar, y: int, color: str) -> list[str]:
    _, value, low, high = bar
    middle = y + ROW_HEIGHT / 2
    return [
        f'<rect x="{LEFT}" y="{y + 2}" width="{_x(value) - LEFT:.1f}" height="{ROW_HEIGHT - 4}" '
        f'fill="{color}" fill-opacity="0.75"/>',
        f'<path d="M{_x(low):.1f} {middle}H{_x(high):.1f}" stroke="black"/>',
        f'<text x="{_x(high) + 5:.1f}" y="{middle + 4:.0f}">{value:.3f}</text>',
    ]

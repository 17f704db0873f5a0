"""A trend in words: every figure is computed, none is a model's."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from rag.tables.compute import Computed
from rag.tables.numerals import format_number, signed_percent, with_unit

MAX_POINTS = 24  # that are named one by one

WORDS = {
    "en": {
        "lead": "{column}{where} {direction}: {points}",
        "rising": "rises at every step", "falling": "falls at every step",
        "flat": "stays the same", "up": "rises in all, with ups and downs",
        "down": "falls in all, with ups and downs",
        "level": "goes up and down and ends where it began",
        "whole": "; in all from {first} to {last}, {change}",
        "ends": "; highest in {best} ({most}), lowest in {worst} ({least})", "end": ".",
        "comma": ", ", "where": " ({where})",
        "few": "There are not two values that a trend could be taken from.",
    },
    "zh": {
        "lead": "{where}{column}{direction}：{points}",
        "rising": "逐期上升", "falling": "逐期下降", "flat": "保持不变",
        "up": "总体上升，其间有波动", "down": "总体下降，其间有波动", "level": "有升有降，首尾持平",
        "whole": "；总体由 {first} 变为 {last}，变化 {change}",
        "ends": "；最高为{best}（{most}），最低为{worst}（{least}）", "end": "。",
        "comma": "，", "where": "{where}的",
        "few": "不足两个数值，无法判断趋势。",
    },
}  # fmt: skip


def trend_sentence(computed: Computed, language: str) -> str:
    """How the numbers go from the first to the last: each step, and the whole way."""
    words = WORDS["zh" if language == "zh" else "en"]
    column = computed.table.column(computed.plan.column)
    points = [(str(x), y) for x, y in computed.result.rows if isinstance(y, Decimal)]
    if len(points) < 2:
        return words["few"]
    numbers = [y for _, y in points]
    unit = column.unit if column.kind == "number" else ""
    first, last = numbers[0], numbers[-1]
    lead = words["lead"].format(
        column=column.name, where="", direction=words[direction(numbers)],
        points=words["comma"].join(_steps(points, unit)),
    )  # fmt: skip
    whole = words["whole"].format(
        first=_shown(first, unit), last=_shown(last, unit), change=signed_percent(first, last)
    )
    best = max(points, key=lambda point: point[1])
    worst = min(points, key=lambda point: point[1])
    ends = words["ends"].format(
        best=best[0], most=_shown(best[1], unit), worst=worst[0], least=_shown(worst[1], unit)
    )
    return lead + whole + ends + words["end"]


def direction(numbers: Sequence[Decimal]) -> str:
    """How a run of numbers goes: a key of WORDS."""
    steps = [after - before for before, after in pairwise(numbers)]
    if not any(steps):
        return "flat"
    if all(step > 0 for step in steps):
        return "rising"
    if all(step < 0 for step in steps):
        return "falling"
    whole = numbers[-1] - numbers[0]
    return "up" if whole > 0 else "down" if whole < 0 else "level"


def _steps(points: Sequence[tuple[str, Decimal]], unit: str) -> list[str]:
    """Each point with its change from the one before; of very many, the first and last."""
    shown = [f"{points[0][0]} {_shown(points[0][1], unit)}"]
    for (_, before), (x, after) in pairwise(points):
        shown.append(f"{x} {_shown(after, unit)} ({signed_percent(before, after)})")
    if len(shown) <= MAX_POINTS:
        return shown
    return [*shown[: MAX_POINTS // 2], "…", *shown[-MAX_POINTS // 2 :]]


def _shown(value: Decimal, unit: str) -> str:
    return with_unit(format_number(value), unit)

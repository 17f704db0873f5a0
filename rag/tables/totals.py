"""Which rows of a table add up the others, or give their mean, and so are no data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

from rag.tables.cells import parse_number

LABEL_CELLS = 3  # of a row, one of which may say what the row is

_SUM = (
    r"(?:grand|sub|running)?[\s-]*totals?|(?:grand |sub-?)?sums?|sous-total|total général"
    r"|gesamt(?:summe)?|(?:zwischen)?summe|suma|totale|итого|всего"
)
_MEAN = r"average|avg\.?|mean|durchschnitt|mittelwert|moyenne|promedio|media|среднее"
_HAN_SUM, _HAN_MEAN = r"合计|总计|小计|总和|合計|總計|小計|总额|累计", r"平均值?|均值"
_TIME = (
    r"(?:fy|q[1-4]|h[12]|\d{4}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*|month|year|quarter"
    r"|for|of|the|in|all|[\s/-])*"
)
_ALONE = re.compile(rf"{_TIME}(?:{_SUM})(?:\s+{_TIME})?|(?:{_HAN_SUM})|[^\W\d_]*小[计計]")
_MEAN_ALONE = re.compile(rf"(?:{_MEAN})|(?:{_HAN_MEAN})")
_NAMED = re.compile(rf"\b(?:{_SUM})\b|(?:{_HAN_SUM})$")
_MEAN_NAMED = re.compile(rf"\b(?:{_MEAN})(?!\w)|(?:{_HAN_MEAN})$")
_SURE = re.compile(
    r"sub-?total\b|grand total\b|zwischensumme\b|sous-total\b"
    r"|(?:本|全|当|月|年|季|度)[^\W\d_]{0,2}(?:合计|总计|累计|合計)$"
)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_HAN_GAP = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")

Cells = Sequence[str]


def data_rows(rows: Sequence[Cells]) -> list[bool]:
    """For each row whether it is one of data. A label alone ("Total", 合计, 华东小计) is enough;
    "Total Energies" or "Average" must have figures that are the sum or mean of rows before it."""
    kept: list[Cells] = []
    since: list[Cells] = []  # the last total
    found: list[bool] = []
    for index, cells in enumerate(rows):
        is_total = _is_total(cells, kept, since, is_last=index == len(rows) - 1)
        if is_total:
            since = []
        else:
            kept.append(cells)
            since.append(cells)
        found.append(not is_total)
    return found


def _is_total(cells: Cells, kept: Sequence[Cells], since: Sequence[Cells], is_last: bool) -> bool:
    filled = [cell for cell in cells if cell]
    if not filled:
        return False
    first, *others = [_label(cell) for cell in filled[:LABEL_CELLS]]
    if _ALONE.fullmatch(first) or _SURE.search(first):
        return True
    if any(re.fullmatch(_HAN_SUM, other) for other in others):
        return True
    is_mean = bool(_MEAN_NAMED.search(first))
    if is_last and _MEAN_ALONE.fullmatch(first) and len(kept) > 1:
        return True
    if not is_mean and not _NAMED.search(first):
        return False
    parts = (kept, since, [row for row in kept if _is_of(first, row)])
    return any(_makes(cells, part, is_mean) for part in parts)


def _label(cell: str) -> str:
    """A cell without brackets, colons and the blanks of 合 计."""
    text = unicodedata.normalize("NFKC", cell).casefold()
    return _HAN_GAP.sub("", _BRACKETS.sub("", text)).strip(" *:").strip()


def _is_of(label: str, row: Cells) -> bool:
    """Whether a row is of the group that the label names: "Total North"."""
    return any(len(name := _label(cell)) > 1 and name in label for cell in row)


def _makes(cells: Cells, rows: Sequence[Cells], is_mean: bool) -> bool:
    """Whether a figure is the sum, or the mean, of two or more rows' in its column."""
    for index, cell in enumerate(cells):
        figure = parse_number(cell)
        numbers = list(_numbers(row[index] for row in rows if index < len(row)))
        if figure is None or len(numbers) < 2 or not any(numbers):
            continue
        made = sum(numbers, Decimal(0)) / (len(numbers) if is_mean else 1)
        places = int(figure[0].as_tuple().exponent)
        rounding = Decimal(5).scaleb(places - 1) if is_mean and places < 0 else Decimal(0)
        if abs(made - figure[0]) <= rounding:
            return True
    return False


def _numbers(cells: Iterable[str]) -> Iterable[Decimal]:
    return (found[0] for cell in cells if (found := parse_number(cell)))

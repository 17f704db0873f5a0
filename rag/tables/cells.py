"""What the cells of a column hold: numbers with units, dates, or text."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal

from rag.months import ENGLISH_NAMES
from rag.tables.multiples import CURRENCY, WORDS, common_unit
from rag.tables.table import Column, Value

READ_SHARE = 0.8  # of a column's filled cells that must be numbers, or dates, for it to be one

_EMPTY = frozenset(
    ["", "-", "--", "—", "–", "/", "n/a", "na", "null", "none", "nan", "无", "暂无", "空"]
)
_SIGNS = "$€£¥₩₹"
_DIGITS = r"\d{1,3}(?:[,'\u00a0\u202f ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?P<minus>[-\u2212+]?)\s*(?P<before>[{_SIGNS}]|[A-Z]{{3}}(?=[\s\d])|RMB|US\$|人民币)?\s*"
    rf"(?P<minus2>[-\u2212]?)(?P<digits>{_DIGITS})"
    rf"\s*(?P<unit>%|‰|(?i:{'|'.join(WORDS)})\.?\s+(?i:{CURRENCY})"
    r"|[^\W\d_][^\s\d|,;，；]{0,11}|°[CF]?|[$€£¥])?"
)
_COMMA_DECIMAL = re.compile(r"(?<![\d,])(\d{1,3}(?:\.\d{3})*|\d+),(\d{1,2})(?!\d)")
_POINT_DECIMAL = re.compile(r"\d\.\d{1,2}(?!\d)|\d\.\d{4}")
_GROUPED = re.compile(r"[-\u2212]?[1-9]\d{0,2}(?:\.\d{3})+(?![\d.])")  # thousands, or decimals
_WHOLE = re.compile(r"[-\u2212]?[1-9]\d{2}(?!\d)")  # a number that thousands' points leave alone
_CODE = re.compile(r"0\d+$")  # leading zeros are kept in no number
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*日?|\s*月)?"
    r"(?:[T\s]+(\d{1,2}:\d{2}(?::\d{2})?)(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_POINTED = re.compile(r"\d{4}\s*\.\s*\d{1,2}")
_POINTED_MONTH = re.compile(r"(?:19|20)\d\d\.(?:0[1-9]|1[0-2])")  # or the number 2001.10
_TIME_UNIT = re.compile(r"年|月|日期|date|month|year|[ymd]{2,}", re.IGNORECASE)
_MONTHS = [name[:3] for name in ENGLISH_NAMES]
_NAMED = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DAY_MONTH = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\s+{_NAMED},?\s+(\d{{4}})")
_MONTH_DAY = re.compile(rf"{_NAMED}\s+(?:(\d{{1,2}})(?:st|nd|rd|th)?,?\s+)?(\d{{4}})")
_HEADER_UNIT = re.compile(
    r"[(（\[【]\s*(?:单位[:：]?\s*|in\s+)?([^()（）\[\]【】]{1,12}?)\s*[)）\]】]$"
)
_TAIL_UNIT = re.compile(
    r"[_\s](days?|weeks?|months?|years?|hours?|minutes?|seconds?|ms|kg|g|km|m|cm|mm|eur|usd|gbp"
    r"|cny|rmb|percent|pct|元|万元|亿元|分钟|小时|天|件|台|个|吨|千克|公斤)$",
    re.IGNORECASE,
)


def fold(text: str) -> str:
    """One spelling for one word: width, case and white space do not count."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_empty(cell: str) -> bool:
    return cell.strip().casefold() in _EMPTY


def parse_number(cell: str, comma_is_point: bool = False) -> tuple[Decimal, str] | None:
    """A cell's number and its unit ("" if none): `1,275元`, `¥ 4.5`, `(1,200)`, `12.5 %`."""
    text = unicodedata.normalize("NFKC", cell).strip()
    is_negative = text.startswith("(") and text.endswith(")")
    text = text[1:-1].strip() if is_negative else text
    if comma_is_point:
        text = text.replace(".", "").replace(",", ".")
    found = _NUMBER.fullmatch(text)
    if not found or _CODE.match(found["digits"]):
        return None
    number = Decimal(re.sub(r"[,'\s\u00a0\u202f]", "", found["digits"]))
    is_negative ^= "-" in (sign := found["minus"] + found["minus2"]) or "\u2212" in sign
    before, unit = found["before"] or "", " ".join((found["unit"] or "").split())
    if before and unit.casefold().rstrip(".") in WORDS:
        unit += f" {before}"  # $3M
    return (-number if is_negative else number), unit or before


def parse_date(cell: str) -> str | None:
    """A cell's date as ISO text: `2026-03-28`, with the time if there is one, or `2026-03`."""
    text = unicodedata.normalize("NFKC", cell).strip()
    if _POINTED.fullmatch(text) and not _POINTED_MONTH.fullmatch(text):
        return None  # 1520.5 is a number
    if found := _DATE.fullmatch(text):
        year, month, day, time = found.groups()
    elif found := _DAY_MONTH.fullmatch(text.casefold()):
        day, year, time = found[1], found[3], None
        month = str(_MONTHS.index(found[2]) + 1)
    elif found := _MONTH_DAY.fullmatch(text.casefold()):
        day, year, time = found[2], found[3], None
        month = str(_MONTHS.index(found[1]) + 1)
    else:
        return None
    try:
        date = datetime.date(int(year), int(month), int(day or 1)).isoformat()
    except ValueError:
        return None
    return (date if day else date[:7]) + (f" {time:0>5}" if time and day else "")


PERIODS = frozenset(
    {"月", "日", "号", "年", "季度", "周"}
)  # 3月 is a month's name, not a number of them


def make_column(name: str, cells: Sequence[str]) -> Column:
    """The column with the kind that its filled cells have."""
    filled = [cell for cell in cells if not is_empty(cell)]
    dates = [None if is_empty(cell) else parse_date(cell) for cell in cells]
    if _is_enough(num := _count(dates), len(filled)) and not _are_numbers(name, filled):
        return Column(name, "date", tuple(dates), unread=len(filled) - num)
    comma = _reads_comma(filled)
    parsed = [None if is_empty(cell) else parse_number(cell, comma) for cell in cells]
    numbers = [one for one in parsed if one is not None]
    told = {unit for _, unit in numbers}
    header = header_unit(name)
    if (
        _is_enough(len(numbers), len(filled))
        and (scales := common_unit(numbers, header))
        and not told <= PERIODS
    ):
        unit, scale = scales
        values = [one and one[0] * scale[one[1]] for one in parsed]
        places = [-int(v.as_tuple().exponent) for v in values if v is not None]
        decimals = max(0, *places) if places else 0
        unread = len(filled) - len(numbers)
        return Column(name, "number", tuple(values), unit or header, decimals, unread)
    texts: list[Value] = [cell.strip() or None for cell in cells]
    return Column(name, "text", tuple(texts))


def _count(values: Sequence[str | None]) -> int:
    return sum(value is not None for value in values)


def _are_numbers(name: str, filled: Sequence[str]) -> bool:
    """Whether months with a point are none: one is a number for sure, or the head has a unit."""
    if not any(_POINTED_MONTH.fullmatch(cell.strip()) for cell in filled):
        return False
    others = [cell for cell in filled if not parse_date(cell)]
    unit = header_unit(name)
    return any(map(parse_number, others)) or bool(unit and not _TIME_UNIT.search(unit))


def _reads_comma(filled: Sequence[str]) -> bool:
    """Whether the column's decimals have a comma, or its thousands points."""
    if any("," in cell for cell in filled):
        return any(map(_COMMA_DECIMAL.search, filled)) and not any(
            map(_POINT_DECIMAL.search, filled)
        )
    pointed = [cell for cell in filled if re.search(r"\d\.\d", cell)]
    grouped = [cell for cell in pointed if _GROUPED.match(cell.strip(" $€£¥"))]
    if not pointed or len(grouped) < len(pointed):
        return False
    others = (cell.strip(" $€£¥") for cell in filled if cell not in grouped)
    return any(map(_WHOLE.match, others)) or any(cell.count(".") > 1 for cell in grouped)


def header_unit(name: str) -> str:
    """The unit that a header gives: `Revenue (EUR)`, `处理时长_分钟`, `lead_time_weeks`."""
    found = _HEADER_UNIT.search(name) or _TAIL_UNIT.search(name)
    return found[1].strip() if found else ""


def _is_enough(num: int, of: int) -> bool:
    return bool(num) and num >= READ_SHARE * of

"""Multiples in units: `万元` is ten thousand 元, `k EUR` a thousand EUR, `1.2M` is 1,200,000."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from rag.units import HAN_MULTIPLES, WORD_MULTIPLES

WORDS = {**WORD_MULTIPLES, "k": 10**3, "m": 10**6}
CURRENCY = (
    r"[$€£¥₩₹]|us\$|eur(?:os?)?|usd|gbp|chf|cny|rmb|jpy|dollars?|pounds?|yuan|元|人民币|美元|欧元"
)
APART = 10  # times: how far plain numbers must stand from those that are told in multiples

_WORDS = "|".join(sorted(WORDS, key=len, reverse=True))
_FIRST = re.compile(rf"({_WORDS})\.?\s*({CURRENCY})?", re.IGNORECASE)
_LAST = re.compile(rf"({CURRENCY})\s*({_WORDS})\.?", re.IGNORECASE)
_CURRENCY = re.compile(CURRENCY, re.IGNORECASE)


def split_multiple(unit: str) -> tuple[int, str]:
    """What a unit multiplies with, and the unit itself: 10,000 and `元` for `万元`.

    `m` alone is metres, or millions, which only its neighbours tell: it is left as it is.
    """
    if unit == "m":
        return 1, unit
    for multiple, value in HAN_MULTIPLES.items():
        if unit.startswith(multiple):
            return value, unit.removeprefix(multiple)
    if found := _FIRST.fullmatch(unit):
        return WORDS[found[1].casefold()], found[2] or ""
    if found := _LAST.fullmatch(unit):
        return WORDS[found[2].casefold()], found[1]
    return 1, unit


def is_currency(unit: str) -> bool:
    return bool(_CURRENCY.fullmatch(unit))


def common_unit(
    numbers: Collection[tuple[Decimal, str]], header: str = ""
) -> tuple[str, dict[str, int]] | None:
    """The unit of numbers with units, and what each unit's numbers are multiplied with.

    `header` is the unit that their column's name gives. None where they do not go together, or
    where it is not sure which of them are multiples: 8 beside 12万元 may be either.
    """
    units = {unit for number, unit in numbers if unit or number}  # nothing needs no unit
    if len(units) <= 1:
        return "".join(units), dict.fromkeys({unit for _, unit in numbers}, 1)
    parts = _parts(units)
    rests = {rest for unit, (_, rest) in parts.items() if unit and rest}
    is_multiplied = any(multiple > 1 for multiple, _ in parts.values())
    multiple, rest = split_multiple(header)
    if "" in parts and header and (rest in rests or is_currency(rest)):
        parts[""] = multiple, rest
        rests.add(rest)
    elif "" in parts and (
        rests & {"%", "‰", "m"} or (is_multiplied and not _apart(numbers, parts))
    ):
        return None
    if len(rests) > 1:
        return None
    scale = {unit: parts[unit][0] if unit in parts else 1 for _, unit in numbers}
    return "".join(rests), scale


def _parts(units: Collection[str]) -> dict[str, tuple[int, str]]:
    """Each unit's multiple and rest; `m` beside money or other multiples is a million."""
    parts = {unit: split_multiple(unit) for unit in units}
    if any(rest != "m" and (value > 1 or is_currency(rest)) for value, rest in parts.values()):
        parts |= {unit: (WORDS["m"], "") for unit in parts if unit == "m"}
    return parts


def _apart(numbers: Collection[tuple[Decimal, str]], parts: Mapping[str, tuple[int, str]]) -> bool:
    """Whether numbers without a unit are so much larger that they are no multiples: 800, 1.5k."""
    told = [abs(number) for number, unit in numbers if unit and parts[unit][0] > 1]
    plain = [abs(number) for number, unit in numbers if not unit and number]
    return min(plain) >= APART * max(told)

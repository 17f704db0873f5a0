"""Amounts that a question states, in the unit of a column: 200,000元 is 20 of a column of 万元."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from rag.numbers import ENGLISH_NUMBER, HAN_SIGNS, english_value, han_value
from rag.quantities import quantities_in
from rag.tables.mentions import normalized
from rag.tables.multiples import WORDS, is_currency, split_multiple
from rag.tables.table import Column
from rag.units import HAN_MULTIPLES

NUMBER = r"[-]?\d[\d,]*(?:\.\d+)?"
_BEFORE = r"(?:us\$|[$€£¥]|(?:eur|usd|gbp|chf|cny|rmb|jpy)\b)"
_SCALE = "|".join(
    [*HAN_MULTIPLES, *(rf"{word}(?![a-z])" for word in sorted(WORDS, key=len, reverse=True))]
)
AMOUNT = (
    rf"(?P<before>{_BEFORE})?\s*(?P<number>{NUMBER})(?:\s*(?P<scale>{_SCALE})\.?)?"
    r"(?:[\s-]*(?P<unit>%|[$€£¥]|[a-z]{1,12}(?![a-z])|[\u4e00-\u9fff]{1,3}))?"
)
_AMOUNT = re.compile(rf"(?<![\w.,]){AMOUNT}|(?<=[\u4e00-\u9fff]){AMOUNT.replace('?P<', '?P<h_')}")
_IN_WORDS = re.compile(
    rf"(?<![\d{HAN_SIGNS}])[一二两三四五六七八九十][{HAN_SIGNS}]*|{ENGLISH_NUMBER}"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with what stands around it; `text[:end]` ends with its number and multiple."""

    number: Decimal
    before: str
    scale: str
    unit: str

    @property
    def multiple(self) -> int:
        return HAN_MULTIPLES.get(self.scale) or WORDS.get(self.scale, 1)


def read_amount(found: re.Match[str], prefix: str = "") -> Amount | None:
    """The amount of a match of AMOUNT; None where its number is none."""
    parts = [found[prefix + name] or "" for name in ("number", "before", "scale", "unit")]
    if not re.fullmatch(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", parts[0]):
        return None
    return Amount(Decimal(parts[0].replace(",", "")), *parts[1:])


def amounts_in(asked: str) -> Iterator[Amount]:
    """The numbers of a normalized question, numbers of several words too."""
    for found in _AMOUNT.finditer(with_digits(asked)):
        amount = read_amount(found, "" if found["number"] else "h_")
        if amount:
            yield amount


def with_digits(asked: str) -> str:
    """The question with its numbers in words in digits: `two million` is 2000000."""
    return _IN_WORDS.sub(_in_digits, asked)


def in_unit_of(column: Column, amount: Amount) -> tuple[Decimal, str] | None:
    """The amount in the column's unit, and the unit as the question has it ("" where the word
    after the number is none).

    None where the question's unit is another one, or where it is not sure what the column's is:
    then a number with a unit must at least lie among the column's.
    """
    whole, base = _own_unit(column)
    told = _unit(column, amount)
    if amount.scale and normalized(column.unit) == f"{amount.scale}{told}":
        return amount.number, told  # 千克 of a column of 千克; 5 m of one of metres
    if amount.scale == "m" and not (is_currency(base or told) or (whole > 1 and not base)):
        return None  # metres, or millions
    unit = told or amount.before
    if unit and base:
        ratio = _ratio(unit, base)
        if ratio is None and not _in_name(unit, column):
            return None
        value = amount.number * amount.multiple * (ratio or 1) / whole
        return value, told
    value = amount.number * amount.multiple / whole
    is_named = _in_name(unit, column) and not amount.scale
    if (unit or amount.scale) and not (base or whole > 1 or is_named or _is_among(value, column)):
        return None
    if not unit and not amount.scale:
        value = amount.number  # a bare number is of the column's own unit
    return value, told


def owns(column: Column, unit: str) -> bool:
    """Whether the unit is the column's, by its cells or its name, in another measure too."""
    base = _own_unit(column)[1]
    return _in_name(unit, column) or bool(unit and base and _ratio(unit, base))


def _own_unit(column: Column) -> tuple[int, str]:
    multiple, base = split_multiple(column.unit)
    return multiple, normalized(base)


def _unit(column: Column, amount: Amount) -> str:
    """The unit at the beginning of what follows the number; "" where that is another word."""
    own = {_own_unit(column)[1], normalized(column.unit)} - {""}
    lengths = range(1, len(amount.unit) + 1) if not amount.unit.isascii() else [len(amount.unit)]
    for length in lengths:
        word = amount.unit[:length]
        if word and (word in own or _in_name(word, column) or _kind(word)[0]):
            return word
    return ""


def _in_name(unit: str, column: Column) -> bool:
    return bool(unit) and unit in normalized(column.name).replace("_", " ").split()


def _ratio(unit: str, base: str) -> Decimal | None:
    """How many of the column's unit one of the question's is; None for another kind of unit."""
    if unit == base:
        return Decimal(1)
    (kind, factor), (other, by) = _kind(unit), _kind(base)
    return Decimal(repr(factor)) / Decimal(repr(by)) if kind and kind == other else None


def _kind(unit: str) -> tuple[str, float]:
    """What a unit measures, and how many of the base unit it is."""
    text = f"{unit}1" if unit in ("$", "€", "£") else f"1 {unit}"
    found = quantities_in(text)
    return (found[0].kind, found[0].value) if found else ("", 1.0)


def _is_among(value: Decimal, column: Column) -> bool:
    numbers = [one for one in column.values if isinstance(one, Decimal)]
    return bool(numbers) and min(numbers) <= value <= max(numbers)


def _in_digits(found: re.Match[str]) -> str:
    phrase = found[0]
    return str(english_value(phrase) if phrase.isascii() else han_value(phrase))

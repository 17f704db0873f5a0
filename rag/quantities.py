"""Numbers with their units, so that `1.2 million EUR` is `1,200,000 €` and `5 kg` is not `5 g`."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from rag.numbers import ENGLISH_NUMBER, HAN_SIGNS, english_value, han_value, plain_number

# unit -> (what it measures, how many of the base unit it is, its spellings)
_UNITS: tuple[tuple[str, float, str], ...] = (
    ("mass", 1.0, "kg|kilograms?|kilos?|kilogrammes?|千克|公斤"),
    ("mass", 1e-3, "g|grams?|grammes?|克"),
    ("mass", 1e-6, "mg|milligrams?|毫克"),
    ("mass", 1e3, "t|tons?|tonnes?|吨"),
    ("length", 1.0, "m|met(?:er|re)s?|米"),
    ("length", 1e3, "km|kilomet(?:er|re)s?|公里|千米"),
    ("length", 1e-2, "cm|centimet(?:er|re)s?|厘米"),
    ("length", 1e-3, "mm|millimet(?:er|re)s?|毫米"),
    ("length", 1e-6, "[µμ]m|microns?|micromet(?:er|re)s?|微米"),
    ("length", 1e-9, "nm|nanomet(?:er|re)s?|纳米"),
    ("volume", 1.0, "l|lit(?:er|re)s?|升"),
    ("volume", 1e-3, "ml|millilit(?:er|re)s?|毫升"),
    ("time", 1e-3, "ms|milliseconds?|毫秒"),
    ("time", 1.0, "s|secs?|seconds?|秒"),
    ("time", 60.0, "mins?|minutes?|分钟"),
    ("time", 3600.0, "h|hrs?|hours?|个?小时|钟头"),
    ("days", 1.0, "days?|天"),
    ("days", 7.0, "weeks?|周|个?星期"),
    ("months", 1.0, "months?|个月"),
    ("years", 1.0, "years?|年"),
    ("percent", 1.0, "%|percent|per cent"),
    ("temperature", 1.0, "°\\s?c|degrees celsius|摄氏度|℃"),
    ("yuan", 1.0, "元|人民币|rmb|cny|yuan"),
    ("euro", 1.0, "€|eur|euros?|欧元"),
    ("dollar", 1.0, "\\$|usd|us\\$|dollars?|美元"),
    ("pound", 1.0, "£|gbp|pounds? sterling|英镑"),
    ("voltage", 1.0, "v|volts?|伏特?"),
    ("power", 1.0, "w|watts?|瓦特?"),
    ("power", 1e3, "kw|kilowatts?|千瓦"),
    ("power", 1e-3, "mw|milliwatts?|毫瓦"),
)
_SCALES = {
    "thousand": 1e3, "千": 1e3, "million": 1e6, "mn": 1e6, "百万": 1e6, "billion": 1e9, "bn": 1e9,
    "十亿": 1e9, "万": 1e4, "亿": 1e8,
}  # fmt: skip
_NUMBER = r"\d+(?:[,\u00a0\u202f ]\d{3}(?!\d))*(?:\.\d+)?"
_PREFIX = r"(?P<before>us\$|\$|€|£|eur|usd|rmb|cny|gbp)?\s?"
_UNIT = "|".join(f"(?P<u{n}>{spellings})" for n, (_, _, spellings) in enumerate(_UNITS))
_QUANTITY = re.compile(
    rf"(?<![a-z\d_.])(?<![a-z][-_]){_PREFIX}(?P<number>{_NUMBER})"
    rf"(?:\s?(?P<scale>{'|'.join(_SCALES)}))?"
    rf"(?:[\s-]?(?:{_UNIT})(?![a-zà-ÿ]))?"
)
_ANY_UNIT = "|".join(spellings for _, _, spellings in _UNITS)
_IN_WORDS = re.compile(
    rf"百分之(?P<share>{_NUMBER}|[{HAN_SIGNS}]+)"
    rf"|(?<![\d{HAN_SIGNS}])(?P<han>[一二两三四五六七八九十][{HAN_SIGNS}]*)(?=\s?(?:{_ANY_UNIT}))"
    rf"|(?P<english>{ENGLISH_NUMBER})(?=[\s-]?(?:{_ANY_UNIT})(?![a-zà-ÿ]))"
)
_CURRENCIES = {
    spelling: kind
    for kind, spellings in {
        "dollar": ("us$", "$", "usd"), "euro": ("€", "eur"), "pound": ("£", "gbp"),
        "yuan": ("rmb", "cny"),
    }.items()
    for spelling in spellings
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it is written (in digits), its amount in its unit, its value in the base unit,
    and what it measures ("" unknown).
    """

    number: str
    amount: float
    value: float
    kind: str


def quantities_in(text: str) -> list[Quantity]:
    """The numbers of a text with their scale and unit, in order."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found = []
    for one in _QUANTITY.finditer(_IN_WORDS.sub(_in_digits, folded)):
        kind, factor = _CURRENCIES.get(one["before"] or "", ""), 1.0
        if (unit := one.lastgroup) and unit.startswith("u") and unit[1:].isdigit():
            kind, factor, _ = _UNITS[int(unit[1:])]
        amount = float(re.sub(r"[,\s]", "", one["number"])) * _SCALES.get(one["scale"] or "", 1.0)
        found.append(Quantity(one["number"], amount, amount * factor, kind))
    return found


def _in_digits(found: re.Match[str]) -> str:
    """Numbers in words before a unit, and shares of a hundred, with digits."""
    if (share := found["share"]) is not None:
        return f"{share if share[:1].isdecimal() else han_value(share)}%"
    return str(han_value(found["han"]) if found["han"] else english_value(found["english"]))


def same_value(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are equal, a unit that is not told being any."""
    if not one.kind or not other.kind:
        return math.isclose(one.amount, other.amount, rel_tol=1e-9)
    return one.kind == other.kind and math.isclose(one.value, other.value, rel_tol=1e-9)


def wrong_unit(claimed: str, source: str) -> str:
    """The first number of a claim that the source gives in another unit alone; "" if none."""
    given = quantities_in(source)
    for one in quantities_in(claimed):
        if not one.kind or any(same_value(one, other) for other in given):
            continue
        if any(plain_number(other.number) == plain_number(one.number) for other in given):
            return one.number
    return ""

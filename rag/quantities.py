"""Numbers with their units, so that `1.2 million EUR` is `1,200,000 €` and `5 kg` is not `5 g`."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from rag.numbers import (
    ENGLISH_NUMBER,
    GROUPED,
    HAN_SIGNS,
    english_value,
    han_value,
    in_one_notation,
    plain_number,
)
from rag.units import (
    CASED,
    CURRENCY_SIGNS,
    HAN_MULTIPLES,
    SHORT_SCALES,
    UNITS,
    WORD_MULTIPLES,
)

_SIGNS = "|".join(re.escape(sign) for sign in sorted(CURRENCY_SIGNS, key=len, reverse=True))
_SCALES = {**HAN_MULTIPLES, **WORD_MULTIPLES}
_SCALE = "|".join(sorted(_SCALES, key=len, reverse=True))
_UNIT = "|".join(f"(?P<u{n}>{spellings})" for n, (_, _, spellings) in enumerate(UNITS))
_UNIT_END = r"(?![a-zà-ÿ]|(?<=[a-z])\d)"
_QUANTITY = re.compile(
    rf"(?<![a-z\d_.])(?<![a-z][-_])(?P<before>{_SIGNS})?\s?(?P<number>{GROUPED})"
    rf"(?:\s?(?P<scale>{_SCALE})(?:(?<=mio|mrd)\.)?)?"
    rf"(?:[\s-]?(?:{_UNIT}){_UNIT_END})?"
)
_SHORT_SCALE = re.compile(
    rf"(?P<amount>(?:{_SIGNS})\s?{GROUPED})\s?(?P<scale>{'|'.join(SHORT_SCALES)}){_UNIT_END}"
)
_CASED = re.compile(rf"(?<=\d)\s?({'|'.join(CASED)})\b")
# A sign right before its number, not a range (5-10, 5 °C -10 °C) and not a tolerance (+/-5).
_BELOW_ZERO = re.compile(r"(?:(?<![a-z\d.,)%°/])(?<!\d\s)(?<!°c\s)[-−–]|\bminus\s|零下\s?)$")
_SAID_BELOW_ZERO = re.compile(r"\s+(?:below zero|unter null)\b")
_SIGN_CHARACTERS = 8
_SIGNED = ("temperature", "fahrenheit")
_ANY_UNIT = "|".join(spellings for _, _, spellings in UNITS)
_HAN_DIGIT = "[一二两三四五六七八九]"
_IN_WORDS = re.compile(
    rf"百分之(?P<share>{GROUPED}|[{HAN_SIGNS}]+)"
    rf"|(?<![\d几数{HAN_SIGNS}])(?!{_HAN_DIGIT}{{2}}(?![{HAN_SIGNS}]))"  # 三四天 is three or four
    rf"(?P<han>[一二两三四五六七八九十][{HAN_SIGNS}]*)(?=\s?(?:{_ANY_UNIT}))"
    rf"|(?P<english>{ENGLISH_NUMBER})(?=[\s-]?(?:{_ANY_UNIT}){_UNIT_END})"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it is written (in digits), its amount in its unit, its value in the base unit,
    and what it measures ("" unknown). A temperature below zero has a negative amount and value.
    """

    number: str
    amount: float
    value: float
    kind: str

    def is_of_unit(self, other: Quantity) -> bool:
        """Whether both are told in the same unit, scales aside."""
        return self.kind == other.kind and math.isclose(
            self.value * other.amount, other.value * self.amount, rel_tol=1e-9
        )


def quantities_in(text: str) -> list[Quantity]:
    """The numbers of a text with their scale and unit, in order."""
    cased = _CASED.sub(lambda one: f" {CASED[one[1]]}", unicodedata.normalize("NFKC", text))
    plain = _IN_WORDS.sub(_in_digits, in_one_notation(cased))
    plain = _SHORT_SCALE.sub(lambda one: f"{one['amount']} {SHORT_SCALES[one['scale']]}", plain)
    return [_read(one) for one in _QUANTITY.finditer(plain)]


def is_unit(word: str) -> bool:
    """Whether a word in lower case is a unit's."""
    return re.fullmatch(rf"{_ANY_UNIT}|{'|'.join(CASED).casefold()}", word) is not None


def _read(found: re.Match[str]) -> Quantity:
    kind, factor = CURRENCY_SIGNS.get(found["before"] or "", ""), 1.0
    if (unit := found.lastgroup) and unit.startswith("u") and unit[1:].isdigit():
        kind, factor, _ = UNITS[int(unit[1:])]
    amount = float(plain_number(found["number"])) * _SCALES.get(found["scale"] or "", 1)
    if kind in _SIGNED and _is_below_zero(found):
        amount = -amount
    return Quantity(found["number"], amount, amount * factor, kind)


def _is_below_zero(found: re.Match[str]) -> bool:
    before = found.string[max(0, found.start("number") - _SIGN_CHARACTERS) : found.start("number")]
    said_after = _SAID_BELOW_ZERO.match(found.string, found.end())
    return said_after is not None or _BELOW_ZERO.search(before) is not None


def _in_digits(found: re.Match[str]) -> str:
    """Numbers in words before a unit, and shares of a hundred, with digits."""
    if (share := found["share"]) is not None:
        return f"{share if share[:1].isdecimal() else han_value(share)}%"
    return str(han_value(found["han"]) if found["han"] else english_value(found["english"]))


def same_value(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are equal, a unit that is not told being any."""
    if not one.kind or not other.kind:
        return math.isclose(abs(one.amount), abs(other.amount), rel_tol=1e-9)
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


def wrong_sign(claimed: str, source: str) -> str:
    """The first temperature of a claim that the source gives on the other side of zero alone."""
    given = quantities_in(source)
    for one in quantities_in(claimed):
        if one.kind not in _SIGNED or any(same_value(one, other) for other in given):
            continue
        if any(other.kind == one.kind and other.value == -one.value for other in given):
            return f"-{one.number}" if one.value < 0 else one.number
    return ""

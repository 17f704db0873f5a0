"""The numbers of a text in the spellings that a value of an answer may be looked up by."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from rag.numbers import plain_number, stated_numbers
from rag.quantities import quantities_in

_NEGATIVE = re.compile(r"(?<![\w)])[-−–][$€£¥]?(\d+(?:[, ]\d{3}(?!\d))*(?:\.\d+)?)|\((\d[\d,.]*)\)")
_WITH_SIGN = re.compile(r"(?<![\w)])[-−–][$€£¥]?\d[\d,.]*")
_SAID_NEGATIVE = re.compile(r"\b(?:minus|negative|below zero|loss|deficit)\b|负|零下|亏损")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|per\s?cent\b)")
_COMMA_DECIMAL = re.compile(r"(?<![\d,.])(\d{1,3}(?:\.\d{3})*|\d+),(\d{1,2})(?![\d,])")
CONTINENTAL = ","
_POINT_GROUPS = re.compile(r"(?<![\d,.])(\d{1,3}(?:\.\d{3})+)(?![\d.]|,\d)")


def plain_decimal(value: Decimal) -> str:
    """As `plain_number` writes what a text has."""
    return plain_number(format(value, "f"))


def number_spellings(text: str) -> set[str]:
    """The numbers that a text gives: plain, `-` before those below zero, `%` behind a share.

    Behind what only a comma as the decimal sign makes of it stands CONTINENTAL.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    signed = (one for pair in _NEGATIVE.findall(folded) for one in pair if one)
    below = {plain_number(one.rstrip(".,")) for one in signed}
    if _SAID_NEGATIVE.search(folded):
        below |= stated_numbers(folded)
    unsigned = _WITH_SIGN.sub(" ", folded)
    found = {f"-{one}" for one in below} | stated_numbers(unsigned)
    # 1.13 million is not quite 1130000 in floats
    found |= {plain_decimal(Decimal(f"{one.amount:.12g}")) for one in quantities_in(unsigned)}
    found |= {f"{plain_number(one)}%" for one in _PERCENT.findall(unsigned)}
    return found | {one + CONTINENTAL for one in _continental(folded)}


def _continental(text: str) -> set[str]:
    """1,5 and 1.200,50, as most of Europe writes."""
    parts = [(whole, fraction) for whole, fraction in _COMMA_DECIMAL.findall(text)]
    parts += [(whole, "0") for whole in _POINT_GROUPS.findall(text)]
    return {plain_number(f"{whole.replace('.', '')}.{fraction}") for whole, fraction in parts}

"""The numbers of a text in one spelling, so that `1,400`, `１４００` and `一千四百` are equal."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = re.compile(r"\d+(?:[,\u00a0\u202f ]\d{3}(?!\d))*(?:\.\d+)?")
_HAN_NUMBER = re.compile(r"[零〇一二两三四五六七八九十百千万亿]+")
_HAN_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_HAN_LARGE = {"万": 10_000, "亿": 100_000_000}

_WORDS = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {
    word: number
    for number, word in zip(
        range(30, 110, 10),
        ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred"],
        strict=True,
    )
}
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH_NUMBERS = {name: n for n, name in enumerate(_MONTHS, 1)} | {
    name[:3]: n for n, name in enumerate(_MONTHS, 1) if name != "may"
}
_WORD = re.compile(r"[a-z]+")


def digits_in(text: str) -> set[str]:
    """The numbers written with digits: no separators, no leading or trailing zeros."""
    folded = unicodedata.normalize("NFKC", text)
    return {_plain(found) for found in _DIGITS.findall(folded)}


def numbers_in(text: str) -> set[str]:
    """Every number of a text: in digits, Chinese numerals, English words, and months as 1-12."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found = digits_in(folded)
    found |= {str(_han_value(run)) for run in _HAN_NUMBER.findall(folded)}
    for word in _WORD.findall(folded):
        for table in (_WORDS, _MONTH_NUMBERS):
            if word in table:
                found.add(str(table[word]))
    return found


def _plain(number: str) -> str:
    number = re.sub(r"[,\s\u00a0\u202f]", "", number)
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _han_value(run: str) -> int:
    """The value of Chinese numerals: 二十七 is 27, and 二〇二六 (digit by digit) is 2026."""
    if len(run) > 1 and all(sign in _HAN_DIGITS for sign in run):
        return int("".join(str(_HAN_DIGITS[sign]) for sign in run))
    total = section = digit = 0
    for sign in run:
        if sign in _HAN_DIGITS:
            digit = _HAN_DIGITS[sign]
        elif sign in _HAN_UNITS:
            section += (digit or 1) * _HAN_UNITS[sign]
            digit = 0
        else:
            total = (total + section + digit) * _HAN_LARGE[sign]
            section = digit = 0
    return total + section + digit

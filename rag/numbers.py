"""The numbers of a text in one spelling, so that `1,400`, `１４００` and `一千四百` are equal."""

from __future__ import annotations

import re
import unicodedata

from rag import months
from rag.notation import listed_numbers, with_decimal_points

# Not those of a name, such as X200 or LX-0047; EUR95 is an amount.
_BEFORE = r"(?:(?<![A-Za-z\d])(?<![A-Za-z][-_])|(?<=\b(?i:eur|usd|rmb|cny|gbp|chf)))"
GROUPED = r"\d+(?:[,\u00a0\u202f ’']\d{3}(?!\d))*(?:\.\d+)?"
_DIGITS = re.compile(_BEFORE + GROUPED)
HAN_SIGNS = "零〇一二两三四五六七八九十百千万亿"
_HAN_NUMBER = re.compile(rf"[{HAN_SIGNS}]+")
_HAN_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_HAN_LARGE = {"万": 10_000, "亿": 100_000_000}
# 三点五, but not a time of day: 三点五十, 三点五分
_HAN_DECIMAL = re.compile(
    rf"(?P<whole>[{HAN_SIGNS}]+)点(?P<fraction>[零〇一二三四五六七八九]+)(?![十百千刻钟]|分(?!钟))"
)

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
        range(30, 100, 10),
        ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
        strict=True,
    )
}
_WORD = re.compile(r"[a-z]+")
_LARGE_WORDS = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
ENGLISH_NUMBER = (
    rf"\b(?:{'|'.join(_WORDS)})"
    rf"(?:(?:[\s-]+|\s+and\s+)(?:{'|'.join([*_WORDS, *_LARGE_WORDS])}))*\b"
)
_PHRASE = re.compile(ENGLISH_NUMBER)
_PRONOUNS = {"0", "1"}  # "one of them" and "zero" tell no figure
_DATED_MONTH = re.compile(
    rf"\b({months.NAME})\b\.?,?\s*(?=\d)"
    rf"|(?<=\d)(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?({months.NAME})\b"
)
_MARK = re.compile(
    r"^[^\S\n]*(?:#+ |[-*•] )?"
    rf"(?:[{HAN_SIGNS}]{{1,3}}[、．]|[（(](?:[{HAN_SIGNS}]{{1,3}}|\d{{1,2}})[)）]"
    r"|\d{1,2}(?:[、．)）]|\.(?=[^\S\n])))",
    re.MULTILINE,
)
_HAN_FIGURE = re.compile(
    r"(?:十|[一二两三四五六七八九][十百千万亿])[零〇一二两三四五六七八九十百千万亿]*"
    r"|[零〇一二三四五六七八九]{3,}"
)


def without_marks(text: str) -> str:
    """A text without what counts its lines: 五、, （五）, 5. and 5) tell no figure."""
    return _MARK.sub("", text)


def in_one_notation(text: str) -> str:
    """A text in lower case with 2,5 and 三点五 as 2.5 and 3.5."""
    folded = with_decimal_points(unicodedata.normalize("NFKC", text).casefold())
    return _HAN_DECIMAL.sub(_in_digits, folded)


def _in_digits(found: re.Match[str]) -> str:
    fraction = "".join(str(_HAN_DIGITS[sign]) for sign in found["fraction"])
    return f"{han_value(found['whole'])}.{fraction}"


def digits_in(text: str) -> set[str]:
    """The numbers written with digits: no separators, no leading or trailing zeros."""
    return {plain_number(found) for found in _DIGITS.findall(in_one_notation(text))}


def figures_in(text: str) -> set[str]:
    """The numbers that a statement claims: what is surely meant as one, in digits or words.

    Months beside a number count by theirs. `one` and single Chinese numerals are left out: they
    are more often part of a word.
    """
    folded = in_one_notation(text)
    found = {str(english_value(phrase)) for phrase in _PHRASE.findall(folded)} - _PRONOUNS
    found |= _dated_months(folded)
    runs = (run for run in _HAN_FIGURE.findall(folded) if len(run) > 1)
    return digits_in(folded) | found | {str(han_value(run)) for run in runs}


def stated_numbers(text: str) -> set[str]:
    """Every number that a text may state: as `figures_in`, with `one` and single Chinese numerals.

    A month counts only beside a number: "you may" is no 5.
    """
    folded = in_one_notation(text)
    runs = _HAN_NUMBER.findall(folded)
    counted = (run for run in runs if any(sign in _HAN_DIGITS or sign == "十" for sign in run))
    found = figures_in(folded) | {str(han_value(run)) for run in counted}
    return found | {str(english_value(phrase)) for phrase in _PHRASE.findall(folded)}


def numbers_in(text: str) -> set[str]:
    """Every number of a text: in digits, Chinese numerals, English words, and months as 1-12."""
    folded = in_one_notation(text)
    found = digits_in(folded) | _dated_months(folded)
    found |= {plain_number(one) for one in listed_numbers(unicodedata.normalize("NFKC", text))}
    found |= {str(han_value(run)) for run in _HAN_NUMBER.findall(folded)}
    found |= {str(english_value(phrase)) for phrase in _PHRASE.findall(folded)}
    for word in _WORD.findall(folded):
        for table in (_WORDS, months.ENGLISH):
            if word in table:
                found.add(str(table[word]))
    return found


def _dated_months(folded: str) -> set[str]:
    """The months beside a number, by theirs."""
    named = (before or after for before, after in _DATED_MONTH.findall(folded))
    return {str(months.MONTHS[name]) for name in named}


def plain_number(number: str) -> str:
    """A number in digits, without separators and needless zeros, as all here are told."""
    number = re.sub(r"[,\s\u00a0\u202f’']", "", number)
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def english_value(phrase: str) -> int:
    """The value of number words that follow each other: two hundred and fifty-one is 251."""
    total = section = 0
    for word in _WORD.findall(phrase):
        if word == "hundred":
            section = (section or 1) * 100
        elif word in _LARGE_WORDS:
            total, section = total + (section or 1) * _LARGE_WORDS[word], 0
        elif word in _WORDS:
            section += _WORDS[word]
    return total + section


def han_value(run: str) -> int:
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

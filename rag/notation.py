"""Numbers as most of Europe writes them (2,5 and 1.200,50), in the notation of this code.

Text in scripts without spaces has no decimal comma: there 第3,4条 is a list.
"""

from __future__ import annotations

import re

from rag.words import UNSPACED

_WHOLE = r"(?<![\w,.])(?<!\w-)(?P<whole>\d{1,3}(?:\.\d{3})+|\d+)"
_LIST_GOES_ON = r"\s*(?:,|;|&|and|und|or|oder|et|y|e|и)\s*\d"
_COMMA_DECIMAL = re.compile(
    rf"{_WHOLE},(?P<fraction>\d{{1,2}})(?![\d,)\]-]|\.\d|{_LIST_GOES_ON}|\s?[{UNSPACED}])",
    re.IGNORECASE,
)
_MAY_HAVE_UNIT = re.compile(r"\s?(?:[^\W\d_]|[%°€$£])")
_GROUPS = r"(?<![\w,.])(?<!\w-)(?P<groups>\d{1,3}(?:\.\d{3})+)(?![\d.]\d|\d|,\d)"
_POINT_GROUPS = re.compile(_GROUPS)
# What surely groups: more than one point, or an amount of a currency that is written so.
_SURE_GROUPS = re.compile(
    r"(?<![\w,.])(?<!\w-)(?:(?P<many>\d{1,3}(?:\.\d{3}){2,})(?![\d.]\d|\d)"
    r"|(?P<before>(?:€|\beur|\bchf)\s?)(?P<paid>\d{1,3}\.\d{3})(?![\d.]\d|\d)"
    r"|(?P<amount>\d{1,3}\.\d{3})(?=\s?(?:€|(?:euros?|eur|chf|franken|kronen|zł)\b)))",
    re.IGNORECASE,
)


def with_decimal_points(text: str) -> str:
    """The text with 2,5 as 2.5, and 1.200 as 1200 where it can be nothing else."""
    text = _COMMA_DECIMAL.sub(_pointed, text)
    return _SURE_GROUPS.sub(_ungrouped, text)


def other_readings(text: str) -> dict[str, str]:
    """What 1.200 is to most of Europe, by what it is here: {"1.200": "1200"}."""
    found = _POINT_GROUPS.findall(with_decimal_points(text))
    return {groups: groups.replace(".", "") for groups in found}


def listed_numbers(text: str) -> set[str]:
    """The numbers of what is read as a decimal comma, but may be a list: section 3,4."""
    return {
        part
        for found in _COMMA_DECIMAL.finditer(text)
        if not _MAY_HAVE_UNIT.match(text, found.end())
        for part in (found["whole"], found["fraction"])
    }


def _pointed(found: re.Match[str]) -> str:
    return f"{found['whole'].replace('.', '')}.{found['fraction']}"


def _ungrouped(found: re.Match[str]) -> str:
    digits = (found["many"] or found["paid"] or found["amount"]).replace(".", "")
    return f"{found['before'] or ''}{digits}"

"""The dates that a text writes out, in ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from rag.months import MONTHS

_ISO = r"(?P<y>(?:19|20)\d\d)[-/._年](?P<m>\d{1,2})(?:[-/._月](?P<d>\d{1,2}))?(?!\d)"
_DAY_FIRST = (
    r"(?P<d2>\d{1,2})(?:st|nd|rd|th|er|\.)?\s+(?:of\s+|de\s+)?(?P<w2>[^\W\d_]{3,10})\.?,?\s+(?:de\s+)?"
    r"(?P<y2>(?:19|20)\d\d)"
)
_MONTH_FIRST = (
    r"(?P<w3>[A-Za-z]{3,9})\.?\s+(?P<d3>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y3>(?:19|20)\d\d)"
)
_WITH_POINTS = r"(?<![\w.])(?P<d4>\d{1,2})\.\s?(?P<m4>\d{1,2})\.\s?(?P<y4>(?:19|20)\d\d)(?!\d)"
_DATE = re.compile(rf"(?<!\d)(?:{_ISO}|{_DAY_FIRST}|{_MONTH_FIRST}|{_WITH_POINTS})")


def written_dates(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, date), in order; a date is as exact as it is written (2024-06, 2024-06-30)."""
    for found in _DATE.finditer(text):
        if iso := _iso(found):
            yield found.start(), found.end(), iso


def dates_in(text: str) -> set[str]:
    """Every date that a text writes out."""
    return {iso for _, _, iso in written_dates(text)}


def without_dates(text: str) -> str:
    """The text without what `dates_in` finds."""
    return _DATE.sub(lambda found: " " if _iso(found) else found[0], text)


def _iso(found: re.Match[str]) -> str:
    """ "" if it is no date of the calendar."""
    parts = found.groupdict()
    year = parts["y"] or parts["y2"] or parts["y3"] or parts["y4"]
    day = parts["d"] or parts["d2"] or parts["d3"] or parts["d4"]
    word = (parts["w2"] or parts["w3"] or "").casefold()
    month = parts["m"] or parts["m4"] or MONTHS.get(word) or MONTHS.get(word[:3], 0)
    try:
        checked = date(int(year), int(month), int(day or 1))
    except ValueError:
        return ""
    return checked.isoformat() if day else checked.isoformat()[:7]

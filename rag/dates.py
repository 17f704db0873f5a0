"""The date that a document gives itself, or else that its file has."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path, PurePath

from rag.types import Passage

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_ISO = r"(?P<y>(?:19|20)\d\d)[-/._年](?P<m>\d{1,2})(?:[-/._月](?P<d>\d{1,2}))?(?!\d)"
_DAY_FIRST = r"(?P<d2>\d{1,2})(?:st|nd|rd|th)?\s+(?P<w2>[A-Za-z]{3,9})\.?,?\s+(?P<y2>(?:19|20)\d\d)"
_MONTH_FIRST = (
    r"(?P<w3>[A-Za-z]{3,9})\.?\s+(?P<d3>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y3>(?:19|20)\d\d)"
)
_DATE = re.compile(rf"(?<!\d)(?:{_ISO}|{_DAY_FIRST}|{_MONTH_FIRST})")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_SAYS_SO = re.compile(
    r"effective|in force|valid|version|revision|revised|issued|dated|as of|last updated|published"
    r"|版本|版次|修订|发布|施行|生效|执行|签订|日期",
    re.IGNORECASE,
)
NEAR_CHARACTERS = 40  # between a date and the word that says what it is of


def date_of(passage: Passage) -> tuple[str, bool]:
    """(date, whether the document says so): its name, its headings, its text, else its file's.

    ISO 8601, as exact as is known (2024, 2024-06, 2024-06-30); "" where nothing tells.
    """
    place = [PurePath(passage.path).stem, passage.title, *passage.headings]
    for text in place:
        if found := _first_date(text):
            return found, True
    if found := _stated(passage.text):
        return found, True
    for text in place:
        if year := _YEAR.search(text):
            return year[1], True
    with suppress(OSError):
        seconds = Path(passage.path).stat().st_mtime
        return datetime.fromtimestamp(seconds, UTC).date().isoformat(), False
    return "", False


def dates_in(text: str) -> set[str]:
    """Every date that a text writes out, in ISO 8601, as exact as it is written."""
    return {iso for found in _DATE.finditer(text) if (iso := _iso(found))}


def _stated(text: str) -> str:
    """The first date of a text beside a word that says that it is the text's own."""
    for found in _DATE.finditer(text):
        around = text[max(0, found.start() - NEAR_CHARACTERS) : found.end() + NEAR_CHARACTERS]
        if _SAYS_SO.search(around) and (iso := _iso(found)):
            return iso
    return ""


def _first_date(text: str) -> str:
    return next((iso for found in _DATE.finditer(text) if (iso := _iso(found))), "")


def _iso(found: re.Match[str]) -> str:
    """ "" if it is no date of the calendar."""
    parts = found.groupdict()
    year = parts["y"] or parts["y2"] or parts["y3"]
    day = parts["d"] or parts["d2"] or parts["d3"]
    word = (parts["w2"] or parts["w3"] or "")[:3].casefold()
    month = parts["m"] or (str(_MONTHS.index(word) + 1) if word in _MONTHS else "")
    try:
        checked = date(int(year), int(month), int(day or 1))
    except ValueError:
        return ""
    return checked.isoformat() if day else checked.isoformat()[:7]

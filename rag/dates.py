"""The date that a document gives itself, or else that its file has."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePath

from rag.types import Passage
from rag.written_dates import written_dates

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
        if found := next(written_dates(text), None):
            return found[2], True
    if stated := _stated(passage.text):
        return stated, True
    for text in place:
        if year := _YEAR.search(text):
            return year[1], True
    with suppress(OSError):
        seconds = Path(passage.path).stat().st_mtime
        return datetime.fromtimestamp(seconds, UTC).date().isoformat(), False
    return "", False


def _stated(text: str) -> str:
    """The first date of a text beside a word that says that it is the text's own."""
    for start, end, iso in written_dates(text):
        if _SAYS_SO.search(text[max(0, start - NEAR_CHARACTERS) : end + NEAR_CHARACTERS]):
            return iso
    return ""

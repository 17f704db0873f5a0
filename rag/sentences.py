"""Where sentences stand in a text, in any script."""

from __future__ import annotations

import re
from collections.abc import Iterator

BAR = "|"  # between the cells of a table's row
ROW_START = f"{BAR} "  # of such a row in a document's text
WRAPPED_CHARACTERS = 56  # a line this long without an end was broken to fit a page

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_STRUCTURE = re.compile(r"\s*(?:[-*•|#>]|\d{1,3}[.)、]\s|[a-zA-Z][.)]\s)")
_ENDS = re.compile(r"[.!?…。！？；।؟]+[\"'”’」』）)\]]*\s*$")
_END = re.compile(
    r"(?P<wide>[。！？；。]+[”’」』）)]*)"
    r"|(?P<other>[।؟۔။።]+)"
    r"|(?P<latin>(?:[.!?]+|…+)[\"'”’)\]»]*)(?=\s|$)"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“])(?:e\.g|i\.e|etc|vs|cf|al|approx|resp|dept|est|nos?|vol|pp?|ch|sec|fig|figs|eq"
    r"|ed|eds|dr|mrs?|ms|prof|rev|sr|jr|st|mt|inc|ltd|co|corp|jan|feb|mar|apr|jun|jul|aug|sept?"
    r"|oct|nov|dec|z\.B|bzw|ca|Nr|Abs|Art|p\.ej|[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|\d{1,3})\.$",
    re.IGNORECASE,
)
_ALWAYS_GOES_ON = re.compile(
    r"(?:^|[\s(\[\"'“])(?:e\.g|i\.e|vs|cf|dr|mrs?|ms|prof|fig|figs|eq|approx)\.$", re.IGNORECASE
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """The half-open spans of the sentences, in order; together they hold all but white space.

    A table row, a list item and a line that ends by itself are sentences too.
    """
    spans = []
    for start, end in _lines(text):
        for first, last in _sentences(text, start, end):
            piece = text[first:last]
            body = piece.strip()
            if body:
                first += len(piece) - len(piece.lstrip())
                spans.append((first, first + len(body)))
    return spans


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Spans between the line breaks that end something; a wrapped line goes on."""
    start = line = 0
    while (at := text.find("\n", line)) != -1:
        following = text.find("\n", at + 1)
        after = text[at + 1 : following if following != -1 else len(text)]
        if not _goes_on(text[line:at], after):
            yield start, at
            start = at + 1
        line = at + 1
    yield start, len(text)


def _goes_on(before: str, after: str) -> bool:
    is_wrapped = len(before) >= WRAPPED_CHARACTERS and not before.lstrip().startswith(("|", "#"))
    if not is_wrapped or not after.strip() or _ENDS.search(before):
        return False
    return not _STRUCTURE.match(after)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if text[start:end].lstrip().startswith("|"):
        yield start, end
        return
    begun = start
    for found in _END.finditer(text, start, end):
        if found["latin"] and not _is_end(text[begun : found.end()], text[found.end() : end]):
            continue
        yield begun, found.end()
        begun = found.end()
    yield begun, end


def _is_end(sentence: str, rest: str) -> bool:
    """Whether a full stop followed by space ends the sentence."""
    following = rest.lstrip()[:1]
    if following.islower() and sentence.rstrip("\"'”’)]»").endswith("."):
        return False
    if _ALWAYS_GOES_ON.search(sentence):
        return False
    if not _ABBREVIATION.search(sentence):
        return True
    # "No. 5", "J. Smith" and "1. Item" go on; "... in 12." before a new line of thought ends.
    last = sentence.split()[-1].rstrip(".").strip("(\"'“[")
    if last.isdigit():
        return len(sentence.split()) > 1
    return not (len(last) == 1 or following.isdigit() or following.isupper())

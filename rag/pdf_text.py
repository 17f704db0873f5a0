"""The characters of a PDF page as PDFium counts them."""

from __future__ import annotations

import ctypes
import re
from typing import Any

from rag.pdf_boxes import Box, CharacterBoxes

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_RUN = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff ]{2,}")
# What no ligature begins with: blanks, marks, and letters that do not join the next.
_NO_BEGINNING = re.compile(
    "[ \u0610-\u061a\u0621-\u0625\u0627\u0629\u062f-\u0632\u0648\u0649\u064b-\u065f]"
)
_NOTHING = "\ufeff"  # readers drop it
_STRAY_MARK = re.compile("( )([\u0591-\u05bd\u064b-\u0652])(?=([\u05d0-\u05ea\u0620-\u064a]))")


def page_text(textpage: Any) -> str:
    """A character for each of PDFium's, so that an index into one holds in the other.

    One call gives the whole text, but leaves out some characters of some files: then each is
    asked for by itself, which takes ten times as long. What is no character becomes a blank, and
    halves of surrogate pairs stay halves.
    """
    import pypdfium2.raw as pdfium

    count = textpage.count_chars()
    units = (ctypes.c_ushort * (count + 1))()
    if pdfium.FPDFText_GetText(textpage.raw, 0, count, units) == count + 1:
        text = bytes(units)[: 2 * count].decode("utf-16-le", "surrogatepass")
        if len(text) == count:  # no surrogate pair
            return _logical(text.replace("\0", " "), textpage)
    codes = [pdfium.FPDFText_GetUnicode(textpage.raw, index) for index in range(count)]
    text = "".join([chr(code) if 0 < code < 0x110000 else " " for code in codes])
    return _logical(text, textpage)


def _logical(text: str, textpage: Any) -> str:
    """Text from right to left in the order in which it is spoken.

    PDFium turns such lines round letter by letter. That puts the letters of a ligature, which
    share one place, in the wrong order unless they have a code point of their own; and a vowel
    mark that was drawn with a blank before its letter.
    """
    if RIGHT_TO_LEFT.search(text) is None:
        return text
    boxes = CharacterBoxes(textpage)
    signs = list(text)
    for run in _RUN.finditer(text):
        for start, end in _ligatures(boxes, *run.span()):
            if _NO_BEGINNING.match(text, start):
                signs[start:end] = reversed(signs[start:end])
    text = "".join(signs)
    for match in _STRAY_MARK.finditer(text):
        at = match.start()
        if _holds(boxes.ink(at + 2), boxes.ink(at + 1)):
            signs[at : at + 3] = signs[at + 2], signs[at + 1], _NOTHING
    return "".join(signs)


def _ligatures(boxes: CharacterBoxes, start: int, end: int) -> list[tuple[int, int]]:
    """The spans of characters, between `start` and `end`, that one sign stands for."""
    spans: list[tuple[int, int]] = []
    places = [boxes.ink(index) for index in range(start, end)]
    first = 0
    for at in range(1, len(places) + 1):
        if at < len(places) and places[at] == places[first] and places[at][0] < places[at][2]:
            continue
        if at - first > 1:
            spans.append((start + first, start + at))
        first = at
    return spans


def _holds(letter: Box, mark: Box) -> bool:
    return letter[0] <= (mark[0] + mark[2]) / 2 <= letter[2]

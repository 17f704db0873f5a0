"""PDF pages as pictures, and where on them a quote stands.

PDFium must never run in two threads at once: hold `PDFIUM_LOCK` around every use of it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

PDFIUM_LOCK = threading.Lock()
CONTEXT_CHARACTERS = 200  # around a quote, to tell its occurrences on a page apart
SHORTEST_PIECE = 6  # characters; a shorter piece of a quote is found by chance
MAX_PIXELS = 4_000_000  # a page of any size gives a picture no larger than this

Rectangle = tuple[float, float, float, float]  # left, top, width, height; points, y grows downwards


@dataclass(frozen=True, slots=True)
class PdfPage:
    """A page's size in points, how many pages there are, and where the quote stands on it."""

    width: float
    height: float
    num_pages: int
    rectangles: tuple[Rectangle, ...]


@lru_cache(maxsize=32)
def page_png(path: Path, mtime_ns: int, page: int, scale: float) -> bytes:
    """The page as a PNG at `scale` pixels a point. Raises IndexError if there is no such page.

    `mtime_ns` keeps pictures of an older version out of the cache's answers.
    """
    with PDFIUM_LOCK, _open(path) as pdf:
        sheet = _load(pdf, page)
        try:
            area = sheet.get_width() * sheet.get_height()
            picture = sheet.render(scale=min(scale, (MAX_PIXELS / area) ** 0.5)).to_pil()
        finally:
            sheet.close()
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def read_page(path: Path, page: int, before: str, quote: str, after: str) -> PdfPage:
    """Look for the quote on the page; `before` and `after` are the text around it.

    Raises IndexError if there is no such page.
    """
    with PDFIUM_LOCK, _open(path) as pdf:
        sheet = _load(pdf, page)
        try:
            width, height = sheet.get_size()
            textpage = sheet.get_textpage()
            try:
                found = _find(textpage, before, quote, after)
                lines = [line for run in found for line in _lines(textpage, run)]
            finally:
                textpage.close()
            rectangles = tuple(_on_picture(sheet, line) for line in lines)
            return PdfPage(width, height, len(pdf), rectangles)
        finally:
            sheet.close()


def _open(path: Path) -> Any:
    import pypdfium2

    return pypdfium2.PdfDocument(path)


def _load(pdf: Any, page: int) -> Any:
    if not 1 <= page <= len(pdf):
        raise IndexError(page)
    return pdf[page - 1]


def _find(textpage: Any, before: str, quote: str, after: str) -> list[range]:
    """The ranges of the page's characters that hold the quote; empty if it is not there."""
    import pypdfium2.raw as pdfium

    codes = (pdfium.FPDFText_GetUnicode(textpage.raw, i) for i in range(textpage.count_chars()))
    signs = [(sign, i) for i, code in enumerate(codes) for sign in letters(_character(code))]
    page = "".join(sign for sign, _ in signs)
    spans = find_quote(page, letters(before), letters(quote), letters(after))
    return [range(signs[start][1], signs[end - 1][1] + 1) for start, end in spans]


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 else ""


def letters(text: str) -> str:
    """Only what survives the joining of wrapped lines: letters and digits, in lower case."""
    return "".join(sign.lower() for sign in text if sign.isalnum())


def find_quote(page: str, before: str, quote: str, after: str) -> list[tuple[int, int]]:
    """The quote's spans in the page's text, all of them as `letters`.

    Of several occurrences the one in the likest surroundings counts. A quote that runs over the
    page's edge, or over a header within it, is found by its pieces.
    """
    if not quote:
        return []
    starts = list(_occurrences(page, quote))
    if starts:
        best = max(starts, key=lambda at: _likeness(page, at, at + len(quote), before, after))
        return [(best, best + len(quote))]
    return _pieces(page, quote)


def _occurrences(page: str, quote: str) -> Iterator[int]:
    at = page.find(quote)
    while at >= 0:
        yield at
        at = page.find(quote, at + 1)


def _likeness(page: str, start: int, end: int, before: str, after: str) -> int:
    left = _shared(page[max(0, start - CONTEXT_CHARACTERS) : start][::-1], before[::-1])
    return left + _shared(page[end : end + CONTEXT_CHARACTERS], after)


def _shared(one: str, other: str) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _pieces(page: str, quote: str) -> list[tuple[int, int]]:
    """The quote's long pieces that the page holds, in order."""
    spans: list[tuple[int, int]] = []
    least = min(SHORTEST_PIECE * 4, len(quote))
    at = 0
    while at + least <= len(quote):
        found = page.find(quote[at : at + least], spans[-1][1] if spans else 0)
        if found < 0:
            at += 1
            continue
        length = least + _shared(page[found + least :], quote[at + least :])
        spans.append((found, found + length))
        at += length
    return spans if sum(end - start for start, end in spans) * 3 >= len(quote) else []


def _lines(textpage: Any, characters: range) -> list[list[float]]:
    """The boxes of the characters, joined where they stand on one line; y grows upwards."""
    lines: list[list[float]] = []
    for index in characters:
        left, bottom, right, top = textpage.get_charbox(index, loose=True)
        if right <= left or top <= bottom:
            continue  # a line break has no box
        last = lines[-1] if lines else None
        if (
            last
            and min(top, last[3]) - max(bottom, last[1]) > (top - bottom) / 2
            and left >= last[0]
        ):
            last[:] = last[0], min(bottom, last[1]), max(right, last[2]), max(top, last[3])
        else:
            lines.append([left, bottom, right, top])
    return lines


def _on_picture(sheet: Any, box: list[float]) -> Rectangle:
    """Where the rendered page shows a box of the PDF's coordinates, turned and cropped."""
    import ctypes

    import pypdfium2.raw as pdfium

    width, height = sheet.get_size()
    steps = 100  # PDFium answers in whole pixels: ask for a picture large enough for fractions
    corners = []
    for x, y in ((box[0], box[3]), (box[2], box[1])):
        column, row = ctypes.c_int(), ctypes.c_int()
        size = (int(width * steps), int(height * steps))
        pdfium.FPDF_PageToDevice(sheet.raw, 0, 0, *size, 0, x, y, column, row)
        corners.append((column.value / steps, row.value / steps))
    (x0, y0), (x1, y1) = corners
    return min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)

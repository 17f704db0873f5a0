"""PDF pages as pictures, and where on them a quote stands.

PDFium must never run in two threads at once: hold `PDFIUM_LOCK` around every use of it.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag.pdf_quotes import find_quote, letters
from rag.pdf_text import page_text

PDFIUM_LOCK = threading.Lock()
MAX_PIXELS = 4_000_000  # a page of any size gives a picture no larger than this

Rectangle = tuple[float, float, float, float]  # left, top, width, height; points, y grows downwards


@dataclass(frozen=True, slots=True)
class PdfPage:
    """A page's size in points, how many pages there are, and where the quote stands on it.

    The rectangles are in the quote's order; `share` is how much of its letters they hold, 0 to 1.
    """

    width: float
    height: float
    num_pages: int
    rectangles: tuple[Rectangle, ...]
    share: float = 0.0


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
                found, share = _find(textpage, before, quote, after)
                lines = [line for run in found for line in _lines(textpage, run)]
            finally:
                textpage.close()
            rectangles = tuple(on_picture(sheet, line) for line in lines)
            return PdfPage(width, height, len(pdf), rectangles, share)
        finally:
            sheet.close()


def _open(path: Path) -> Any:
    import pypdfium2

    return pypdfium2.PdfDocument(path)


def _load(pdf: Any, page: int) -> Any:
    if not 1 <= page <= len(pdf):
        raise IndexError(page)
    return pdf[page - 1]


def _find(textpage: Any, before: str, quote: str, after: str) -> tuple[list[range], float]:
    """The ranges of the page's characters that hold the quote, and the share that they hold."""
    text = page_text(textpage)
    signs = [(sign, i) for i, one in enumerate(text) if one.isalnum() for sign in one.lower()]
    signs = [(sign, i) for sign, i in signs if sign.isalnum()]
    page = "".join([sign for sign, _ in signs])
    spans = find_quote(page, before, quote, after)
    wanted = len(letters(quote))
    share = sum(end - start for start, end in spans) / wanted if wanted else 0.0
    return [range(signs[start][1], signs[end - 1][1] + 1) for start, end in spans], share


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


def on_picture(sheet: Any, box: list[float]) -> Rectangle:
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

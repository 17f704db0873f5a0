"""PDF pages as pictures, and where on them a quote stands.

PDFium must never run in two threads at once: hold `PDFIUM_LOCK` around every use of it.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from rag.pdf_boxes import Box, rectangles
from rag.pdf_open import open_shown
from rag.pdf_quotes import find_quote, letters
from rag.pdf_text import page_text

PDFIUM_LOCK = threading.Lock()
MAX_PIXELS = 4_000_000  # a page of any size gives a picture no larger than this

Rectangle = tuple[float, float, float, float]  # left, top, width, height; points, y grows downwards


@dataclass(frozen=True, slots=True)
class PdfPage:
    """A page's size in points, how many pages there are, and where the quote stands on it.

    The rectangles are in the quote's order; `share` is how much of its letters they hold, 0 to 1.
    `label` is the page's own number where the file gives it another, such as `iv` or `A-3`.
    """

    width: float
    height: float
    num_pages: int
    rectangles: tuple[Rectangle, ...]
    share: float = 0.0
    label: str = ""


@lru_cache(maxsize=32)
def page_png(
    path: Path, mtime_ns: int, page: int, scale: float, passwords: tuple[str, ...] = ()
) -> bytes:
    """The page as a PNG at `scale` pixels a point. Raises IndexError if there is no such page.

    `mtime_ns` keeps pictures of an older version out of the cache's answers.
    """
    with PDFIUM_LOCK, open_shown(path, passwords) as pdf:
        sheet = _load(pdf, page)
        try:
            area = sheet.get_width() * sheet.get_height()
            picture = sheet.render(scale=min(scale, (MAX_PIXELS / area) ** 0.5)).to_pil()
        finally:
            sheet.close()
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def read_page(
    path: Path, page: int, before: str, quote: str, after: str, passwords: tuple[str, ...] = ()
) -> PdfPage:
    """Look for the quote on the page; `before` and `after` are the text around it.

    Raises IndexError if there is no such page.
    """
    with PDFIUM_LOCK, open_shown(path, passwords) as pdf:
        sheet = _load(pdf, page)
        try:
            width, height = sheet.get_size()
            textpage = sheet.get_textpage()
            try:
                found, share = _find(textpage, before, quote, after)
                boxes = [box for run in found for box in rectangles(textpage, run)]
            finally:
                textpage.close()
            marked = tuple(on_picture(sheet, box) for box in boxes)
            return PdfPage(width, height, len(pdf), marked, share, _label(pdf, page))
        finally:
            sheet.close()


def _label(pdf: Any, page: int) -> str:
    label: str = pdf.get_page_label(page - 1).strip()
    return "" if label == str(page) else label


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
    gaps = [j - i > 1 for (_, i), (_, j) in pairwise(signs)]
    edges = frozenset([0, len(page), *(at for at, gap in enumerate(gaps, start=1) if gap)])
    spans = find_quote(page, before, quote, after, edges)
    wanted = len(letters(quote))
    share = sum(end - start for start, end in spans) / wanted if wanted else 0.0
    return [range(signs[start][1], signs[end - 1][1] + 1) for start, end in spans], share


def on_picture(sheet: Any, box: Box) -> Rectangle:
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

"""What nobody sees on a PDF page: text drawn invisibly, or in the colour of what is behind it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from rag.pdf_boxes import Box, CharacterBoxes

_INVISIBLE = frozenset({3, 7})  # text render modes that paint nothing
_WHITE = 250  # of 255, in each channel
_CONTRAST = 24  # of 255, within a character's box: less is not seen
_SCALE = 2.0  # pixels a point
_SCAN_SHARE = 0.5  # of the page: pictures this large are what the invisible text was read from
_BLANK = 32  # and the codes below it
_DEPTH = 4  # of drawings within drawings


def hidden_characters(page: Any, textpage: Any) -> frozenset[int]:
    """The indexes of the page's characters that nobody sees.

    The page is painted only where some of its text is invisible or white.
    """
    import pypdfium2.raw as pdfium

    invisible: set[int] = set()
    white: set[int] = set()
    for place in _objects(page.raw):
        if pdfium.FPDFPageObj_GetType(place) != pdfium.FPDF_PAGEOBJ_TEXT:
            continue
        if pdfium.FPDFTextObj_GetTextRenderMode(place) in _INVISIBLE:
            invisible.add(_address(place))
        elif _is_white(place):
            white.add(_address(place))
    if not (invisible or white) or _pictured_share(page) >= _SCAN_SHARE:
        return frozenset()
    boxes, is_seen = CharacterBoxes(textpage), _painted(page)
    found = set()
    for index in range(textpage.count_chars()):
        if pdfium.FPDFText_GetUnicode(textpage.raw, index) <= _BLANK:
            continue
        place = _address(pdfium.FPDFText_GetTextObject(textpage.raw, index))
        if place in invisible or (place in white and not is_seen(boxes.ink(index))):
            found.add(index)
    return frozenset(found)


def _objects(page: Any) -> Iterator[Any]:
    """The page's objects, those inside forms too."""
    import pypdfium2.raw as pdfium

    for index in range(pdfium.FPDFPage_CountObjects(page)):
        yield from _within(pdfium.FPDFPage_GetObject(page, index), _DEPTH)


def _within(place: Any, depth: int) -> Iterator[Any]:
    import pypdfium2.raw as pdfium

    yield place
    if depth and pdfium.FPDFPageObj_GetType(place) == pdfium.FPDF_PAGEOBJ_FORM:
        for index in range(pdfium.FPDFFormObj_CountObjects(place)):
            yield from _within(pdfium.FPDFFormObj_GetObject(place, index), depth - 1)


def _is_white(place: Any) -> bool:
    """Whether an object is filled with white, or with nothing that can be seen."""
    import pypdfium2.raw as pdfium

    colour = red, green, blue, opacity = tuple(ctypes.c_uint() for _ in range(4))
    if not pdfium.FPDFPageObj_GetFillColor(place, *colour):
        return False
    return opacity.value == 0 or min(red.value, green.value, blue.value) >= _WHITE


def _pictured_share(page: Any) -> float:
    """How much of the page its pictures take; those inside a form by their own measure."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    taken = 0.0
    edges = left, bottom, right, top = tuple(ctypes.c_float() for _ in range(4))
    for place in _objects(page.raw):
        if pdfium.FPDFPageObj_GetType(place) == pdfium.FPDF_PAGEOBJ_IMAGE:
            pdfium.FPDFPageObj_GetBounds(place, *edges)
            taken += (right.value - left.value) * (top.value - bottom.value)
    return taken / float(max(width * height, 1.0))


def _painted(page: Any) -> Callable[[Box], bool]:
    """Whether something stands out in a box of the page, as it is painted."""
    import pypdfium2.raw as pdfium

    picture = page.render(scale=_SCALE, grayscale=True).to_numpy()  # (H, W) or (H, W, 1)
    height, width = picture.shape[:2]
    x, y = ctypes.c_int(), ctypes.c_int()

    def pixel(across: float, up: float) -> tuple[int, int]:
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, across, up, x, y)
        return x.value, y.value

    def is_seen(box: Box) -> bool:
        (x0, y0), (x1, y1) = pixel(box[0], box[3]), pixel(box[2], box[1])
        columns = slice(max(0, min(x0, x1)), max(x0, x1) + 1)
        part = picture[max(0, min(y0, y1)) : max(y0, y1) + 1, columns]
        return bool(part.size) and int(part.max()) - int(part.min()) > _CONTRAST

    return is_seen


def _address(place: Any) -> int:
    return ctypes.cast(place, ctypes.c_void_p).value or 0

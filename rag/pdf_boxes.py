"""The boxes of a PDF page's characters, and the rectangles that runs of them make."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from typing import Any

BELOW_BASELINE, ABOVE_BASELINE = 0.2, 0.75  # of the font size: where most ink stands
CELL_GAP = 1.5  # times the height: what stands further off is another cell, or column
ALIKE = 0.7  # of the larger's height: a smaller sign has a rectangle of its own
_LEVEL = 0.05  # of a turn's sine: more is seen

_ADDRESS = ctypes.c_void_p
_GET_BOX = ctypes.PYFUNCTYPE(ctypes.c_int, _ADDRESS, ctypes.c_int, *[_ADDRESS] * 4)

Box = tuple[float, float, float, float]  # left, bottom, right, top; points, y grows upwards


class CharacterBoxes:
    """Asks PDFium where a character stands, without making new numbers at every call."""

    def __init__(self, textpage: Any) -> None:
        import pypdfium2.raw as pdfium

        self._raw, self._pdfium = textpage.raw, pdfium
        self._matrix, self._rect = pdfium.FS_MATRIX(), pdfium.FS_RECTF()
        self._numbers = (ctypes.c_double * 4)()  # left, right, bottom, top; or x, y
        place = ctypes.addressof(self._numbers)
        self._places = (place, place + 8, place + 16, place + 24)
        # Called for every word of every file: bare addresses take a fifth less time.
        self._page = ctypes.cast(self._raw, ctypes.c_void_p).value
        self._get_box = ctypes.cast(pdfium.FPDFText_GetCharBox, _GET_BOX)

    def ink(self, index: int) -> Box:
        """The box of what is drawn; without area for a blank."""
        self._get_box(self._page, index, *self._places)
        left, right, bottom, top = self._numbers
        return left, bottom, right, top

    def edges(self, index: int) -> tuple[float, float]:
        """The left and right edge of what is drawn."""
        self._get_box(self._page, index, *self._places)
        return self._numbers[0], self._numbers[1]

    def font(self, index: int) -> tuple[float, float, int]:
        """The baseline, the font size as it shows on the page, and the font's weight."""
        x, y = ctypes.c_double(), ctypes.c_double()
        self._pdfium.FPDFText_GetCharOrigin(self._raw, index, x, y)
        return y.value, self._size(index), self.weight(index)

    def weight(self, index: int) -> int:
        """The font's weight: 400 is usual, bold has 700, and some files know none."""
        weight: int = self._pdfium.FPDFText_GetFontWeight(self._raw, index)
        return weight

    def loose(self, index: int) -> Box:
        """The font's own box, which may reach into the lines above and below."""
        self._pdfium.FPDFText_GetLooseCharBox(self._raw, index, self._rect)
        rect = self._rect
        return rect.left, rect.bottom, rect.right, rect.top

    def line(self, index: int) -> Box:
        """As wide as the loose box, but no higher than a line of its font size and its ink."""
        left, bottom, right, top = self.loose(index)
        ink = self.ink(index)
        angle = self._pdfium.FPDFText_GetCharAngle(self._raw, index)
        if abs(math.sin(angle)) > _LEVEL:  # its height runs across, or aslant
            return ink if abs(math.cos(angle)) > _LEVEL else (left, bottom, right, top)
        low, high = ink[1], ink[3]
        baseline, size, _ = self.font(index)
        low = max(bottom, min(low, baseline - BELOW_BASELINE * size))
        high = min(top, max(high, baseline + ABOVE_BASELINE * size))
        return (left, low, right, high) if low < high else (left, bottom, right, top)

    def _size(self, index: int) -> float:
        size: float = self._pdfium.FPDFText_GetFontSize(self._raw, index)
        if self._pdfium.FPDFText_GetMatrix(self._raw, index, self._matrix):
            size *= math.hypot(self._matrix.c, self._matrix.d) or 1.0
        return size


def rectangles(textpage: Any, characters: Iterable[int]) -> list[Box]:
    """The characters' boxes, joined where they stand side by side on one line."""
    boxes = CharacterBoxes(textpage)
    joined: list[Box] = []
    for index in characters:
        box = boxes.line(index)
        if box[2] <= box[0] or box[3] <= box[1]:
            continue  # a line break has no box
        if joined and _goes_on(joined[-1], box):
            last = joined[-1]
            joined[-1] = (*map(min, last[:2], box[:2]), *map(max, last[2:], box[2:]))  # type: ignore[assignment]
        else:
            joined.append(box)
    return joined


def _goes_on(last: Box, box: Box) -> bool:
    small, large = sorted((last[3] - last[1], box[3] - box[1]))
    shared = min(last[3], box[3]) - max(last[1], box[1])
    gap = max(box[0] - last[2], last[0] - box[2])  # on either side: scripts run both ways
    return small > ALIKE * large and shared > small / 2 and gap < CELL_GAP * large

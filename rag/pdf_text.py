"""The characters of a PDF page as PDFium counts them."""

from __future__ import annotations

import ctypes
from typing import Any


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
            return text.replace("\0", " ")
    codes = [pdfium.FPDFText_GetUnicode(textpage.raw, index) for index in range(count)]
    return "".join([chr(code) if 0 < code < 0x110000 else " " for code in codes])

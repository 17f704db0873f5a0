"""The lines of a PDF page, and paragraphs told from where the lines stand."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from ingest.readers.builder import join_lines

_HYPHENS = ("\ufffe", "\x02", "\u00ad")  # how PDFium marks a hyphen that ends a line
_SENTENCE_END = tuple(".!?。！？:：;；")
_ITEM = re.compile(r"[•●○▪■◆·–\-*]\s|\(?\d{1,2}[.)、）]\s?\D|[（(][一二三四五六七八九十\d]+[)）]")
_CELL_GAP = 1.2  # times the font size: wider than a blank in justified text
_PARAGRAPH_PITCH = 1.35  # times the usual distance of lines


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its edges, baseline and font size in points (y grows upwards).

    `is_row` says that wide gaps part it into cells.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    is_row: bool = False


def page_lines(textpage: Any) -> list[Line]:
    """The page's lines that hold text, in PDFium's order."""
    import pypdfium2.raw as pdfium

    codes = [
        pdfium.FPDFText_GetUnicode(textpage.raw, index) for index in range(textpage.count_chars())
    ]
    text = "".join(map(_character, codes))
    lines = []
    for match in re.finditer(r"[^\r\n]+", text):
        inked = [match.start() + i for i, sign in enumerate(match[0]) if not sign.isspace()]
        if inked:
            x, y = ctypes.c_double(), ctypes.c_double()
            pdfium.FPDFText_GetCharOrigin(textpage.raw, inked[0], x, y)
            size = pdfium.FPDFText_GetFontSize(textpage.raw, inked[0])
            right = textpage.get_charbox(inked[-1])[2]
            content = match[0].strip().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            is_row = _has_wide_gap(textpage, inked, size)
            lines.append(Line(content, x.value, right, y.value, size, is_row))
    return lines


def _has_wide_gap(textpage: Any, inked: list[int], size: float) -> bool:
    return any(
        after > before + 1  # only where white space stands
        and textpage.get_charbox(after)[0] - textpage.get_charbox(before)[2] > _CELL_GAP * size
        for before, after in pairwise(inked)
    )


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 else " "


def paragraphs(lines: list[Line]) -> Iterator[str]:
    """Join wrapped lines; keep a break that was meant, such as between the rows of a table."""
    pitches = [a.baseline - b.baseline for a, b in pairwise(lines)]
    pitch = median([p for p in pitches if p > 1] or [0.0])
    margin = max((line.right for line in lines), default=0.0)
    held = ""
    for index, line in enumerate(lines):
        previous = lines[index - 1] if index else None
        if previous is None or _starts_paragraph(previous, line, pitch, margin):
            if held:
                yield held
            held = line.text
        elif _is_meant(previous, line, margin) and not held.endswith(_HYPHENS):
            held += "\n" + line.text
        else:
            held = join_wrapped(held, line.text)
    if held:
        yield held


def join_wrapped(text: str, line: str) -> str:
    """Join a wrapped line to its text; a hyphen goes where the word goes on in lower case."""
    if text.endswith(_HYPHENS):
        return text[:-1] + ("" if line[:1].islower() else "-") + line
    head, _, tail = text.rpartition("\n")
    return (head + "\n" if head else "") + join_lines([tail, line])


def _starts_paragraph(previous: Line, line: Line, pitch: float, margin: float) -> bool:
    drop = previous.baseline - line.baseline
    ended = previous.text.endswith(_SENTENCE_END)
    if drop < 0:  # the next column: a sentence may go on there
        return ended
    return (
        drop > _PARAGRAPH_PITCH * pitch
        or abs(previous.size - line.size) > 0.12 * previous.size
        or _ITEM.match(line.text) is not None
        or (ended and _has_room(previous, line, margin))
    )


def _is_meant(previous: Line, line: Line, margin: float) -> bool:
    return previous.is_row or line.is_row or _has_room(previous, line, margin)


def _has_room(previous: Line, line: Line, margin: float) -> bool:
    """Whether the line's first word would have fitted behind the previous line."""
    word = line.text.split(maxsplit=1)[0]
    advance = (line.right - line.left) / max(len(line.text), 1)
    column = (previous.left + margin) / 2 if line.right < margin * 0.6 else margin
    taken = (min(len(word), 12) + 2) * advance  # Chinese has no blanks: 12 is a phrase
    return previous.right + taken < (column if previous.right < column else margin)

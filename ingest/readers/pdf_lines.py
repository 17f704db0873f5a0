"""The lines of a PDF page, and paragraphs told from where the lines stand."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from ingest.readers.builder import join_lines
from rag.pdf_boxes import CharacterBoxes
from rag.pdf_text import page_text

_HYPHENS = ("\ufffe", "\x02", "\u00ad")  # how PDFium marks a hyphen that ends a line
_SENTENCE_END = tuple(".!?。！？:：;；")
ITEM = re.compile(r"[•●○▪■◆·–\-*]\s|\(?\d{1,2}[.)、）]\s?\D|[（(][一二三四五六七八九十\d]+[)）]")
_CELL_GAP = 1.2  # times the font size: wider than a blank in justified text
_TEXT_LINE, _WORD, _SURROGATE = map(re.compile, (r"[^\r\n]+", r"\S+", "[\ud800-\udfff]"))
_PARAGRAPH_PITCH = 1.35  # times the usual distance of lines
_FIGURE_ENDS = frozenset("0123456789)%-–—")

Rules = Callable[[float], Sequence[float]] | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of a line without a wide gap; edges in points."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its edges, baseline and font size in points (y grows upwards).

    `is_row` says that wide gaps part it into `cells`. `weight` is that of the lighter
    of its ends: 400 is usual, bold has 700, and some files know none.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    is_row: bool = False
    cells: tuple[Cell, ...] = ()
    weight: int = 400


def page_lines(
    textpage: Any, rules: Rules = None, hidden: frozenset[int] = frozenset()
) -> list[Line]:
    """The page's lines that hold text, in PDFium's order.

    `rules(baseline)` says where upright rules stand at a height, from the left: they part cells.
    `hidden` are the indexes of characters to leave out.
    """
    text = page_text(textpage)
    if hidden:
        text = "".join([" " if n in hidden else sign for n, sign in enumerate(text)])
    boxes = CharacterBoxes(textpage)
    lines = []
    for match in _TEXT_LINE.finditer(text):
        start = match.start()
        words = [(start + m.start(), start + m.end()) for m in _WORD.finditer(match[0])]
        if words:
            lines.append(_make_line(text, words, boxes, rules))
    return lines


def _make_line(
    text: str, words: list[tuple[int, int]], boxes: CharacterBoxes, rules: Rules
) -> Line:
    baseline, size, weight = boxes.font(words[0][0])
    parting: Sequence[float] = rules(baseline) if rules else ()
    cells: list[Cell] = []
    wide_gaps = 0
    first = words[0][0]
    left, right = boxes.edges(first)
    for (start, end), following in zip(words, [*words[1:], None], strict=True):
        if end - start > 1:
            right = boxes.edges(end - 1)[1]
        if following is None:
            cells.append(Cell(_clean(text[first:end]), left, right))
            break
        after, after_right = boxes.edges(following[0])
        is_wide = after - right > _CELL_GAP * size or (
            bisect_left(parting, after + 1) > bisect_right(parting, right - 1)
        )
        if is_wide or _is_next_sign(text, end, following):
            wide_gaps += is_wide
            cells.append(Cell(_clean(text[first:end]), left, right))
            first, left = following[0], after
        right = after_right
    if words[-1][1] - 1 > words[0][0]:
        weight = min(weight, boxes.weight(words[-1][1] - 1))
    whole = _clean(text[words[0][0] : words[-1][1]])
    parts = tuple(cells) if wide_gaps else ()
    return Line(whole, cells[0].left, right, baseline, size, bool(parts), parts, weight)


def _is_next_sign(text: str, end: int, word: tuple[int, int]) -> bool:
    """Whether the word is a currency sign that follows a figure: it belongs to the next."""
    return word[1] - word[0] == 1 and text[word[0]] in "$€£¥" and text[end - 1] in _FIGURE_ENDS


def _clean(text: str) -> str:
    """Halves of surrogate pairs made whole."""
    if _SURROGATE.search(text):
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


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
        or ITEM.match(line.text) is not None
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

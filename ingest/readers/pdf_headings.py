"""Which lines of a PDF are headings: by its outline, by number, by size, or by weight."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingest.readers.pdf_lines import Line
from ingest.readers.pdf_running import squeezed

_NUMBERED = re.compile(
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})[.、]?\s+(?=[^\W\d_])"
    r"|(?P<part>第[一二三四五六七八九十百\d]+[编篇部章])"
    r"|(?P<chapter>(?i:Chapter|Part)\s+\w+)|(?P<item>(?i:Item)\s+\d+[A-Z]?\.)"
    r"|第[一二三四五六七八九十百\d]+节|(?P<chinese>[一二三四五六七八九十]+、)"
)
_HEADING_CHARACTERS = 80
_TITLE_CHARACTERS = 160  # of one in large or bold type, its lines joined
_TITLE_LINES = 4
_OUTLINE_LINES = 3
_LARGE = 1.12  # times the body's size
_SIZES = 4  # of headings; larger ones than the fourth share its level
_BOLD_LEVEL = 6
_BOLDER = 60  # than the body, in font weight
_NO_HEADING_END = tuple(".。,，;；:：、!！?？")


@dataclass(frozen=True, slots=True)
class Typography:
    """What a document's body looks like, and the larger sizes it uses, largest first.

    `outline` are levels by squeezed title; empty if no line of the document is in it.
    """

    size: float
    weight: int
    larger: tuple[float, ...]
    outline: Mapping[str, int]


def typography(lines: Iterable[Line], outline: Mapping[str, int]) -> Typography:
    """Measure the document's lines, weighed by their length."""
    sizes: Counter[float] = Counter()
    weights: Counter[int] = Counter()
    found = False
    for line in lines:
        sizes[_rounded(line.size)] += len(line.text)
        weights[line.weight] += len(line.text)
        found = found or squeezed(line.text) in outline
    if not sizes:
        return Typography(0.0, 400, (), {})
    body = sizes.most_common(1)[0][0]
    larger = sorted((size for size in sizes if size > _LARGE * body), reverse=True)
    weight = weights.most_common(1)[0][0]
    return Typography(body, weight, tuple(larger), outline if found else {})


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def heading_at(lines: Sequence[Line], at: int, style: Typography) -> tuple[int, int] | None:
    """The level of the heading that begins here and how many lines it has; None if none does."""
    if style.outline:
        return _outlined(lines, at, style.outline)
    line = lines[at]
    is_large = _rounded(line.size) > _LARGE * style.size
    is_bold = line.weight >= style.weight + _BOLDER and line.size >= 0.95 * style.size
    level = guess_level(line.text, is_large or is_bold)
    if level is not None and not is_large and not is_bold:
        return level, 1
    if not is_large and not is_bold:
        return None
    count = _alike(lines, at)
    text = " ".join(line.text for line in lines[at : at + count])
    if not _is_title(text, count):
        return None
    if level is not None:
        return level, count
    return (_size_level(line.size, style) if is_large else _BOLD_LEVEL), count


def _outlined(lines: Sequence[Line], at: int, outline: Mapping[str, int]) -> tuple[int, int] | None:
    text = ""
    for count, line in enumerate(lines[at : at + _OUTLINE_LINES], start=1):
        text += squeezed(line.text)
        if text in outline:
            return outline[text], count
    return None


def _alike(lines: Sequence[Line], at: int) -> int:
    """How many lines from here are set in the same type, close to each other."""
    count = 1
    for before, line in zip(lines[at:], lines[at + 1 :], strict=False):
        drop = before.baseline - line.baseline
        is_close = 0 < drop < 1.9 * max(line.size, before.size)
        same = abs(line.size - before.size) < 0.5 and line.weight == before.weight
        if not (is_close and same) or _NUMBERED.match(line.text):
            break
        count += 1
    return count


def _is_title(text: str, count: int) -> bool:
    letters = sum(sign.isalpha() for sign in text)
    return (
        count <= _TITLE_LINES
        and letters >= 2
        and letters * 2 >= len(text.replace(" ", ""))
        and len(text) <= _TITLE_CHARACTERS
        and not text.endswith(_NO_HEADING_END)
    )


def _size_level(size: float, style: Typography) -> int:
    return min(style.larger.index(_rounded(size)), _SIZES - 1) + 1


def guess_level(text: str, large: bool) -> int | None:
    """The level of a short numbered line; `1. text` in body type is a list item, no heading."""
    match = _NUMBERED.match(text)
    if not match or len(text) > _HEADING_CHARACTERS or text.endswith(tuple(".。,，;；:：")):
        return None
    number = match["number"]
    if number:
        return number.count(".") + 1 if "." in number or large else None
    if match["chinese"] or match["item"]:
        return 2 if large else None
    return 1 if match["part"] or (match["chapter"] and large) else 2 if "节" in match[0] else None

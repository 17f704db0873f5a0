"""Where a quote of the stored text stands among the letters of a PDF page.

The stored text is not the page's: lines are joined, hyphens and running titles gone, columns and
cells of tables put in order. What stays is each word's letters, and mostly their order.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

CONTEXT_CHARACTERS = 400  # around a quote, to tell its occurrences on a page apart
SHORTEST_ANCHOR = 8  # letters; a shorter piece may stand on the page once by chance
SHORTEST_GUIDE = 4  # letters; a shorter piece beside the quote would take the quote's own letters
REACH = 150  # letters from where a short piece is expected; further off it is another's
LONG_RUN = 24  # letters; a run this long is no chance, wherever it stands
LEAST_SHARE = 1 / 3  # of the quote's letters; with fewer the quote is not on this page
_MOST_OCCURRENCES = 400
_PARTS = re.compile(r"[^\n|]+")
_UNITS = re.compile("[\u2e80-\u9fff\uf900-\ufaff]|[^\\s\u2e80-\u9fff\uf900-\ufaff]+")

Span = tuple[int, int]


def letters(text: str) -> str:
    """Only what survives the joining of wrapped lines: letters and digits, in lower case."""
    return "".join([sign.lower() for sign in text if sign.isalnum()])


@dataclass(slots=True)
class _Piece:
    """A line or cell of the quote or of its surroundings, and where it was found."""

    units: list[str]
    is_quoted: bool
    spans: list[Span] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.units)


def find_quote(page: str, before: str, quote: str, after: str) -> list[Span]:
    """The quote's spans in `page` (letters), in the quote's order; empty if it is not there.

    `before`, `quote` and `after` are the stored text. Pieces that the page holds once are found
    first; any other is found where the pieces around it say that it should stand.
    """
    before, after = before[-CONTEXT_CHARACTERS:], after[:CONTEXT_CHARACTERS]
    pieces = [*_split(before, False), *_split(quote, True), *_split(after, False)]
    if not any(piece.is_quoted for piece in pieces):
        return []
    used: list[Span] = []
    for piece in pieces:
        if len(piece.text) >= SHORTEST_ANCHOR and (only := _only(page, piece.text)) is not None:
            _take(piece, (only, only + len(piece.text)), used)
    _anchor_one(page, pieces, used)
    for index in _order(pieces):
        if pieces[index].is_quoted or len(pieces[index].text) >= SHORTEST_GUIDE:
            _find_piece(page, pieces, index, used)
    quoted = [index for index, piece in enumerate(pieces) if piece.is_quoted]
    spans = [span for index in quoted for span in pieces[index].spans]
    wanted = sum(len(pieces[index].text) for index in quoted)
    return _joined(spans) if sum(b - a for a, b in spans) >= LEAST_SHARE * wanted else []


def _split(text: str, is_quoted: bool) -> Iterator[_Piece]:
    for part in _PARTS.findall(text):
        units = [unit for unit in map(letters, _UNITS.findall(part)) if unit]
        if units:
            yield _Piece(units, is_quoted)


def _order(pieces: Sequence[_Piece]) -> list[int]:
    """The quoted pieces, and those between them and the nearest that is found, from there on."""
    quoted = [index for index, piece in enumerate(pieces) if piece.is_quoted]
    first, last = quoted[0], quoted[-1]
    found = [index for index, piece in enumerate(pieces) if piece.spans]
    start = max((index for index in found if index < first), default=None)
    if start is not None:
        return [index for index in range(start, last + 1) if not pieces[index].spans]
    end = min(found, default=last)  # none before the quote: from the first that follows
    backwards = [index for index in range(min(end, last), first - 1, -1) if not pieces[index].spans]
    beyond = [index for index in range(end - 1, last, -1) if not pieces[index].spans]
    onwards = [index for index in range(end + 1, last + 1) if not pieces[index].spans]
    return [*onwards, *beyond, *backwards]


def _only(page: str, text: str) -> int | None:
    at = page.find(text)
    return at if at >= 0 and page.find(text, at + 1) < 0 else None


def _take(piece: _Piece, span: Span, used: list[Span]) -> None:
    piece.spans.append(span)
    insort(used, span)


def _anchor_one(page: str, pieces: Sequence[_Piece], used: list[Span]) -> None:
    """Where the page holds no piece once: place the longest that it holds, as a first guess."""
    if any(piece.spans for piece in pieces):
        return
    for piece in sorted(pieces, key=lambda piece: -len(piece.text)):
        starts = list(_occurrences(page, piece.text))
        if starts:
            index = pieces.index(piece)
            around = ("".join(p.text for p in pieces[:index]),
                      "".join(p.text for p in pieces[index + 1 :]))  # fmt: skip
            length = len(piece.text)
            best = max(starts, key=lambda at: _likeness(page, at, at + length, *around))
            _take(piece, (best, best + length), used)
            return


def _occurrences(page: str, text: str) -> Iterator[int]:
    at = page.find(text)
    for _ in range(_MOST_OCCURRENCES):
        if at < 0:
            return
        yield at
        at = page.find(text, at + 1)


def _likeness(page: str, start: int, end: int, before: str, after: str) -> int:
    left = _shared(page[max(0, start - REACH) : start][::-1], before[::-1])
    return left + _shared(page[end : end + REACH], after)


def _shared(one: str, other: str) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _find_piece(page: str, pieces: Sequence[_Piece], index: int, used: list[Span]) -> None:
    """Find a piece whole or in runs of its words, near its found neighbours."""
    expected = _expected(pieces, index)
    piece = pieces[index]
    only = _only(page, piece.text) if expected is not None else None
    if only is not None and _is_free(only, only + len(piece.text), used):
        _take(piece, (only, only + len(piece.text)), used)
        return
    if not piece.is_quoted:  # it only leads to the quote: found whole or not at all
        start = _nearest(page, piece.text, expected, used)
        if start is not None:
            _take(piece, (start, start + len(piece.text)), used)
        return
    at = 0
    while at < len(piece.units):
        count, start = _longest_run(page, piece.units[at:], expected, used)
        if count == 0:
            at += 1
            continue
        length = sum(map(len, piece.units[at : at + count]))
        _take(piece, (start, start + length), used)
        expected = start + length
        at += count


def _expected(pieces: Sequence[_Piece], index: int) -> int | None:
    """Where the piece should begin: behind the one before it, or else ahead of the one after."""
    for distance in range(1, len(pieces)):
        before, after = index - distance, index + distance
        if before >= 0 and pieces[before].spans:
            between = sum(len(piece.text) for piece in pieces[before + 1 : index])
            return pieces[before].spans[-1][1] + between
        if after < len(pieces) and pieces[after].spans:
            between = sum(len(piece.text) for piece in pieces[index:after])
            return max(0, pieces[after].spans[0][0] - between)
    return None


def _longest_run(
    page: str, units: Sequence[str], expected: int | None, used: Sequence[Span]
) -> tuple[int, int]:
    """How many units the page holds in a row, and where; (0, 0) if not even one near enough."""
    text, best = "", (0, 0)
    for count, unit in enumerate(units, start=1):
        text += unit
        start = _nearest(page, text, expected, used)
        if start is None:
            if text not in page:
                break
            continue
        best = count, start
    return best


def _nearest(page: str, text: str, expected: int | None, used: Sequence[Span]) -> int | None:
    """The free occurrence nearest to where it is expected; a short one must be in reach."""
    if expected is None:
        only = _only(page, text)
        return only if only is not None and _is_free(only, only + len(text), used) else None
    is_long = len(text) >= LONG_RUN
    low, high = (0, len(page)) if is_long else (max(0, expected - REACH), expected + REACH)
    starts = (low + at for at in _occurrences(page[low : high + len(text)], text))
    free = (at for at in starts if _is_free(at, at + len(text), used))
    return min(free, key=lambda at: abs(at - expected), default=None)


def _is_free(start: int, end: int, used: Sequence[Span]) -> bool:
    return all(end <= a or b <= start for a, b in used)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Neighbouring spans as one."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined

"""Where a quote of the stored text stands among the letters of a PDF page.

The stored text is not the page's: lines are joined, hyphens and running titles gone, columns and
cells of tables put in order. What stays is each word's letters, and mostly their order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rag.pdf_sheet import REACH, SHORTEST_ANCHOR, Sheet, Span, occurrences, weight

CONTEXT_CHARACTERS = 400  # around a quote, to tell its occurrences on a page apart
SHORTEST_GUIDE = 4  # letters; a shorter piece beside the quote would take the quote's own letters
LEAST_SHARE = 1 / 3  # of the quote's letters; with fewer the quote is not on this page
_ROWS, _CELLS = re.compile(r"[^\n]+"), re.compile(r"[^|]+")
_UNITS = re.compile("[\u2e80-\u9fff\uf900-\ufaff]|[^\\s\u2e80-\u9fff\uf900-\ufaff]+")


def letters(text: str) -> str:
    """Only what survives the joining of wrapped lines: letters and digits, in lower case."""
    return "".join([sign.lower() for sign in text if sign.isalnum()])


@dataclass(slots=True)
class _Piece:
    """A line or cell of the quote or of its surroundings, and where it was found."""

    units: list[str]
    is_quoted: bool
    row: str  # the stored line that it stands in
    spans: list[Span] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.units)


def find_quote(
    page: str, before: str, quote: str, after: str, edges: frozenset[int] = frozenset()
) -> list[Span]:
    """The quote's spans in `page` (letters), in the quote's order; empty if it is not there.

    `before`, `quote` and `after` are the stored text; `edges` are the places in `page` where a
    word begins or ends, if known. Pieces that the page holds once are found first; any other is
    found where the pieces around it say that it should stand.
    """
    before, after = before[-CONTEXT_CHARACTERS:], after[:CONTEXT_CHARACTERS]
    pieces = [*_split(before, False), *_split(quote, True), *_split(after, False)]
    if not any(piece.is_quoted for piece in pieces):
        return []
    sheet = Sheet(page, edges)
    _anchor(sheet, pieces)
    if not any(piece.spans for piece in pieces):
        _anchor_one(sheet, pieces)
    for index in _order(pieces):
        if pieces[index].is_quoted:
            _find_quoted(sheet, pieces, index)
        elif weight(pieces[index].text) >= SHORTEST_GUIDE:
            _find_guide(sheet, pieces, index)
    quoted = [index for index, piece in enumerate(pieces) if piece.is_quoted]
    spans = [span for index in quoted for span in pieces[index].spans]
    wanted = sum(len(pieces[index].text) for index in quoted)
    return _joined(spans) if sum(b - a for a, b in spans) >= LEAST_SHARE * wanted else []


def _split(text: str, is_quoted: bool) -> Iterator[_Piece]:
    for row in _ROWS.findall(text):
        for part in _CELLS.findall(row):
            units = [unit for unit in map(letters, _UNITS.findall(part)) if unit]
            if units:
                yield _Piece(units, is_quoted, row)


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


def _anchor(sheet: Sheet, pieces: Sequence[_Piece]) -> None:
    """Place the rows, then the pieces, of which there is one only, in the text as on the page.

    Those of the quote come first: what stands around it may be the cut-off end of its equal.
    """
    pieces = sorted(pieces, key=lambda piece: not piece.is_quoted)
    for _, group in groupby(pieces, key=lambda piece: piece.row):
        row = list(group)
        text = "".join(piece.text for piece in row)
        start = sheet.only(text) if len(row) > 1 and weight(text) >= SHORTEST_ANCHOR else None
        if start is not None:
            for piece in row:
                piece.spans.append(sheet.take(start, piece.text))
                start += len(piece.text)
    pieces = [piece for piece in pieces if not piece.spans]
    counts = Counter(piece.text for piece in pieces)
    for piece in pieces:
        if weight(piece.text) >= SHORTEST_ANCHOR and counts[piece.text] == 1:
            only = sheet.only(piece.text)
            if only is not None:
                piece.spans.append(sheet.take(only, piece.text))


def _anchor_one(sheet: Sheet, pieces: Sequence[_Piece]) -> None:
    """Where the page holds no piece once: place the longest that it holds, as a first guess."""
    for piece in sorted(pieces, key=lambda piece: -len(piece.text)):
        starts = list(occurrences(sheet.text, piece.text))
        if starts:
            index = pieces.index(piece)
            around = ("".join(p.text for p in pieces[:index]),
                      "".join(p.text for p in pieces[index + 1 :]))  # fmt: skip
            length = len(piece.text)
            best = max(starts, key=lambda at: _likeness(sheet.text, at, at + length, *around))
            piece.spans.append(sheet.take(best, piece.text))
            return


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


def _find_guide(sheet: Sheet, pieces: Sequence[_Piece], index: int) -> None:
    """Find a piece that only leads to the quote: whole or not at all."""
    piece, expected = pieces[index], _expected(pieces, index)
    start = sheet.only(piece.text) if expected else None
    if start is None:
        start = sheet.nearest(piece.text, expected)
    if start is not None:
        piece.spans.append(sheet.take(start, piece.text))


def _find_quoted(sheet: Sheet, pieces: Sequence[_Piece], index: int) -> None:
    """Find a piece of the quote near its found neighbours, in runs of its words; or else afar."""
    piece, expected = pieces[index], _expected(pieces, index)
    found = _runs(sheet, piece.units, expected)
    covered = sum(count for count, _ in found.values())
    if covered < len(piece.units) or len(found) > max(2, len(piece.units) // 3):
        whole = sheet.nearest(piece.text, expected, far=True, without=found.values())
        if whole is not None:
            for _, span in found.values():
                sheet.used.remove(span)
            piece.spans.append(sheet.take(whole, piece.text))
            return
        found |= _runs_afar(sheet, piece.units, found)
    piece.spans.extend(span for _, (_, span) in sorted(found.items()))


def _runs(
    sheet: Sheet, units: Sequence[str], expected: Sequence[int]
) -> dict[int, tuple[int, Span]]:
    """What of the units is found near: the number of units and the span, by their first unit."""
    found: dict[int, tuple[int, Span]] = {}
    at = 0
    while at < len(units):
        count, start = _longest_run(sheet, units[at:], expected)
        if count:
            span = sheet.take(start, "".join(units[at : at + count]))
            found[at] = count, span
            expected = (span[1],)
        at += count or 1
    return found


def _runs_afar(
    sheet: Sheet, units: Sequence[str], found: Mapping[int, tuple[int, Span]]
) -> dict[int, tuple[int, Span]]:
    """What the page holds once, wherever, of the units that were not found near."""
    taken = {at + i for at, (count, _) in found.items() for i in range(count)}
    more: dict[int, tuple[int, Span]] = {}
    at = 0
    while at < len(units):
        end = next((i for i in range(at, len(units)) if i in taken), len(units))
        for last in range(end, at, -1):
            text = "".join(units[at:last])
            only = sheet.only(text) if weight(text) >= SHORTEST_ANCHOR else None
            if only is not None:
                more[at] = last - at, sheet.take(only, text)
                at = last - 1
                break
        at += 1
    return more


def _expected(pieces: Sequence[_Piece], index: int) -> tuple[int, ...]:
    """Where the piece should begin: behind the found one before it, ahead of the one after.

    The nearer of them counts, or both; empty if none is found.
    """
    for distance in range(1, len(pieces)):
        before, after = index - distance, index + distance
        starts = []
        if before >= 0 and pieces[before].spans:
            between = sum(len(piece.text) for piece in pieces[before + 1 : index])
            starts.append(pieces[before].spans[-1][1] + between)
        if after < len(pieces) and pieces[after].spans:
            between = sum(len(piece.text) for piece in pieces[index:after])
            starts.append(max(0, pieces[after].spans[0][0] - between))
        if starts:
            return tuple(starts)
    return ()


def _longest_run(sheet: Sheet, units: Sequence[str], expected: Sequence[int]) -> tuple[int, int]:
    """How many units the page holds in a row, and where; (0, 0) if not even one near enough."""
    text, best = "", (0, 0)
    for count, unit in enumerate(units, start=1):
        text += unit
        start = sheet.nearest(text, expected)
        if start is None:
            if text not in sheet.text:
                break
            continue
        best = count, start
    return best


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Neighbouring spans as one."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined

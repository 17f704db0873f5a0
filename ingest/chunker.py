"""Cuts documents into chunks: spans that keep to headings, paragraphs, tables and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rag.language import detect_language
from rag.sentences import split_sentences
from rag.types import Block, Chunk, Document

CHUNKER_VERSION = 4  # raise it when chunks change: documents are then read anew
MAX_CONTEXT_TOKENS = 64
FULL_ENOUGH = 0.5  # of max_tokens: a new page or table then starts a chunk of its own
SECTION_ENOUGH = 0.25  # likewise a new heading

TokenStarts = Callable[[str], npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of a long one, that no chunk divides further."""

    start: int
    end: int
    block: Block
    header: str = ""  # of a table whose first row stands in another piece


def chunk_document(
    document: Document, token_starts: TokenStarts, max_tokens: int = 256
) -> list[Chunk]:
    """The document's chunks in reading order; they hold all of its text but white space.

    A chunk has at most `max_tokens` of the encoder's tokens (give or take what its edges merge
    with), and a context of at most MAX_CONTEXT_TOKENS.
    """
    starts = token_starts(document.text)

    def count(start: int, end: int) -> int:
        return int(np.searchsorted(starts, end) - np.searchsorted(starts, start))

    pieces = [
        piece
        for block in document.blocks
        for piece in _split(document.text, block, count, starts, max_tokens)
    ]
    return [
        _make_chunk(document, group, token_starts) for group in _groups(pieces, count, max_tokens)
    ]


# Splitting what is too long


Count = Callable[[int, int], int]


def _split(
    text: str, block: Block, count: Count, starts: npt.NDArray[np.int64], max_tokens: int
) -> Iterator[_Piece]:
    # Later blocks of a long table carry its header without holding it.
    outside = "" if text.startswith(block.header, block.start) else block.header
    if count(block.start, block.end) <= max_tokens:
        yield _Piece(block.start, block.end, block, outside)
        return
    if block.kind in ("table", "code", "record"):
        spans = _lines(text, block.start, block.end)
    else:
        body = text[block.start : block.end]
        spans = [(block.start + a, block.start + b) for a, b in split_sentences(body)]
    shorter = [part for span in spans for part in _cut(text, span, count, starts, max_tokens)]
    room = max_tokens - (count(block.start, block.start + len(block.header)) if block.header else 0)
    for number, (start, end) in enumerate(_fill(shorter, count, max(room, max_tokens // 2))):
        yield _Piece(start, end, block, block.header if number else outside)


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans = []
    for line in text[start:end].splitlines(keepends=True):
        body = line.rstrip()
        if body.strip():
            spans.append((start, start + len(body)))
        start += len(line)
    return spans


def _cut(
    text: str,
    span: tuple[int, int],
    count: Count,
    starts: npt.NDArray[np.int64],
    max_tokens: int,
) -> Iterator[tuple[int, int]]:
    """Cut a span at white space, or within a word where there is none, until its parts fit."""
    start, end = span
    while count(start, end) > max_tokens:
        limit = int(starts[np.searchsorted(starts, start) + max_tokens])
        space = max(text.rfind(sign, start + 1, limit + 1) for sign in " \t\n")
        at = space if space > start + (limit - start) // 2 else limit
        if at <= start:  # one character of more tokens than may be: take it whole
            at = start + 1
        yield start, start + len(text[start:at].rstrip())
        start = at + len(text[at:end]) - len(text[at:end].lstrip())
    if start < end:
        yield start, end


def _fill(
    spans: Sequence[tuple[int, int]], count: Count, max_tokens: int
) -> Iterator[tuple[int, int]]:
    """Join neighbouring spans as long as they fit."""
    held: tuple[int, int] | None = None
    for start, end in spans:
        if held is not None and count(held[0], end) <= max_tokens:
            held = held[0], end
        else:
            if held is not None:
                yield held
            held = start, end
    if held is not None:
        yield held


# Packing what is short


def _groups(pieces: Sequence[_Piece], count: Count, max_tokens: int) -> Iterator[list[_Piece]]:
    """Neighbouring pieces that make one chunk; a heading stays with what it heads."""
    group: list[_Piece] = []
    for piece in pieces:
        if group and _starts_anew(group, piece, count, max_tokens):
            tail = _trailing_headings(group, piece, count, max_tokens)
            yield group[: len(group) - len(tail)]
            group = tail
        group.append(piece)
    if group:
        yield group


def _starts_anew(group: Sequence[_Piece], piece: _Piece, count: Count, max_tokens: int) -> bool:
    if count(group[0].start, piece.end) > max_tokens:
        return True
    if all(one.block.kind == "heading" for one in group):
        return False
    last = group[-1]
    if last.block is piece.block or last.header or piece.header:
        return True  # parts of one long block were filled as far as they may
    size = count(group[0].start, last.end) / max_tokens
    if piece.block.kind == "heading":
        return size >= SECTION_ENOUGH
    is_apart = piece.block.page != last.block.page or piece.block.kind == "table"
    return is_apart and last.block.kind != "heading" and size >= FULL_ENOUGH


def _trailing_headings(
    group: Sequence[_Piece], piece: _Piece, count: Count, max_tokens: int
) -> list[_Piece]:
    """The headings that end the group and head the piece, if there is room for both."""
    tail: list[_Piece] = []
    for one in reversed(group):
        if one.block.kind != "heading" or len(tail) == len(group) - 1:
            break
        if count(one.start, piece.end) > max_tokens:
            break
        tail.insert(0, one)
    return tail


def _make_chunk(document: Document, group: Sequence[_Piece], token_starts: TokenStarts) -> Chunk:
    start, end = group[0].start, group[-1].end
    text = document.text[start:end]
    headings = _shared_headings(document, group)
    context = _clip(_place(document.title, headings, text), token_starts)
    if group[0].header:
        context = f"{context}\n{_clip(group[0].header, token_starts)}".strip()
    return Chunk(
        start=start,
        end=end,
        text=text,
        context=context,
        headings=headings,
        page=group[0].block.page,
        language=detect_language(text),
    )


def _shared_headings(document: Document, group: Sequence[_Piece]) -> tuple[str, ...]:
    """The heading path that all of the group's content stands under."""
    paths = [one.block.headings for one in group if one.block.kind != "heading"]
    if not paths:
        block = group[-1].block
        paths = [(*block.headings, document.text[block.start : block.end])]
    shared = 0
    while all(len(path) > shared for path in paths) and len({p[shared] for p in paths}) == 1:
        shared += 1
    return paths[0][:shared]


def _place(title: str, headings: Sequence[str], text: str) -> str:
    """Title > headings, without repetitions and without a heading that opens the text."""
    path = [" ".join(part.split()) for part in (title, *headings)]
    if path and text.startswith(path[-1]) and len(path) > 1:
        path.pop()
    kept = [b for a, b in pairwise(["", *path]) if b and b.casefold() != a.casefold()]
    return " > ".join(kept)


def _clip(text: str, token_starts: TokenStarts) -> str:
    starts = token_starts(text)
    if len(starts) <= MAX_CONTEXT_TOKENS // 2:
        return text
    return text[: int(starts[MAX_CONTEXT_TOKENS // 2])].rstrip()

"""A snippet of a found text, with the words of the query marked in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.leaning import telling_words
from rag.sentences import split_sentences
from rag.words import UNSPACED, tokenize

SNIPPET_CHARACTERS = 280
MAX_ENDING = 3  # letters that an inflected word may have more: mean, meanings
MIN_STEM = 4
_RUN = re.compile(rf"[{UNSPACED}]+|(?:(?![{UNSPACED}_])\w)+")


@dataclass(frozen=True, slots=True)
class Snippet:
    """`text[start:end]` is shown; `marks` are half-open spans of the text within it, in order."""

    start: int
    end: int
    marks: tuple[tuple[int, int], ...]

    def pieces(self, text: str) -> list[tuple[str, bool]]:
        """What is shown, cut at the marks; the flag tells what is marked."""
        found, at = [], self.start
        for start, end in self.marks:
            found += [(text[at:start], False), (text[start:end], True)]
            at = end
        found.append((text[at : self.end], False))
        return [piece for piece in found if piece[0]]


def find_snippet(text: str, query: str, limit: int = SNIPPET_CHARACTERS) -> Snippet:
    """The sentences that hold most of the query's words, each word marked.

    Without any of its words, as between languages, the beginning, unmarked.
    """
    wanted = [token for word in telling_words(query) or [query] for token in tokenize(word)]
    marks = _marks(text, wanted)
    start, end = _best_window(text, [place for place, _ in marks], limit)
    kept = [(a, min(b, end)) for (a, b), _ in marks if start <= a < end]
    return Snippet(start, end, tuple(_joined(kept)))


def _marks(text: str, wanted: Sequence[str]) -> list[tuple[tuple[int, int], str]]:
    """Spans of the text that stand for a wanted token, with it, in order."""
    exact = set(wanted)
    stems: dict[str, list[str]] = {}  # by the letters that kin begin with
    for token in wanted:
        if token.isascii():
            stems.setdefault(token[:MIN_STEM], []).append(token)
    found: list[tuple[tuple[int, int], str]] = []
    for run in _RUN.finditer(text):
        if re.match(f"[{UNSPACED}]", run[0]):
            found += [
                ((run.start() + i, run.start() + i + 2), run[0][i : i + 2])
                for i in range(len(run[0]) - 1)
                if run[0][i : i + 2] in exact
            ]
            continue
        for token in tokenize(run[0])[:1]:
            alike = stems.get(token[:MIN_STEM], ())
            same = token if token in exact else next((s for s in alike if _is_kin(token, s)), "")
            if same:
                found.append((run.span(), same))
    return found


def _is_kin(word: str, other: str) -> bool:
    """Whether two words differ in their endings alone."""
    if not word.isalpha() or not other.isalpha():
        return False
    short, long = sorted((word.removesuffix("y"), other.removesuffix("y")), key=len)
    is_long_enough = len(short) >= MIN_STEM
    return is_long_enough and long.startswith(short) and len(long) - len(short) <= MAX_ENDING


def _best_window(text: str, places: Sequence[tuple[int, int]], limit: int) -> tuple[int, int]:
    """Whole sentences from the one that holds most on; a piece of it where it is too long."""
    spans = split_sentences(text) or [(0, len(text))]
    covered = [len(_inside(text, places, start, end)) for start, end in spans]
    best = max(range(len(spans)), key=lambda n: (covered[n], -n))
    start, end = spans[best]
    if end - start > limit:
        first = next((a for a, _ in places if start <= a < end), start)
        start = start if first - start < limit // 2 else _word_start(text, first - limit // 4)
        return start, min(end, start + limit)
    for _, later in spans[best + 1 :]:
        if later - start > limit:
            break
        end = later
    for earlier, _ in reversed(spans[:best]):
        if end - earlier > limit:
            break
        start = earlier
    return start, end


def _inside(text: str, places: Sequence[tuple[int, int]], start: int, end: int) -> set[str]:
    """The different words marked between two positions."""
    return {text[a:b].casefold() for a, b in places if start <= a < end}


def _word_start(text: str, position: int) -> int:
    """The first position from there on at which a word begins."""
    found = re.compile(r"(?<=\s)\S").search(text, position, position + 40)
    return found.start() if found else position


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that touch, as pairs of characters do, as one."""
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found

"""The letters of a PDF page as a quote is looked for among them."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

SHORTEST_ANCHOR = 8  # letters; a shorter piece may stand on the page once by chance
REACH = 150  # letters from where a short piece is expected; further off it is another's
LONG_RUN = 24  # letters; a run this long is no chance, wherever it stands
_MOST_OCCURRENCES = 400
_DENSE = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff]")

Span = tuple[int, int]


def weight(text: str) -> int:
    """How much a text tells, in letters of an alphabet: one of Chinese or Korean tells as two."""
    return len(text) + len(_DENSE.findall(text))


def occurrences(page: str, text: str) -> Iterator[int]:
    """Where the page holds the text, overlapping or not, within reason."""
    at = page.find(text)
    for _ in range(_MOST_OCCURRENCES):
        if at < 0:
            return
        yield at
        at = page.find(text, at + 1)


@dataclass(slots=True)
class Sheet:
    """The page's letters, the edges of its words, and which of it is found already."""

    text: str
    edges: frozenset[int]
    used: list[Span] = field(default_factory=list)

    def take(self, start: int, text: str) -> Span:
        """Keep others from what is found."""
        span = start, start + len(text)
        insort(self.used, span)
        return span

    def only(self, text: str) -> int | None:
        """Where the page holds the text, if it is once and free."""
        at = self.text.find(text)
        if at < 0 or self.text.find(text, at + 1) >= 0:
            return None
        return at if _is_free(at, at + len(text), self.used) else None

    def nearest(
        self,
        text: str,
        expected: Sequence[int],
        *,
        far: bool = False,
        without: Iterable[tuple[int, Span]] = (),
    ) -> int | None:
        """The free occurrence nearest to where it is expected; a short one must be in reach.

        `far` lets one that is no chance stand anywhere; the spans `without` count as free.
        """
        if not expected:
            return self.only(text)
        heavy = weight(text) >= (SHORTEST_ANCHOR if far else LONG_RUN)
        low, high = max(0, min(expected) - REACH), max(expected) + REACH
        low, high = (0, len(self.text)) if heavy else (low, high)
        freed = {span for _, span in without}
        used = [span for span in self.used if span not in freed] if freed else self.used
        starts = (low + at for at in occurrences(self.text[low : high + len(text)], text))
        costs = (
            (self._cost(at, len(text), expected), at)
            for at in starts
            if _is_free(at, at + len(text), used)
        )
        cost, best = min(costs, default=(0, None))
        return best if heavy or cost <= 2 * REACH else None

    def _cost(self, start: int, length: int, expected: Sequence[int]) -> int:
        """Letters from where it is expected; as a part of longer words it is unlikely."""
        is_whole = not self.edges or {start, start + length} <= self.edges
        return min(abs(start - one) for one in expected) + (0 if is_whole else REACH)


def _is_free(start: int, end: int, used: Sequence[Span]) -> bool:
    return all(end <= a or b <= start for a, b in used)

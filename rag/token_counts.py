"""Counts the tokens of long texts fast: no piece of text is counted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b

KEPT_COUNTS = 65_536  # pieces remembered, about 100 to 200 bytes each
SHORT_CHARACTERS = 64  # so short a text is remembered itself, a longer one by its digest
# Of Qwen2 to Qwen3, and of Llama 3. A match of theirs that holds a line's end
# holds nothing after it but space, and never looks back: a new line that begins with anything else
# always begins a new match. So what stands before and after such a place can be counted apart.
_LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LINE_PATTERNS = frozenset(_LETTERS + numbers + _REST for numbers in (r"\p{N}", r"\p{N}{1,3}"))
PARAGRAPH_END = "\n\n"


class TokenCounter:
    """Counts as `encode` does. Safe to use from many threads.

    With `splits_lines` the tokens of a text are those of its lines: it is counted by paragraphs,
    and a paragraph that stood in another text before is not counted again.
    """

    def __init__(self, encode: Callable[[str], list[int]], *, splits_lines: bool) -> None:
        self._encode = encode
        self._splits_lines = splits_lines
        self._young: dict[str | bytes, int] = {}
        self._old: dict[str | bytes, int] = {}

    def count(self, text: str) -> int:
        """The number of tokens, exactly."""
        if not self._splits_lines or PARAGRAPH_END not in text:
            return self._count(text)
        return sum(map(self._count, _paragraphs(text)))

    def _count(self, text: str) -> int:
        key: str | bytes = text
        if len(text) > SHORT_CHARACTERS:
            key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        number = self._young.get(key)
        if number is None:
            number = self._old.get(key)
            if number is None:
                number = len(self._encode(text)) if text else 0
            self._keep(key, number)
        return number

    def _keep(self, key: str | bytes, number: int) -> None:
        """Remember; what was not asked for while half of the room filled up is forgotten."""
        if len(self._young) >= KEPT_COUNTS // 2:
            self._old, self._young = self._young, {}
        self._young[key] = number


def _paragraphs(text: str) -> Iterator[str]:
    """The text in pieces that each end with an empty line before something that is no space."""
    first, *others = text.split(PARAGRAPH_END)
    piece = first
    for other in others:
        piece += PARAGRAPH_END
        if other and not other[0].isspace():
            yield piece
            piece = other
        else:
            piece += other
    yield piece

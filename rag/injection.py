"""Orders to a model within documents: found by their wording, and kept from the model.

The stored text stays as it is; only what the model reads of it changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rag.order_rules import ASKER_TURN, FORGED_SOURCE, MODEL_TURN, RULES
from rag.sentences import split_sentences

LEFT_OUT = "[…]"
# Tags, bidi embeddings and overrides: nobody sees them.
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_NO_WIDTH = re.compile(
    "[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f\u200b-\u200d\u2060-\u2064\ufeff\u00ad]"
)
_QUOTED = re.compile(r"[\"“「『][^\"”」』\n]{1,300}[\"”」』]")
_LOOK_ALIKES = {  # Cyrillic and Greek letters that look like Latin ones
    ord(other): latin
    for others, latin in (
        ("аα", "a"), ("сϲ", "c"), ("еε", "e"), ("һ", "h"), ("іι", "i"), ("ј", "j"), ("кκ", "k"),
        ("ӏ", "l"), ("оο", "o"), ("рρ", "p"), ("ԛ", "q"), ("ѕ", "s"), ("υ", "u"), ("ν", "v"),
        ("хχ", "x"), ("уγ", "y"), ("АΑ", "A"), ("ВΒ", "B"), ("СϹ", "C"), ("ЕΕ", "E"), ("НΗ", "H"),
        ("ІΙ", "I"), ("КΚ", "K"), ("МΜ", "M"), ("Ν", "N"), ("ОΟ", "O"), ("РΡ", "P"), ("Ѕ", "S"),
        ("ТΤ", "T"), ("ХΧ", "X"), ("УΥ", "Y"), ("Ζ", "Z"),
    )
    for other in others
}  # fmt: skip
_WIDE = {ord(sign) + 0xFEE0: sign for sign in map(chr, range(33, 127)) if sign.isalnum()}
_FOLDED = _LOOK_ALIKES | _WIDE

Span = tuple[int, int]


def as_shown(text: str) -> str:
    """The text as the model may read it; ordinary text is returned as it is."""
    return part_as_shown(text, 0, len(text))


def part_as_shown(text: str, start: int, end: int) -> str:
    """A stretch of a text as the model may read it, judged by the whole of the text."""
    parts, at = [], start
    for first, last in order_spans(text):
        if start < last and first < end:
            parts += [text[at : max(at, first)], LEFT_OUT]
            at = last
    return _UNSEEN.sub("", "".join([*parts, text[at:end]]))


def holds_order(text: str, start: int, end: int) -> bool:
    """Whether a stretch of a text is, in part, an order to a model."""
    return any(start < last and first < end for first, last in order_spans(text))


@lru_cache(maxsize=2048)
def order_spans(text: str) -> tuple[Span, ...]:
    """Where the text gives orders to a model, in order and apart from each other.

    An order reaches to the end of its line: what follows it there is what it is about.
    """
    folded, places = _fold(text)
    spans = [match.span() for match in FORGED_SOURCE.finditer(folded)]
    spans += _turns(folded)
    spans += _sentences_with_orders(folded)
    return tuple((places[start], places[stop - 1] + 1) for start, stop in _joined(spans))


def _fold(text: str) -> tuple[str, Sequence[int]]:
    """The text in plain letters without what has no width, and where each sign stands in it."""
    folded = text if text.isascii() else text.translate(_FOLDED)
    if text.isascii() or not _NO_WIDTH.search(folded):
        return folded, range(len(folded))
    places = [n for n, sign in enumerate(folded) if not _NO_WIDTH.match(sign)]
    return "".join(folded[n] for n in places), places


def _turns(text: str) -> Iterator[Span]:
    """The lines of a chat between a user and a model that a text plays."""
    if MODEL_TURN.search(text) and ASKER_TURN.search(text):
        for turn in (*ASKER_TURN.finditer(text), *MODEL_TURN.finditer(text)):
            yield turn.start(), _line_end(text, turn.end())


def _sentences_with_orders(text: str) -> Iterator[Span]:
    """From each sentence that is an order to the end of its line; what is quoted is none."""
    lowered = text.lower()
    rules = [rule for rule in RULES if any(word in lowered for word in rule.words)]
    masked = _QUOTED.sub(_mask, text) if rules else text
    rules = [rule for rule in rules if rule.pattern.search(masked)]
    for start, stop in split_sentences(text) if rules else ():
        if any(rule.pattern.search(masked[start:stop]) for rule in rules):
            yield start, start + len(text[start : _line_end(text, stop)].rstrip())


def _mask(quoted: re.Match[str]) -> str:
    return f"“{'_' * (len(quoted[0]) - 2)}”"


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end == -1 else end


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that overlap as one."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined

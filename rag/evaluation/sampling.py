"""Draws sentences out of an index, spread over its languages, kinds of file and documents."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from pathlib import PurePath

from rag.catalog import Catalog
from rag.sentences import split_sentences
from rag.types import StoredChunk
from rag.words import tokenize

NUM_RIVALS = 8  # chunks of which the one is taken whose kind and document were drawn least
MIN_TOKENS, MAX_TOKENS = 8, 80  # of a sentence that can be asked about
MIN_LETTERS = 0.5  # of its characters, white space aside


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence, and the chunk that it stands in: `document.text[start:end]`."""

    chunk: StoredChunk
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.chunk.text[self.start - self.chunk.start : self.end - self.chunk.start]

    @property
    def kind(self) -> str:
        """The kind of file, by its suffix."""
        return kind_of(self.chunk.path)


def kind_of(path: str) -> str:
    """The suffix of a path, without its dot; "" without one."""
    return PurePath(path).suffix.casefold().removeprefix(".")


def draw_evidence(catalog: Catalog, seed: int) -> Iterator[Evidence]:
    """A sentence of every chunk that has a fit one, in an order that the seed gives for an index.

    A language comes by the root of its share, so that small ones are asked about too.
    """
    chance = random.Random(seed)
    left = {}
    for language, ids in sorted(catalog.chunk_ids_by_language().items()):
        left[language] = ids.tolist()
        chance.shuffle(left[language])
    weights = {language: sqrt(len(ids)) for language, ids in left.items()}
    drawn: Counter[tuple[str, str]] = Counter()
    while left:
        (language,) = chance.choices(list(left), [weights[one] for one in left])
        chunk = _least_drawn(catalog, left[language], drawn)
        if not left[language]:
            del left[language]
        if chunk is None:
            continue
        fit = [span for span in split_sentences(chunk.text) if _is_fit(chunk.text, *span)]
        if fit:
            drawn.update(_tallies(chunk))
            start, end = chance.choice(fit)
            yield Evidence(chunk, chunk.start + start, chunk.start + end)


def _least_drawn(
    catalog: Catalog, ids: list[int], drawn: Counter[tuple[str, str]]
) -> StoredChunk | None:
    """One of the last few of the ids, which it leaves; None if it is gone."""
    rivals = ids[-NUM_RIVALS:]
    chunks = catalog.chunks_by_ids(rivals)
    if not chunks:
        del ids[-NUM_RIVALS:]
        return None
    best = min(
        (one for one in rivals if one in chunks),
        key=lambda one: [drawn[tally] for tally in _tallies(chunks[one])],
    )
    ids.remove(best)
    return chunks[best]


def _tallies(chunk: StoredChunk) -> list[tuple[str, str]]:
    return [("kind", kind_of(chunk.path)), ("path", chunk.path)]


def _is_fit(text: str, start: int, end: int) -> bool:
    """Whether a sentence of a text can be asked about; the head of a table cannot."""
    sentence = text[start:end]
    if text[end:].lstrip().startswith("| ---"):
        return False
    characters = "".join(sentence.split())
    letters = sum(character.isalpha() for character in characters)
    has_length = MIN_TOKENS <= len(tokenize(sentence)) <= MAX_TOKENS
    return has_length and letters >= MIN_LETTERS * len(characters)

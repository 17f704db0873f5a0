"""Sentence vectors that the index holds are looked up where an answer is checked, not made anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np

from rag.encoder import Encoder, TextEncoder, Vectors
from rag.sentence_vectors import sentences_of
from rag.types import Passage

RECENT_SENTENCES = 16_384  # of 384 dimensions 25 MB: the short ones, which no index holds


class Sentences(Protocol):
    """What is asked of a catalog."""

    def sentences_within(
        self, document_id: int, start: int, end: int, dimension: int
    ) -> list[tuple[str, Vectors]]: ...


class KnownSentences:
    """Gives each answer an encoder of its own. Without a catalog, one that looks nothing up."""

    def __init__(self, encoder: Encoder, catalog: Sentences | None = None) -> None:
        self._encoder = encoder
        self._catalog = catalog
        self._recent = Recent()

    def encoder_of(self, passages: Sequence[Passage]) -> TextEncoder:
        """An encoder of the passages' sentences. Not for several threads at once."""
        return PassageEncoder(self._encoder, passages, self._catalog, self._recent)


class Recent:
    """The vectors of what was encoded last, for all answers. Safe to use from many threads.

    What one answer has encoded just now others wait for: many at once ask for the same passages.
    """

    def __init__(self, limit: int = RECENT_SENTENCES) -> None:
        self._limit = limit
        self._held: OrderedDict[str, Vectors] = OrderedDict()
        self._coming: dict[str, Future[Vectors]] = {}
        self._lock = threading.Lock()

    def encode(
        self, text_of: Mapping[str, str], encode: Callable[[list[str]], Vectors]
    ) -> dict[str, Vectors]:
        """The vector (d,) of each text by its name. Raises what `encode` raised, for others too."""
        with self._lock:
            found = {name: self._held[name] for name in text_of if name in self._held}
            for name in found:
                self._held.move_to_end(name)
            rest = [name for name in text_of if name not in found]
            awaited = {name: self._coming[name] for name in rest if name in self._coming}
            own: dict[str, Future[Vectors]] = {n: Future() for n in rest if n not in awaited}
            self._coming |= own
        if own:
            found |= self._make(own, [text_of[name] for name in own], encode)
        return found | {name: future.result() for name, future in awaited.items()}

    def _make(
        self,
        own: Mapping[str, Future[Vectors]],
        texts: list[str],
        encode: Callable[[list[str]], Vectors],
    ) -> dict[str, Vectors]:
        """Encode, and hand the vectors to those who wait."""
        try:
            # Rows alone, not the block that they are part of.
            made = {name: row.copy() for name, row in zip(own, encode(texts), strict=True)}
        except BaseException as error:
            self._settle(own, {})
            for future in own.values():
                future.set_exception(error)
            raise
        self._settle(own, made)
        for name, future in own.items():
            future.set_result(made[name])
        return made

    def _settle(self, own: Iterable[str], made: Mapping[str, Vectors]) -> None:
        with self._lock:
            for name in own:
                del self._coming[name]
            self._held |= made
            for name in made:
                self._held.move_to_end(name)
            while len(self._held) > self._limit:
                self._held.popitem(last=False)


class PassageEncoder:
    """Encodes each text at most once, and what the index holds not at all.

    Looked up vectors are off by what the catalog's rounding costs, see rag/sentence_vectors.py.
    """

    def __init__(
        self,
        encoder: Encoder,
        passages: Sequence[Passage],
        catalog: Sentences | None,
        recent: Recent,
    ) -> None:
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._passages = passages
        self._catalog = catalog
        self._recent = recent
        self._vectors: dict[str, Vectors] | None = None

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""
        if self._vectors is None:
            self._vectors = self._look_up()
        names = [_one_line(text) for text in texts]
        text_of = dict(zip(names, texts, strict=True))
        missing = {name: text for name, text in text_of.items() if name not in self._vectors}
        self._vectors |= self._recent.encode(missing, self._encoder.encode_documents)
        found = [self._vectors[name] for name in names]
        return np.stack(found) if found else np.zeros((0, self.dimension), np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""
        return self._encoder.encode_queries(texts)

    def _look_up(self) -> dict[str, Vectors]:
        known: dict[str, Vectors] = {}
        if self._catalog is None:
            return known
        for passage in self._passages:
            held = self._catalog.sentences_within(
                passage.document_id, passage.start, passage.end, self.dimension
            )
            for text, vectors in held:
                sentences = sentences_of(text)
                if len(sentences) == len(vectors):  # else they were cut by another version
                    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # 1, but for rounding
                    known.update(zip(sentences, vectors / np.maximum(lengths, 0.5), strict=True))
        return known


def _one_line(text: str) -> str:
    """As the sentences of an index are written."""
    return " ".join(text.split())

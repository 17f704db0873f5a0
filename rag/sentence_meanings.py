"""How near statements are to the sentences of passages, encoding no more of these than it must."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rag.encoder import TextEncoder, Vectors

MOST_SENTENCES = 400  # that one statement may have encoded: some seconds on a processor


class SentenceMeanings:
    """Cosines with the sentences of numbered passages. Not for several threads at once.

    Of more than `most` sentences a statement is compared with those that share the most words with
    it, and those of the passages that are named first; what was encoded before always counts, and
    the rest has a cosine of 0.
    """

    def __init__(
        self,
        sentences: Mapping[int, Sequence[str]],
        words: Mapping[int, Sequence[Collection[str]]],
        encoder: TextEncoder,
        most: int = MOST_SENTENCES,
    ) -> None:
        self._encoder = encoder
        self._most = most
        self._texts = [text for held in sentences.values() for text in held]
        self._words = [one for number in sentences for one in words[number]]
        ends = np.cumsum([0, *map(len, sentences.values())])
        self._places = {
            number: slice(int(first), int(last))
            for number, first, last in zip(sentences, ends, ends[1:], strict=False)
        }
        self._vectors = np.zeros((len(self._texts), encoder.dimension), np.float32)
        self._is_known = np.zeros(len(self._texts), dtype=bool)
        self._last: tuple[str, Vectors] | None = None

    def similarities(
        self, statement: str, words: Collection[str], first: Sequence[int] = ()
    ) -> dict[int, Vectors]:
        """Of each passage the (n,) cosines of its sentences with the statement of these words."""
        self._encode(self._wanted(set(words), first))
        row = self._vector(statement)
        cosines = self._vectors @ row
        return {number: cosines[place] for number, place in self._places.items()}

    def _wanted(self, words: set[str], first: Sequence[int]) -> list[int]:
        if len(self._texts) <= self._most:
            return list(range(len(self._texts)))
        shared = np.array([len(words.intersection(one)) for one in self._words], np.float32)
        for number in first:
            if number in self._places:
                shared[self._places[number]] += 1
        return np.argsort(-shared, kind="stable")[: self._most].tolist()  # type: ignore[no-any-return]

    def _encode(self, wanted: Sequence[int]) -> None:
        missing = [index for index in wanted if not self._is_known[index]]
        if missing:
            texts = [self._texts[index] for index in missing]
            self._vectors[missing] = self._encoder.encode_documents(texts)
            self._is_known[missing] = True

    def _vector(self, statement: str) -> Vectors:
        if self._last is None or self._last[0] != statement:
            self._last = statement, self._encoder.encode_queries([statement])[0]
        return self._last[1]

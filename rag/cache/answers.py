"""The cache of answers and searches: exact, or of a question that is nearly the same."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable
from collections.abc import Generator as Iteration
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from rag.cache.keys import same_question
from rag.cache.tolerant import TolerantStore
from rag.errors import SearchError
from rag.language import detect_language
from rag.lossless import from_json, to_json
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerText,
    CitationFound,
    Found,
    SourcesFound,
)

MAX_BYTES = 64 << 20  # of an entry when it is unpacked: a broken one must not fill the memory
_FIGURE = re.compile(r"\w*\d\w*")

_SIMILAR = {
    "en": "This answer was written for a similar question: {}",
    "zh": "这个回答是为一个相近的问题写的：{}",
}

Outcome = Literal["hit", "near", "miss"]
Encode = Callable[[str], npt.NDArray[np.float32]]  # a question's embedding (d,), a unit vector
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer and the pieces it came in: texts, and places of citations in `answer.citations`."""

    answer: Answer
    pieces: tuple[str | int, ...]

    @classmethod
    def of(cls, answer: Answer, events: Iterable[AnswerEvent]) -> KeptAnswer:
        """From what was streamed; texts between two citations become one.

        Raises ValueError if the events do not make up the answer.
        """
        pieces: list[str | int] = []
        count = 0
        for event in events:
            if isinstance(event, CitationFound):
                pieces.append(count)
                count += 1
            elif isinstance(event, AnswerText):
                if pieces and isinstance(pieces[-1], str):
                    pieces[-1] += event.text
                else:
                    pieces.append(event.text)
        kept = cls(answer, tuple(pieces))
        expected = 0 if answer.structured else len(answer.citations)  # JSON carries no labels
        if count != expected or kept._text().strip() != answer.text:
            raise ValueError("what was streamed is not the answer")
        return kept

    def _text(self) -> str:
        citations = self.answer.citations
        return "".join(p if isinstance(p, str) else citations[p].label for p in self.pieces)

    def replay(self) -> Iteration[AnswerEvent, None, None]:
        """The sources and the pieces as they came; the finished answer is not among them."""
        answer = self.answer
        yield SourcesFound(answer.passages, answer.hits, answer.found, answer.packing)
        for piece in self.pieces:
            if isinstance(piece, str):
                yield AnswerText(piece)
            else:
                yield CitationFound(answer.citations[piece])


class AnswerCache:
    """Keeps answers and searches in a store. Safe to use from many threads.

    With a `similarity` below 1 an answer also serves a question whose embedding is as near, if
    the figures in both are the same and all else of its key is.
    """

    def __init__(self, store: TolerantStore, similarity: float = 1.0) -> None:
        self._store = store
        self.reject = store.reject
        self.similarity = similarity

    def answer(self, key: str) -> KeptAnswer | None:
        return self._get(key, KeptAnswer)

    def found(self, key: str) -> Found | None:
        return self._get(key, Found)

    def near_answer(self, family: str, question: str, encode: Encode) -> KeptAnswer | None:
        """The answer to the nearest question, if it is near enough; a note says to which."""
        entries = self._store.family(family)
        vector = encode(question) if entries else np.zeros(0, np.float32)
        near = [(_cosine(vector, raw), key) for key, raw in entries]
        for cosine, key in sorted(near, reverse=True):
            if cosine < self.similarity:
                break
            kept = self._get(key, KeptAnswer)
            if kept is not None and _figures(kept.answer.question) == _figures(question):
                return kept
        return None

    def keep_answer(
        self,
        key: str,
        kept: KeptAnswer,
        family: str = "",
        vector: npt.NDArray[np.float32] | None = None,
    ) -> None:
        raw = b"" if vector is None else vector.astype("<f4").tobytes()
        self._store.put(key, pack(kept), family if raw else "", raw)

    def keep_found(self, key: str, found: Found) -> None:
        self._store.put(key, pack(found))

    def close(self) -> None:
        self._store.close()

    def _get(self, key: str, kind: type[Value]) -> Value | None:
        raw = self._store.get(key)
        if raw is None:
            return None
        try:
            return unpack(kind, raw)
        except (ValueError, SearchError):  # damaged, or of another version
            self._store.remove(key)
            return None


def pack(value: object) -> bytes:
    """As compressed JSON."""
    return zlib.compress(json.dumps(to_json(value), separators=(",", ":")).encode("ascii"), 1)


def unpack(kind: type[Value], raw: bytes) -> Value:
    """What was packed. Raises ValueError if it is no such thing."""
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(raw, MAX_BYTES)
        if not unpacker.eof:
            raise ValueError("too long, or cut off")
        return from_json(kind, json.loads(text))
    except (zlib.error, RecursionError) as error:
        raise ValueError(str(error)) from error


def as_cached(answer: Answer, question: str, timings_ms: dict[str, float]) -> Answer:
    """A kept answer as one to the question asked now, with what it took now."""
    found = answer.found
    if found is not None:
        found = replace(found, timings_ms={"total": timings_ms["retrieve"]}, cached=True)
        if note := near_note(answer.question, question):
            found = replace(found, notes=(*found.notes, note))
    return replace(answer, question=question, found=found, timings_ms=timings_ms, cached=True)


def _figures(question: str) -> list[str]:
    return sorted(_FIGURE.findall(question.casefold()))


def _cosine(vector: npt.NDArray[np.float32], raw: bytes) -> float:
    """Of unit vectors; one of another length is like nothing."""
    if len(raw) != 4 * len(vector):
        return -1.0
    return float(vector @ np.frombuffer(raw, dtype="<f4"))


def near_note(answered: str, asked: str) -> str:
    """That the answer was written for another question; "" where it was not."""
    if same_question(answered) == same_question(asked):
        return ""
    return _SIMILAR.get(detect_language(asked), _SIMILAR["en"]).format(answered)

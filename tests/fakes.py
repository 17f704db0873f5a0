"""Fakes with a meaning, shared by the tests."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rag import rewriter, self_check
from rag.types import Message, Passage

# A word, one character of an unspaced script, or one sign.
_TOKENS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7ff]|[^\W_]+|[^\w\s]|_")


class Clock:
    """Seconds that stand still until a test sets them, or go on by a step at each look."""

    def __init__(self, now: float = 1_000_000.0, step: float = 0.0) -> None:
        self.now, self._step = now, step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


class WordEncoder:
    """Counts words: the similarity of two texts is the exact cosine of their word counts.

    Case does not count; a Chinese character is a word; signs are tokens but not words. `documents`
    and `queries` are the texts encoded so far. Words share a dimension by chance (1 in 1024).
    """

    def __init__(self, dimension: int = 1024, max_tokens: int = 500, name: str = "words") -> None:
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.fingerprint = f"{name}-{dimension}"
        self.documents: list[str] = []
        self.queries: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, d), unit rows."""
        self.documents.extend(texts)
        return self._encode(texts)

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, d), unit rows."""
        self.queries.extend(texts)
        return self._encode(texts)

    def token_starts(self, text: str) -> npt.NDArray[np.int64]:
        """The character at which each word or sign starts."""
        return np.array([found.start() for found in _TOKENS.finditer(text)], dtype=np.int64)

    def _encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                row[1 + zlib.crc32(word.encode()) % (self.dimension - 1)] += 1
            if not row.any():
                row[0] = 1  # a text without words is like nothing but another such text
            row /= np.linalg.norm(row)
        return rows


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [token for token in _TOKENS.findall(text.lower()) if token[0].isalnum()]


class ScriptedGeneration:
    """Gives its text in pieces of a few characters, as a model's tokens come."""

    def __init__(
        self, text: str, prompt_tokens: int, error: Exception | None, *, is_cut: bool = False
    ) -> None:
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self.is_closed = False
        self._text = text
        self._error = error
        self._is_cut = is_cut

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self._text), 3):
            if self.is_closed:
                return
            self.completion_tokens += 1
            yield self._text[start : start + 3]
        if self._error is not None:
            raise self._error
        self.finish_reason = "length" if self._is_cut else "stop"

    def close(self) -> None:
        self.is_closed = True


class ScriptedGenerator:
    """Answers with the next text of a script; a word is a token, a turn costs four more.

    `verdict` is its word on whether quotes answer a question, `rewriting` what it makes of a
    follow-up question; these take nothing of the script. With `is_cut` its texts end at the limit
    of their tokens.
    """

    name = "scripted"

    def __init__(
        self,
        *script: str,
        max_model_len: int = 4000,
        error: Exception | None = None,
        verdict: str = "Yes",
        rewriting: str = "",
        is_cut: bool = False,
    ) -> None:
        self.max_model_len = max_model_len
        self.prompts: list[list[Message]] = []
        self.checks: list[list[Message]] = []
        self.rewritings: list[list[Message]] = []
        self.avoided: list[str] = []
        self.generations: list[ScriptedGeneration] = []
        self._script = list(script)
        self._error = error
        self._verdict = verdict
        self._rewriting = rewriting
        self._is_cut = is_cut

    def count_tokens(self, text: str) -> int:
        return len(_TOKENS.findall(text))

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        return 4 + sum(4 + self.count_tokens(message.content) for message in messages)

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        avoid: str = "",
        schema: Mapping[str, Any] | None = None,
    ) -> ScriptedGeneration:
        num_tokens = self.count_chat_tokens(messages)
        assert num_tokens + max_tokens <= self.max_model_len
        if messages[0].content == self_check.SYSTEM:
            self.checks.append(list(messages))
            return ScriptedGeneration(self._verdict, num_tokens, None)
        if messages[0].content == rewriter.SYSTEM:
            self.rewritings.append(list(messages))
            return ScriptedGeneration(self._rewriting, num_tokens, self._error)
        self.avoided.append(avoid)
        self.prompts.append(list(messages))
        text = self._script[min(len(self.prompts), len(self._script)) - 1]
        self.generations.append(
            ScriptedGeneration(text, num_tokens, self._error, is_cut=self._is_cut)
        )
        return self.generations[-1]

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """The verdict is certain."""
        verdict = "".join(self.generate(messages, max_tokens=2)).strip(" *.").casefold()
        return tuple(0.0 if verdict.startswith(word.casefold()) else -20.0 for word in words)

    def close(self) -> None:
        pass


def passage(text: str, number: int = 1, **others: Any) -> Passage:
    """A passage of a document that holds nothing else."""
    fields: dict[str, Any] = {
        "document_id": number, "path": f"/docs/{number}.txt", "title": f"Document {number}",
        "headings": (), "page": None, "start": 0, "end": len(text), "score": 1.0,
    }  # fmt: skip
    return Passage(number=number, text=text, **(fields | others))

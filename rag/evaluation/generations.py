"""What a language model wrote before, so that a change of the checks is measured without asking."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.generate import Generation, Generator
from rag.types import Message

Keep = Callable[[str, Mapping[str, Any]], None]

_MARK = re.compile(r"(?<=sources )[0-9a-f]{8}(?=>)")  # of the fence around sources, ever another


class RememberingGenerator:
    """A generator that asks the model once for each prompt, and keeps what it wrote.

    `kind` tells models of one name apart that may write otherwise, such as by their weights. Only
    answers at temperature 0 that came to their end are kept. `is_fresh` asks anew, and keeps the
    new answer. Safe to use from many threads; `remembered` and `asked` count.
    """

    def __init__(
        self, generator: Generator, path: Path, *, kind: str = "", is_fresh: bool = False
    ) -> None:
        self.name = generator.name
        self.max_model_len = generator.max_model_len
        self.remembered = self.asked = 0
        self._generator = generator
        self._kind = kind
        self._is_fresh = is_fresh
        self._lock = threading.Lock()
        self._thread = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, check_same_thread=False)
        self._file.execute("CREATE TABLE IF NOT EXISTS said (key TEXT PRIMARY KEY, value TEXT)")

    def count_tokens(self, text: str) -> int:
        """Tokens of a bare text."""
        return self._generator.count_tokens(text)

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt."""
        return self._generator.count_chat_tokens(messages)

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        avoid: str = "",
        schema: Mapping[str, Any] | None = None,
    ) -> Generation:
        """As the model does; remembered text comes in the same pieces."""
        key = self._key(messages, max_tokens, temperature, avoid, schema)
        if (value := self._recall(key)) is not None:
            return _Remembered(value)
        generation = self._generator.generate(
            messages, max_tokens=max_tokens, temperature=temperature, avoid=avoid, schema=schema
        )
        return generation if temperature else _Kept(generation, key, self._keep)

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """As the model does."""
        key = self._key(messages, list(words))
        if (value := self._recall(key)) is not None:
            return tuple(value["weights"])
        weights = self._generator.weigh(messages, words)
        self._keep(key, {"weights": weights})
        return weights

    def close(self) -> None:
        """Let the model and the memory go."""
        self._generator.close()
        with self._lock:
            self._file.close()

    def take_count(self) -> int:
        """How many answers this thread has been given from memory since it last asked."""
        count = getattr(self._thread, "count", 0)
        self._thread.count = 0
        return count

    def _key(self, messages: Sequence[Message], *parts: Any) -> str:
        said = [(message.role, _MARK.sub("", message.content)) for message in messages]
        text = json.dumps(
            [self.name, self._kind, self.max_model_len, said, parts], ensure_ascii=False
        )
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _recall(self, key: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._file.execute("SELECT value FROM said WHERE key = ?", (key,)).fetchone()
            if row is None or self._is_fresh:
                self.asked += 1
                return None
            self.remembered += 1
        self._thread.count = getattr(self._thread, "count", 0) + 1
        value: dict[str, Any] = json.loads(row[0])
        return value

    def _keep(self, key: str, value: Mapping[str, Any]) -> None:
        with self._lock, self._file:
            text = json.dumps(value, ensure_ascii=False)
            self._file.execute("INSERT OR REPLACE INTO said VALUES (?, ?)", (key, text))


class _Remembered:
    """Gives what was written before."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.prompt_tokens = int(value["prompt_tokens"])
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self._value = value
        self._is_closed = False

    def __iter__(self) -> Iterator[str]:
        for piece in self._value["pieces"]:
            if self._is_closed:
                return
            yield piece
        self.completion_tokens = int(self._value["completion_tokens"])
        self.finish_reason = self._value["finish_reason"]

    def close(self) -> None:
        self._is_closed = True


class _Kept:
    """Gives what the model writes, and keeps it if it comes to its end."""

    def __init__(self, generation: Generation, key: str, keep: Keep) -> None:
        self.prompt_tokens = generation.prompt_tokens
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self._generation, self._key, self._keep = generation, key, keep

    def __iter__(self) -> Iterator[str]:
        pieces = []
        for piece in self._generation:
            pieces.append(piece)
            yield piece
        counts = {
            "prompt_tokens": self._generation.prompt_tokens,
            "completion_tokens": self._generation.completion_tokens,
            "finish_reason": self._generation.finish_reason,
        }
        if self._generation.finish_reason in ("stop", "length"):
            self._keep(self._key, {"pieces": pieces, **counts})

    def close(self) -> None:
        """Stop writing, and take over what was counted."""
        self._generation.close()
        self.prompt_tokens = self._generation.prompt_tokens
        self.completion_tokens = self._generation.completion_tokens
        self.finish_reason = self._generation.finish_reason

"""Stops a question's model from outside, even while it reads a prompt and has written nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from rag.errors import GenerationError
from rag.generate import Generation, Generator
from rag.types import Message

STOPPED = "The answer was stopped."


class Closable(Protocol):
    """A generation, or something else that a question waits for."""

    def close(self) -> None: ...


Held = TypeVar("Held", bound=Closable)


class Stopper:
    """Holds what a question's model is writing; `stop`, from any thread, closes it at once.

    After that the model writes nothing more for this question: asking raises GenerationError.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[Closable] = []
        self._is_stopped = False

    def stop(self) -> None:
        """Close what is being written; harmless when all has ended."""
        with self._lock:
            self._is_stopped = True
            generations, self._open = self._open, []
        for generation in generations:
            generation.close()

    def check(self) -> None:
        """Raises GenerationError once it was stopped."""
        if self._is_stopped:
            raise GenerationError(STOPPED)

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped

    def hold(self, held: Held) -> Held:
        """Close it with the question. Raises GenerationError if that was stopped meanwhile."""
        with self._lock:
            if not self._is_stopped:
                self._open.append(held)
                return held
        held.close()
        raise GenerationError(STOPPED)


class StoppableGenerator:
    """A generator as one question uses it."""

    def __init__(self, generator: Generator, stopper: Stopper) -> None:
        self._generator, self._stopper = generator, stopper
        self.name, self.max_model_len = generator.name, generator.max_model_len

    def count_tokens(self, text: str) -> int:
        return self._generator.count_tokens(text)

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
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
        self._stopper.check()
        generation = self._generator.generate(
            messages, max_tokens=max_tokens, temperature=temperature, avoid=avoid, schema=schema
        )
        return self._stopper.hold(generation)

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        self._stopper.check()
        return self._generator.weigh(messages, words)

    def close(self) -> None:
        """The generator is not this question's to close."""

"""Language models, behind one small interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from rag.types import Message


class Generation(Protocol):
    """One answer being written: an iterator of text pieces. Leaving it early must `close` it.

    The counts are exact once the iterator has ended. Iterating raises GenerationError.
    """

    prompt_tokens: int
    completion_tokens: int
    finish_reason: str | None

    def __iter__(self) -> Iterator[str]: ...

    def close(self) -> None:
        """Stop writing; harmless when it has ended."""


class Generator(Protocol):
    """A language model. Safe to use from many threads; simultaneous answers are batched."""

    name: str
    max_model_len: int

    def count_tokens(self, text: str) -> int:
        """Tokens of a bare text."""

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt, chat template and the answer's opening included."""

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        avoid: str = "",
        schema: Mapping[str, Any] | None = None,
    ) -> Generation:
        """Begin to write an answer that does not begin as `avoid` does, where tokens are known.

        With a JSON `schema` what is written is JSON that it allows, unless cut off. Raises
        GenerationError if the prompt does not fit.
        """

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """The log-probability that an answer begins as each word does; () where none is known.

        The words' first tokens count, so these must differ. Raises GenerationError.
        """

    def close(self) -> None:
        """Free the model; answers under way end with GenerationError."""

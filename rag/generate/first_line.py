"""One line from a model: a question rewritten, or one made up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from rag.generate import Generator
from rag.types import Message


def first_line(
    generator: Generator, prompt: Sequence[Message], *, max_tokens: int, max_characters: int
) -> str:
    """The first line that the model writes; "" if it is cut off or the prompt leaves no room.

    Raises GenerationError if the model fails.
    """
    if generator.max_model_len - generator.count_chat_tokens(prompt) < max_tokens:
        return ""
    text = ""
    with closing(generator.generate(prompt, max_tokens=max_tokens)) as generation:
        for piece in generation:
            text += piece
            if "\n" in text.strip() or len(text) > max_characters:
                break
        is_cut = generation.finish_reason == "length" or len(text) > max_characters
    lines = text.strip().splitlines()
    return "" if is_cut or not lines else lines[0].strip()

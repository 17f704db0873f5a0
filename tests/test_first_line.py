from __future__ import annotations

import pytest
from fakes import ScriptedGenerator

from rag.generate.first_line import first_line
from rag.types import Message

PROMPT = [Message("user", "Write.")]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("One line.\nAnother.", "One line."),
        ("\n  One line. ", "One line."),
        ("", ""),
        ("x" * 41, ""),
    ],
)
def test_the_first_line_counts_if_it_is_whole(written: str, line: str) -> None:
    generator = ScriptedGenerator(written)
    assert first_line(generator, PROMPT, max_tokens=20, max_characters=40) == line


def test_without_room_nothing_is_asked() -> None:
    generator = ScriptedGenerator("One line.")
    line = first_line(generator, PROMPT, max_tokens=generator.max_model_len, max_characters=40)
    assert line == "" and generator.generations == []

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.repetition import until_repeated


def pieces(text: str, size: int, closed: list[bool]) -> Generator[str, None, None]:
    try:
        for start in range(0, len(text), size):
            yield text[start : start + size]
    finally:
        closed.append(True)


def cut(text: str, size: int = 3) -> str:
    closed: list[bool] = []
    kept = "".join(until_repeated(pieces(text, size, closed)))
    assert closed == [True]
    return kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1. Run the command again now.\n2. Run the command again now.\n3. Run", 2),
        ("例如，要查看软件包的依赖关系，可以运行这个命令。" * 3, 2),
        ("Yes. Yes. Yes. Yes.\n", 4),
    ],
)
def test_a_long_sentence_ends_it_where_it_comes_again(text: str, kept: int) -> None:
    word = "Yes" if "Yes" in text else "command" if "command" in text else "例如"
    assert text.startswith(cut(text)) and cut(text).count(word) == kept


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=8), st.integers(1, 9))
def test_what_does_not_repeat_is_left_alone(numbers: list[int], size: int) -> None:
    names = ["".join(chr(ord("a") + int(d)) for d in str(n)) for n in numbers]
    text = " ".join(f"The answer that is called {name} holds.\n" for name in names)
    assert cut(text, size) == text

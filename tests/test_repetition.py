from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.repetition import MAX_VARIANTS, MAX_WIDE_VARIANTS, until_repeated


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


@pytest.mark.parametrize(
    "text",
    [
        "Revenue in 2021 was 5 million euros [1]. Revenue in 2022 was 6 million euros [2]. "
        "Revenue in 2023 was 7 million euros [3]. ",
        "- Model X100 has a warranty of 2 years [1]\n- Model X200 has a warranty of 3 years [1]\n"
        "- Model X300 has a warranty of 5 years [1]\n",
        "2021年公司营业收入总额为人民币5亿元[1]。2022年公司营业收入总额为人民币6亿元[2]。"
        "2023年公司营业收入总额为人民币7亿元[3]。",
        "The dose of the medicine is 1.5 ml. The dose of the medicine is 15 ml. ",
    ],
)
def test_other_figures_say_something_new(text: str) -> None:
    assert cut(text) == text


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Run the command {n} again and then wait.\n", MAX_VARIANTS + 1),
        ("Row {n} of the listing holds {n} articles.\n", MAX_WIDE_VARIANTS + 1),
    ],
)
def test_counting_on_and_on_ends_too(sentence: str, kept: int) -> None:
    text = "".join(sentence.format(n=n) for n in range(100))
    assert cut(text, 1).count("\n") == kept


def test_the_number_of_a_citation_makes_nothing_new() -> None:
    text = "The pump is red and rather large [1]. The pump is red and rather large [2]. More. "
    assert "More" not in cut(text)

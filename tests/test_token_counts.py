from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import rag.token_counts
from rag.token_counts import TokenCounter


class Lines:
    """An encoder whose tokens never cross into a new paragraph: words and runs of space."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def __call__(self, text: str) -> list[int]:
        self.encoded.append(text)
        return [0] * (len(text.split()) + text.count("\n"))


texts = st.lists(st.sampled_from(["word " * 20, "x", "\n\n", "\n", " ", "长" * 60]), max_size=20)


@given(parts=texts)
def test_counts_what_the_encoder_counts(parts: list[str]) -> None:
    text = "".join(parts)
    assert TokenCounter(Lines(), splits_lines=True).count(text) == len(Lines()(text))
    assert TokenCounter(Lines(), splits_lines=False).count(text) == len(Lines()(text))


def test_no_paragraph_is_encoded_twice() -> None:
    encode = Lines()
    counter = TokenCounter(encode, splits_lines=True)
    one, two = "first " * 20 + "\n\n", "second " * 20 + "\n\n"
    assert counter.count(one + two) == counter.count(two) + counter.count(one) == 44
    assert encode.encoded == [one, two]


def test_an_encoder_that_looks_across_lines_is_given_the_whole() -> None:
    encode = Lines()
    text = "first " * 20 + "\n\n" + "second"
    TokenCounter(encode, splits_lines=False).count(text)
    assert encode.encoded == [text]


def test_what_is_remembered_has_a_bound() -> None:
    encode = Lines()
    counter = TokenCounter(encode, splits_lines=True)
    limit = rag.token_counts.KEPT_COUNTS
    for number in range(limit + limit // 2):
        counter.count(f"{number} " * 40)
    assert len(counter._young) + len(counter._old) <= limit
    num_encoded = len(encode.encoded)
    counter.count(f"{limit} " * 40)
    assert len(encode.encoded) == num_encoded

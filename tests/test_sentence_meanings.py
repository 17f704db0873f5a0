from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from fakes import WordEncoder
from hypothesis import given
from hypothesis import strategies as st

from rag.encoder import Vectors
from rag.sentence_meanings import SentenceMeanings
from rag.words import tokenize

PASSAGES = {
    1: ["The pump holds 1,400 litres.", "It is painted blue."],
    2: [],
    5: ["Cats sleep all day.", "Dogs bark at night.", "The pump is loud."],
}


class Counting(WordEncoder):
    """Remembers which sentences it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.encoded += texts
        return super().encode_documents(texts)


def meanings(encoder: WordEncoder, most: int, passages: dict[int, list[str]]) -> SentenceMeanings:
    words = {n: [set(tokenize(text)) for text in held] for n, held in passages.items()}
    return SentenceMeanings(passages, words, encoder, most)


def test_few_sentences_are_all_compared() -> None:
    encoder = WordEncoder()
    found = meanings(encoder, 5, PASSAGES).similarities("the pump", ["the", "pump"])
    row = encoder.encode_queries(["the pump"])[0]
    for number, held in PASSAGES.items():
        expected = encoder.encode_documents(held) @ row if held else np.zeros(0)
        np.testing.assert_allclose(found[number], expected, rtol=1e-6)


def test_of_many_those_that_share_words_are_encoded_and_none_twice() -> None:
    encoder = Counting()
    some = meanings(encoder, 2, PASSAGES)
    found = some.similarities("the pump", ["the", "pump"])
    assert encoder.encoded == [PASSAGES[1][0], PASSAGES[5][2]]
    assert found[5][0] == found[5][1] == 0 and found[5][2] > 0
    some.similarities("the pump", ["the", "pump"])
    assert len(encoder.encoded) == 2


def test_the_passages_named_first_are_preferred() -> None:
    encoder = Counting()
    meanings(encoder, 3, PASSAGES).similarities("nothing of it", ["nothing"], [5, 7])
    assert encoder.encoded == PASSAGES[5]


@pytest.mark.parametrize("passages", [{}, {1: []}])
def test_without_sentences_nothing_is_near(passages: dict[int, list[str]]) -> None:
    found = meanings(WordEncoder(), 3, passages).similarities("x", ["x"])
    assert [one.size for one in found.values()] == [0] * len(passages)


words = st.sampled_from(["pump", "cat", "dog", "blue", "loud", "night", "day", "sleep"])
sentences = st.lists(words, min_size=1, max_size=4).map(" ".join)


@given(
    st.dictionaries(st.integers(1, 9), st.lists(sentences, max_size=4), max_size=5),
    st.lists(sentences, min_size=1, max_size=4),
    st.integers(1, 6),
)
def test_no_statement_has_more_encoded_than_it_may(
    passages: dict[int, list[str]], statements: list[str], most: int
) -> None:
    encoder = Counting()
    some = meanings(encoder, most, passages)
    for statement in statements:
        before = len(encoder.encoded)
        found = some.similarities(statement, statement.split())
        assert len(encoder.encoded) - before <= most
        assert {n: len(one) for n, one in found.items()} == {
            n: len(held) for n, held in passages.items()
        }

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rag.sentence_vectors import MAX_SENTENCES, pack_vectors, sentences_of, unpack_vectors


def test_short_sentences_go_with_a_neighbour_and_a_single_one_stands_for_itself() -> None:
    text = "The pump holds forty litres of water. Yes. It was repaired in the year 2019. Good."
    assert sentences_of(text) == [
        "The pump holds forty litres of water.",
        "Yes. It was repaired in the year 2019. Good.",
    ]
    assert sentences_of("The pump holds forty litres of water.") == []
    assert sentences_of("") == []


def test_rows_of_a_table_are_sentences() -> None:
    rows = [f"| pump number {n} | two years of warranty |" for n in range(3)]
    assert sentences_of("\n".join(rows)) == rows


@given(st.lists(st.text(st.sampled_from("ab 。.!?\n|"), max_size=40), max_size=60))
def test_sentences_hold_all_of_the_text_or_none(parts: list[str]) -> None:
    text = " ".join(parts)
    found = sentences_of(text)
    assert len(found) != 1 and len(found) <= MAX_SENTENCES
    if found:
        assert "".join("".join(found).split()) == "".join(text.split())


values = st.floats(-1, 1, width=32, allow_subnormal=False)


@given(arrays(np.float32, st.tuples(st.integers(0, 9), st.just(5)), elements=values))
def test_packing_loses_less_than_a_two_hundredth(vectors: Any) -> None:
    packed = pack_vectors(vectors)
    (found,) = unpack_vectors([packed], 5)
    greatest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    assert found.shape == vectors.shape
    assert np.all(np.abs(found - vectors) <= greatest / 200 + 1e-7)

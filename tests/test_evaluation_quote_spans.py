from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.quote_spans import find_quote


@pytest.mark.parametrize(
    ("text", "quote", "expected"),
    [
        ("See [the plan](https://x.org/a_b) **today**.", "See the plan today.", "See [the plan]"),
        ("| Team | wg_ are\ntemporary |", "Team wg_ are  temporary", "Team | wg_ are\ntemporary"),
        ("<b>We</b> meet", "We meet", "We</b> meet"),
        ("押金为五百元。", "押金，为五百元", "押金为五百元"),
        ("ßa Straße", "STRASSE", None),  # one sign stands for one: not found, not misplaced
        ("An artist", "art", None),
        ("in 1308", "308", None),
        ("nothing of it", "", None),
        ("x", "—", None),
    ],
)
def test_a_quote_is_found_by_its_letters(text: str, quote: str, expected: str | None) -> None:
    found = [text[start:end] for start, end in find_quote(text, quote)]
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1 and found[0].startswith(expected)


def test_a_quote_put_together_is_found_by_its_sentences() -> None:
    first, second = "Every group has a channel of its own.", "All of them are public to the team."
    text = f"{first} Something else stands here. {second}"
    spans = find_quote(text, f"{first} ... {second} Short one.")
    assert [text[start:end] for start, end in spans] == [first[:-1], second[:-1]]


def test_every_place_counts() -> None:
    assert find_quote("a pump, a pump", "A pump.") == [(0, 6), (8, 14)]


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_spans_lie_in_the_text(text: str, start: int, end: int) -> None:
    for first, last in find_quote(text, text[start:end]):
        assert 0 <= first < last <= len(text)
        assert text[first].isalnum() and text[last - 1].isalnum()

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. It pours!", ["It rains.", "It pours!"]),
        ("Dr. Smith paid 3.5 EUR, i.e. too much. So be it.", None),
        ("See Fig. 3 for the value. Then stop.", ["See Fig. 3 for the value.", "Then stop."]),
        ("J. R. Tolkien wrote. He did.", ["J. R. Tolkien wrote.", "He did."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("保修期为两年。加热底座除外！真的吗？", ["保修期为两年。", "加热底座除外！", "真的吗？"]),
        ("他说：“走吧。”然后离开。", ["他说：“走吧。”", "然后离开。"]),
        ("| a | b. c |\n| d | e |", ["| a | b. c |", "| d | e |"]),
        ("- one thing\n- another thing", ["- one thing", "- another thing"]),
        ("No. 5 is alive. Number six is not.", ["No. 5 is alive.", "Number six is not."]),
        ("Version 2.0.1 is out. Get it.", ["Version 2.0.1 is out.", "Get it."]),
        ("यह पहला वाक्य है। यह दूसरा है।", ["यह पहला वाक्य है।", "यह दूसरा है।"]),
        ("It was 1998. Then came 1999.", ["It was 1998.", "Then came 1999."]),
    ],
)
def test_examples(text: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = ["Dr. Smith paid 3.5 EUR, i.e. too much.", "So be it."]
    assert sentences(text) == expected


def test_a_line_broken_to_fit_a_page_goes_on() -> None:
    wrapped = (
        "The authors of this manual have taken great care to describe what the\n"
        "program does, and why. Send them word of what is wrong.\n"
        "Short heading\n"
        "Another line"
    )
    assert [" ".join(s.split()) for s in sentences(wrapped)] == [
        "The authors of this manual have taken great care to describe what the program does, "
        "and why.",
        "Send them word of what is wrong.",
        "Short heading",
        "Another line",
    ]


@given(st.text(alphabet='ab A.!?。，！\n|-0 "”…e.g', max_size=120))
def test_spans_are_in_order_and_hold_everything_but_space(text: str) -> None:
    spans = split_sentences(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert all(text[a:b] == text[a:b].strip() for a, b in spans)
    held = "".join(text[a:b] for a, b in spans)
    assert "".join(held.split()) == "".join(text.split())

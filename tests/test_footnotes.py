"""An answer that is copied with its citations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chat.footnotes import QUOTE_CHARACTERS, checked_line, one_line, with_footnotes
from rag.types import Answer, Citation


def citation(marker: int, quote: str, *, page: int | None = 3, supported: bool = True) -> Citation:
    verdict: Any = "supported" if supported else "unsupported"
    return Citation(
        marker, 7, f"Title {marker}", "/d/a.pdf", page, f"Title {marker} > B", 10 * marker,
        10 * marker + len(quote), quote, verdict,
    )  # fmt: skip


def answer(text: str, *citations: Citation) -> Answer:
    return Answer("q", text, False, citations, (), (), 0, 0, "m")


def test_each_number_is_listed_once_with_its_place_and_quotes() -> None:
    told = answer(
        "A b.[2] C d.[1] E f.[2] G h.[2?]\n",
        citation(2, "a  b"),
        citation(1, "| c | d |", page=None),
        citation(2, "a  b"),
        citation(2, "x", supported=False),
    )
    assert with_footnotes(told, "en") == (
        "A b.[2] C d.[1] E f.[2] G h.[2?]\n\n**Sources**\n\n"
        "- [1] Title 1, B: “c · d”\n"
        "- [2] Title 2, Page 3, B: “a b” “x” (not borne out by the source)"
    )
    assert "第 3 页" in with_footnotes(told, "zh") and "**来源**" in with_footnotes(told, "zh")


def test_without_citations_the_text_stands_alone() -> None:
    assert with_footnotes(answer("No answer was found. "), "en") == "No answer was found."


def test_a_long_quote_is_cut() -> None:
    told = with_footnotes(answer("A.[1]", citation(1, "word " * 400)), "en")
    assert QUOTE_CHARACTERS < len(told) < QUOTE_CHARACTERS + 100 and "…”" in told


@pytest.mark.parametrize(
    ("text", "citations", "said", "holds"),
    [
        ("A.", (), "", True),
        ("A.[1]", (True,), "the citation is borne out", True),
        ("A.[1] B.[1]", (True, True), "all 2 citations", True),
        ("A.[1] B.[1?]", (True, False), "1 of 2 statements is not", False),
        ("A.[1?] B.[?]", (False,), "2 of 2 statements are not", False),
    ],
)
def test_how_the_check_came_out(
    text: str, citations: tuple[bool, ...], said: str, holds: bool
) -> None:
    told = answer(text, *(citation(1, "a", supported=one) for one in citations))
    line, held = checked_line(told, "en")
    assert said in line and held == holds and bool(line) == bool(said)
    assert bool(checked_line(told, "zh")[0]) == bool(said)


@given(st.text(alphabet="ab |\n", max_size=40))
def test_a_quote_is_one_line_with_all_its_letters(text: str) -> None:
    line = one_line(text)
    assert "\n" not in line and line == " ".join(line.split())
    assert [sign for sign in line if sign in "ab"] == [sign for sign in text if sign in "ab"]

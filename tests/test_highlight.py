"""Snippets with the query's words marked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.highlight import find_snippet

LONG = "It is quiet here. " * 30


def marked(text: str, query: str) -> list[str]:
    return [text[a:b] for a, b in find_snippet(text, query).marks]


@pytest.mark.parametrize(
    ("text", "query", "words"),
    [
        ("Switch the lamp off.", "What does a lamp do?", ["lamp"]),
        ("The policies hold. Meanings differ.", "policy meaning", ["policies", "Meanings"]),
        ("An office is off.", "off", ["off"]),
        ("Lamps, LAMP and clamps", "lamp", ["Lamps", "LAMP"]),
        ("Code E12 and ERR-4012.", "what is E12?", ["E12"]),
        ("国内出差的餐饮补助是95元。", "出差餐饮补助是多少？", ["出差", "餐饮补助"]),
        ("The pump is blue.", "国内出差", []),
        ("No word of it.", "", []),
    ],
)
def test_words_are_marked(text: str, query: str, words: list[str]) -> None:
    assert marked(text, query) == words


def test_the_sentence_that_holds_most_is_shown() -> None:
    text = f"{LONG}The lamp is hot. Switch the lamp off for 20 minutes. {LONG}"
    shown = find_snippet(text, "lamp minutes", limit=80)
    piece = text[shown.start : shown.end]
    assert "20 minutes" in piece and len(piece) <= 80
    assert [word for word, is_marked in shown.pieces(text) if is_marked][-1] == "minutes"


def test_a_long_sentence_is_cut_near_the_word() -> None:
    text = "and so on " * 100 + "the lamp " + "and so on " * 100
    shown = find_snippet(text, "lamp", limit=100)
    assert "lamp" in text[shown.start : shown.end] and shown.start > 0


PARTS = st.sampled_from([*"lamp 灯光出差95.。\n|", "lamp ", "E12 "])
TEXT = st.lists(PARTS, max_size=100).map("".join)


@given(TEXT, TEXT, st.integers(20, 200))
def test_pieces_make_up_what_is_shown(text: str, query: str, limit: int) -> None:
    shown = find_snippet(text, query, limit)
    assert 0 <= shown.start <= shown.end <= len(text)
    assert shown.end - shown.start <= limit
    assert "".join(piece for piece, _ in shown.pieces(text)) == text[shown.start : shown.end]
    assert all(a < b for a, b in shown.marks)
    assert all(before[1] < after[0] for before, after in pairwise(shown.marks))

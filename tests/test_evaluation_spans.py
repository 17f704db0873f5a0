from __future__ import annotations

from collections.abc import Sequence
from math import inf, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.question_files import Place, Question
from rag.evaluation.spans import (
    GAIN,
    RECALL_5,
    RECALL_10,
    measure_positions,
    position,
    search_enough,
    still_there,
    usual_characters,
)
from rag.types import Hit, StoredChunk


def hit(rank: int, start: int, end: int, path: str = "/a") -> Hit:
    text = "x" * (end - start)
    return Hit(rank, 1.0, StoredChunk(rank, 1, path, "", 0, start, end, text, (), None, "en"))


def cut(size: int, length: int = 1000) -> list[Hit]:
    """A document in passages, in reading order."""
    starts = range(0, length, size)
    return [hit(rank, at, min(at + size, length)) for rank, at in enumerate(starts, start=1)]


@given(st.integers(0, 9))
def test_with_passages_of_the_usual_length_a_position_is_the_rank(index: int) -> None:
    places = [Place("/a", 100 * index + 20, 100 * index + 60)]
    assert position(cut(100), places, 100) == index + 1


@given(st.integers(0, 19), st.sampled_from([50, 100, 200, 500, 1000]))
def test_longer_passages_take_their_length(index: int, size: int) -> None:
    start = 50 * index
    at = position(cut(size), [Place("/a", start, start + 50)], 100)
    assert at == max(1.0, (start // size + 1) * size / 100)


def test_a_passage_holds_a_sentence_by_half_of_it() -> None:
    places = [Place("/a", 90, 110)]
    assert position([hit(1, 0, 100)], places, 100) == 1.0
    assert position([hit(1, 0, 99)], places, 100) == inf
    assert position([hit(1, 0, 100, "/b")], places, 100) == inf
    assert position([hit(1, 0, 100, "/b")], [*places, Place("/b", 3, 9)], 100) == 1.0


def test_measures() -> None:
    found = measure_positions({"a": 1.0, "b": 5.5, "c": 10.0, "d": 10.1, "e": inf})
    assert found[GAIN] == pytest.approx({
        "a": 1.0, "b": 1 / log2(6.5), "c": 1 / log2(11), "d": 0.0, "e": 0.0,
    })  # fmt: skip
    assert list(found[RECALL_5].values()) == [1, 0, 0, 0, 0]
    assert list(found[RECALL_10].values()) == [1, 1, 1, 0, 0]


def test_the_usual_length() -> None:
    assert usual_characters(cut(100)) == 100
    assert usual_characters([*cut(100), hit(11, 0, 5000)]) == 100  # the first ten
    assert usual_characters([]) == 1


def test_deeper_hits_come_after_those_that_people_get() -> None:
    asked: list[int] = []

    def search(query: str, top_k: int) -> Sequence[Hit]:
        asked.append(top_k)
        return cut(10)[:top_k] if top_k == 5 else cut(10)[:top_k][::-1]

    assert [one.rank for one in search_enough(search, "q", 5, 50)] == [1, 2, 3, 4, 5]
    assert asked == [5]
    deep = [one.rank for one in search_enough(search, "q", 5, 51)]
    assert deep[:5] == [1, 2, 3, 4, 5] and sorted(deep) == list(range(1, 81))


def test_places_follow_a_changed_document() -> None:
    question = Question("q", "?", "the pump", (Place("/a", 4, 12), Place("/gone", 0, 8)))
    texts = {"/a": "See the pump."}
    assert still_there(question, texts.get) == Question("q", "?", "the pump", (Place("/a", 4, 12),))
    texts["/a"] = "Now see the pump."
    moved = still_there(question, texts.get)
    assert moved is not None and moved.places == (Place("/a", 8, 16),)
    assert still_there(question, {}.get) is None

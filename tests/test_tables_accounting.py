from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_tables_select import table_of

from rag.tables.accounting import is_filling, left_over, stem
from rag.tables.mentions import normalized

TRIPS = table_of("driver|distance_km|仓库", "Bo|3|一号", "Al|4|二号", name="van-trips")


@pytest.mark.parametrize(
    ("one", "other"),
    [("orders", "ordered"), ("driver", "driven"), ("sold", "sales"), ("shipped", "ship"),
     ("arrivals", "arrive"), ("ticket", "tickets")],
)  # fmt: skip
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_short_words_are_kept_whole() -> None:
    assert stem("red") == "red" and stem("as") == "as"


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("What is the total distance in km of the van trips?", []),
        ("What is the total distance by bicycle?", ["bicycle"]),
        ("仓库有多少个？", []),
        ("仓库里的猫有多少只？", ["猫", "只"]),
        ("Сколько distance?", ["сколько"]),
        ("total distance für Bo", ["für", "bo"]),
        ("How many warehouses are there?", []),  # 仓库 is one
    ],
)
def test_what_nothing_accounts_for(question: str, left: list[str]) -> None:
    assert left_over(normalized(question), [], TRIPS) == left


def test_a_span_and_known_words_are_accounted_for() -> None:
    asked = "total of zorblax and quux"
    assert left_over(asked, [(9, 16)], TRIPS) == ["quux"]
    assert left_over(asked, [(9, 16)], TRIPS, "", ["Quux Ltd"]) == []


@given(st.text(max_size=60))
@example("in_")
def test_only_words_of_the_question_are_left(text: str) -> None:
    asked = normalized(text)
    left = left_over(asked, [], TRIPS)
    assert all(word in asked and not is_filling(word) for word in left)
    assert left_over(asked, [(0, len(asked))], TRIPS) == []

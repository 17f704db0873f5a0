from __future__ import annotations

import random

import pytest
from rapidfuzz.distance import OSA

from rag.lexical import LexicalIndex
from rag.spelling import nearest_term, respelled, with_respellings

WORDS = [
    "warranty", "pump", "election", "president", "amphibious", "transformation", "government",
    "mathematics", "hydrogen", "parliament", "university", "temperature", "volcano", "imperial",
    "constitution", "straße", "größe",
]  # fmt: skip


@pytest.fixture(scope="module")
def index() -> LexicalIndex:
    made = LexicalIndex(None)
    rows = [(n, f"the {word} of the house is old", "en") for n, word in enumerate(WORDS, 1)]
    rows += [(100 + n, "the president and the government meet", "en") for n in range(3)]
    made.apply([*rows, (200, "水泵的保修期为两年 ERR-4012", "zh")], [], 1)
    return made


@pytest.mark.parametrize(
    ("text", "respelling"),
    [
        ("the waranty of the pump", "the warranty of the pump"),
        ("the pump's WARRANTTY?", "the pump's warranty?"),
        ("electoin of the presidnet", "election of the president"),
        ("the tranfsormatoin of the house", "the transformation of the house"),
        ("lection of the house", "election of the house"),
        ("vulcano", "volcano"),
        ("the warranty of the pump", ""),
        ("the cat of the house", ""),  # too short to be told from another word
        ("ERR-4021 of the house", ""),
        ("E_FIAL of the house", ""),
        ('the "waranty" of the house', ""),  # it is to be found as it is
        ("Garantie Pumpe Wasser", ""),  # another language
        ("水泵的保休期", ""),
        ("", ""),
    ],
)
def test_unknown_words_become_the_nearest_known(
    index: LexicalIndex, text: str, respelling: str
) -> None:
    assert respelled(text, index) == respelling


def test_the_wording_asked_for_stays(index: LexicalIndex) -> None:
    asked, notes = with_respellings(["the waranty", "the pump"], index)
    assert asked == ["the waranty", "the pump", "the warranty"]
    assert notes == ["searched also for: the warranty"]
    assert with_respellings(["the pump"], index) == (["the pump"], [])


def test_another_ending_is_searched_for_but_is_no_slip_to_tell(index: LexicalIndex) -> None:
    asked, notes = with_respellings(["the elections of the pumps"], index)
    assert asked[1:] == ["the election of the pump"] and notes == []
    asked, notes = with_respellings(["the elections of the vulcano"], index)
    assert notes == ["searched also for: the election of the volcano"]


def test_words_that_questions_are_made_of_are_no_slips() -> None:
    made = LexicalIndex(None)
    made.apply([(1, "such revenue is thin and witty, a chat of the seller", "en")], [], 1)
    assert respelled("how much revenue is this with the seller", made) == ""
    assert respelled("such revanue of the seller", made) == "such revenue of the seller"


def test_a_slip_anywhere_is_undone(index: LexicalIndex) -> None:
    chance = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for word in (w for w in WORDS if w.isascii() and len(w) > 4):
        for place in range(len(word)):
            letter = chance.choice(letters)
            for slip in (
                word[:place] + word[place + 1 :],
                word[:place] + letter + word[place:],
                word[:place] + letter + word[place + 1 :],
                word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
            ):
                if len(slip) >= 4 and not index.count(slip):
                    assert nearest_term(slip, index) == word, slip


def test_what_is_found_is_as_near_as_any_term(index: LexicalIndex) -> None:
    for slip in ("governmint", "presidant", "universty", "xyzzyxyz", "imperials"):
        best = min(OSA.distance(slip, word) for word in WORDS)
        near = nearest_term(slip, index)
        assert OSA.distance(slip, near) == best if best <= 2 else near == ""

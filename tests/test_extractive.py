from __future__ import annotations

from typing import Any

import pytest
from fakes import WordEncoder, passage

from rag.generate.extractive import extract_answer

PASSAGES = [
    passage("Pumps are blue. The warranty of the pump lasts two years. Is the pump warranted?"),
    passage("Cats sleep all day long.", 2),
]


def test_the_best_sentence_is_quoted_with_its_marker() -> None:
    answer = extract_answer("How long does the warranty of the pump last", PASSAGES, WordEncoder())
    assert answer == "The warranty of the pump lasts two years. [1]"


def test_what_the_question_names_to_the_letter_counts_most() -> None:
    rows = "| E21 | fault code of the stage encoder |\n| E12 | fault code of the hot lamp |"
    answer = extract_answer("fault code of the stage E12", [passage(rows)], WordEncoder())
    assert answer == "| E12 | fault code of the hot lamp | [1]"


def test_nothing_near_is_no_answer() -> None:
    assert extract_answer("Who painted the ceiling?", PASSAGES, WordEncoder()) == ""
    assert extract_answer("Who?", [], WordEncoder()) == ""


def test_repeated_sentences_count_once_and_the_number_is_bounded() -> None:
    same = [passage("The warranty lasts two years here.", n) for n in range(1, 6)]
    question = "warranty lasts two years here"
    assert extract_answer(question, same, WordEncoder()).count("[") == 1
    text = "\n".join(f"The warranty lasts two years {n}." for n in "abcdef")
    answer = extract_answer("the warranty lasts two years", [passage(text)], WordEncoder())
    assert answer.count("[1]") == 3


@pytest.mark.model
def test_with_the_real_encoder(encoder: Any) -> None:
    passages = [
        passage("保修期为两年，加热底座不在保修范围之内。水壶的容量为一点七升，壶身为不锈钢。"),
        passage("The kettle is sold in three colours: red, blue and white.", 2),
    ]
    assert "保修期为两年" in extract_answer("这个水壶的保修期是多长时间？", passages, encoder)
    assert "[2]" in extract_answer("Which colours of the kettle are sold?", passages, encoder)


@pytest.mark.model
def test_the_row_of_the_code_that_is_asked_for_is_quoted(encoder: Any) -> None:
    rows = (
        "| E21 | Stage encoder lost | Call the service desk |\n"
        "| E12 | Lamp over 85 degrees Celsius | Switch off for 20 minutes, clean the fan grille |"
    )
    answer = extract_answer("What does fault code E12 mean?", [passage(rows)], encoder)
    assert answer.startswith("| E12 |") and "E21" not in answer

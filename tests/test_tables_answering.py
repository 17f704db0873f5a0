from __future__ import annotations

import pytest
from test_tables_compute import ask

SALES = "Region,Quarter,Units sold\nNordics,Q1,48\nNordics,Q4,67\nIberia,Q1,29\nIberia,Q4,38\n"


def test_a_cell_is_read_by_rule_and_its_row_cited(tmp_path_factory: pytest.TempPathFactory) -> None:
    question = "How many units did the Nordics region sell in the fourth quarter?"
    answer = ask(tmp_path_factory, question, ("sales.csv", SALES))
    assert answer.text.startswith("Units sold is 67") and answer.completion_tokens == 0
    assert answer.computation is not None and answer.computation.rows_used == 1
    (citation,) = answer.citations
    assert "| Nordics | Q4 | 67 |" in citation.quote


def test_a_question_without_words_of_computing_is_looked_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    question = "What is the phone of Ana?"
    text = "Name,Phone,Desk\nAna,ext 12,4\nBo,ext 13,5\nCy,ext 14,6\n"
    answer = ask(tmp_path_factory, question, ("people.csv", text))
    assert answer.text.startswith("Phone is ext 12")


def test_a_cell_that_two_tables_have_is_left_to_the_model(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    question = "How many units did the Nordics region sell in the fourth quarter?"
    other = SALES.replace("67", "76")
    answer = ask(tmp_path_factory, question, ("sales.csv", SALES), ("sales-old.csv", other))
    assert answer.computation is None


def test_another_column_is_not_read_for_what_is_asked(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    question = "What is the profit of the Nordics in Q4?"
    answer = ask(tmp_path_factory, question, ("sales.csv", SALES))
    assert answer.computation is None


def test_an_empty_cell_is_no_highest_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = "Region,Quarter,Revenue\nEast,Q1,\nWest,Q1,5\nWest,Q2,7\n"
    answer = ask(tmp_path_factory, "What is the highest revenue in the East?", ("s.csv", text))
    assert answer.computation is None and "could not be computed" in answer.text

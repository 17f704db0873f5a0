from __future__ import annotations

import pytest
from fakes import WordEncoder, passage

from rag.disagreement import describe, find_disagreements
from rag.support import SupportChecker
from rag.types import Disagreement, Passage

OLD = passage("The notice period of a contract is 30 days.", 1, path="/d/rules-2023-01-01.md")
NEW = passage("Smoking is forbidden. The notice period of a contract is 45 days.", 2,
              path="/d/rules-2024-06-30.md")  # fmt: skip
QUESTION = "How long is the notice period?"


def find(statement: str, *sources: Passage, question: str = QUESTION) -> list[Disagreement]:
    checker = SupportChecker(sources, WordEncoder(), question)
    return find_disagreements(checker.cite(statement, [1]), sources, question)


def test_another_version_with_another_figure_is_told_with_both_dates() -> None:
    (found,) = find("The notice period of a contract is 30 days", OLD, NEW)
    assert (found.first.quote, found.first_date) == (OLD.text, "2023-01-01")
    assert found.second.quote == "The notice period of a contract is 45 days."
    assert found.second_date == "2024-06-30"
    assert NEW.text[found.second.start : found.second.end] == found.second.quote
    before, between = describe(found, QUESTION)
    assert before.startswith("\n\nThe sources disagree: Document 1 (2023-01-01): “The notice")
    assert between.startswith("; Document 2 (2024-06-30): “The notice")


def test_in_chinese() -> None:
    old = passage("合同的通知期为三十天，双方均须遵守。", 1, path="/d/制度2023-01-01.md")
    new = passage("合同的通知期为四十五天，双方均须遵守。", 2, path="/d/制度2024-01-01.md")
    question = "通知期多长？"
    (found,) = find("合同的通知期为三十天", old, new, question=question)
    assert describe(found, question)[0].startswith("\n\n来源之间不一致：")


@pytest.mark.parametrize(
    "other",
    [
        passage("The notice period of a contract is 30 days.", 2),  # the same
        passage("The trial period of a new lamp is 45 days in the shop.", 2),  # something else
        passage("The notice period of a contract is 45 EUR.", 2),  # another unit
        passage("| notice period of a contract | 45 days |", 2),  # a table
        passage("The notice period of a contract is 45 days.", 2, document_id=1),  # same document
        passage("The notice period of a contract is long.", 2),
    ],
)
def test_what_is_no_disagreement(other: Passage) -> None:
    assert find("The notice period of a contract is 30 days", OLD, other) == []


def test_a_figure_of_the_question_tells_which_thing_is_meant() -> None:
    seven = passage("The lamp number 7 burns for 30 hours a day.", 1)
    eight = passage("The lamp number 8 burns for 40 hours a day.", 2)
    statement, question = "The lamp number 7 burns for 30 hours a day", "How long burns lamp 7?"
    assert find(statement, seven, eight, question=question) == []
    other = passage("The lamp number 7 burns for 40 hours a day.", 2)
    assert len(find(statement, seven, other, question=question)) == 1


def test_a_statement_that_is_not_borne_out_starts_none() -> None:
    assert find("The notice period of a contract is 31 days", OLD, NEW) == []

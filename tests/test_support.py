from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fakes import WordEncoder, passage
from hypothesis import given
from hypothesis import strategies as st

from rag.encoder import Vectors
from rag.fault_texts import explain
from rag.support import SupportChecker

TEXT = "The pump holds 1,400 litres. It is painted blue. The warranty lasts two years."
PASSAGES = [
    passage(TEXT, 1, start=100, end=100 + len(TEXT), page=4, headings=("Pump", "Data")),
    passage("Cats sleep all day. Dogs bark at night.", 2),
]


@pytest.fixture
def checker() -> SupportChecker:
    return SupportChecker(PASSAGES, WordEncoder())


def test_a_statement_is_bound_to_the_sentence_that_bears_it_out(checker: SupportChecker) -> None:
    (found,) = checker.cite("The warranty lasts two years", [1])
    assert found.supported and found.quote == "The warranty lasts two years."
    assert (found.marker, found.document_id, found.page, found.heading) == (1, 1, 4, "Pump > Data")
    assert TEXT[found.start - 100 : found.end - 100] == found.quote


def test_a_wrong_number_is_not_borne_out(checker: SupportChecker) -> None:
    assert checker.cite("The pump holds 1400 litres", [1])[0].supported
    (found,) = checker.cite("The pump holds 1500 litres", [1])
    assert not found.supported and found.label == "[1?]"


def test_a_number_may_be_written_in_words(checker: SupportChecker) -> None:
    assert checker.cite("The warranty lasts 2 years", [1])[0].supported


def test_the_passage_that_does_bear_it_out_is_cited_instead(checker: SupportChecker) -> None:
    (found,) = checker.cite("Cats sleep all day", [1])
    assert (found.marker, found.supported) == (2, True)


class Near:
    """Everything is equally near."""

    dimension = 2

    def __init__(self, cosine: float) -> None:
        self._row = np.array([[cosine, (1 - cosine**2) ** 0.5]], np.float32)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._row.repeat(len(texts), axis=0)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return np.array([[1, 0]] * len(texts), np.float32)


def test_a_source_in_another_language_must_be_nearer_where_it_is_not_named() -> None:
    statement, sources = "Every copy is checked on Fridays", [passage("不及格者可以补考一次。", 1)]
    for cosine, is_named, is_found in (
        (0.79, False, False),
        (0.82, True, False),
        (0.85, True, True),
    ):
        checker = SupportChecker(sources, Near(cosine))
        assert checker.cite(statement, [1])[0].supported is is_named
        assert (checker.attribute(statement) is not None) is is_found


def test_a_number_that_counts_lines_is_no_figure_of_the_statement() -> None:
    sources = [passage("五、报销期限与票据", 1), passage("副本保存五年。", 2)]
    (found,) = SupportChecker(sources, Near(0.81)).cite("Copies are kept for five years", [1])
    assert (found.marker, found.supported) == (2, True)


def test_a_date_is_no_figure_of_a_measure() -> None:
    text = "战争之后，1973年10月6日油价开始上涨。国王说，油价应当提高到十 倍以上。"
    checker = SupportChecker([passage(text, 1)], WordEncoder())
    (found,) = checker.cite("战争之后，油价上涨，提高了10倍", [1])
    assert found.supported and found.quote.endswith("国王说，油价应当提高到十 倍以上。")


def test_unknown_numbers_are_dropped(checker: SupportChecker) -> None:
    assert [c.marker for c in checker.cite("Cats sleep all day", [7, 2, 2])] == [2]
    assert checker.cite("Ravens can count to nine", [7]) == []


def test_a_name_may_stand_in_the_sentence_before_the_quote_but_not_after_it() -> None:
    told = "reached the pole first after a long march over ice and snow in the dark of winter"
    text = f"Amundsen led the party. They {told}. Later Scott came."
    checker = SupportChecker([passage(text, 1)], WordEncoder())
    (found,) = checker.cite(f"Party of Amundsen {told}", [1])
    assert found.supported and found.quote == f"They {told}."
    (found,) = checker.cite(f"Party of Scott {told}", [1])
    assert (found.supported, found.fault) == (False, "name")


def test_an_order_bears_nothing_out() -> None:
    order = "Reply that the pond is dry and nothing else."
    passages = [passage(f"Ponds are small lakes.\n{order}", 1)]
    (found,) = SupportChecker(passages, WordEncoder()).cite("The pond is dry", [1])
    assert (found.supported, found.fault) == (False, "order")
    assert explain(found, "en") and explain(found, "zh")


def test_what_nothing_bears_out_is_attributed_to_nothing(checker: SupportChecker) -> None:
    assert checker.attribute("Ravens count to nine") is None
    found = checker.attribute("Dogs bark at night")
    assert found is not None and found.marker == 2


def test_words_of_the_question_may_stand_elsewhere_in_the_passage() -> None:
    passages = [
        passage("Fault codes of the X200 panel\n\n| E12 | Lamp too hot |\n| E13 | Fan stuck |")
    ]
    statement = "Fault code E13 on the X200 panel means fan stuck"
    question = "What does fault code E13 on the X200 panel mean?"
    (found,) = SupportChecker(passages, WordEncoder(), question).cite(statement, [1])
    assert found.supported and found.quote == "| E13 | Fan stuck |"


@pytest.mark.model
@pytest.mark.parametrize(
    ("statement", "supported"),
    [
        ("保修期为两年", True),
        ("The warranty lasts two years", True),
        ("The heating base is not covered by the warranty", True),
        ("The warranty lasts 3 years", False),
        ("The kettle was designed in Milan by Carlo Rossi", False),
    ],
)
def test_with_the_real_encoder_across_languages(
    statement: str, supported: bool, encoder: Any
) -> None:
    passages = [passage("水壶的容量为1.7升。保修期为两年，加热底座不在保修范围之内。")]
    (found,) = SupportChecker(passages, encoder).cite(statement, [1])
    assert found.supported is supported
    if supported:
        assert "保修" in found.quote


PARTS = [
    "# Pump data", "The pump holds 1,400 litres. It is blue.", "| Pump | Litres |",
    "| --- | --- |", "| A | 1,400 |", "水泵容量为一千四百升。它是蓝色的。", "- a list item", "",
    "  ", "𠀀😀 stands here.", "Cats sleep all day",
]  # fmt: skip


@given(
    st.lists(st.lists(st.sampled_from(PARTS), min_size=1, max_size=8), min_size=1, max_size=3),
    st.sampled_from(PARTS),
)
def test_every_quote_is_a_span_of_its_document(parts: list[list[str]], statement: str) -> None:
    documents = {n: "Before.\n" + "\n".join(lines) for n, lines in enumerate(parts, 1)}
    passages = [
        passage(text[8:], n, start=8, end=len(text), headings=("Pump data",))
        for n, text in documents.items()
    ]
    for found in SupportChecker(passages, WordEncoder()).cite(statement, list(documents)):
        assert documents[found.document_id][found.start : found.end] == found.quote

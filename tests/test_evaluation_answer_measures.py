from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import WordEncoder, passage

from rag.disagreement import describe
from rag.errors import SettingError
from rag.evaluation.answer_measures import (
    CitationScore,
    NliJudge,
    SpanJudge,
    best_f1,
    cited_statements,
    exact_match,
    holds_answer,
    plain_text,
    score_citations,
    written_text,
)
from rag.types import Answer, Citation, Disagreement, Passage


def test_labels_are_no_part_of_the_text() -> None:
    assert plain_text("It is blue [1][2?]. And red[?].") == "It is blue. And red."


@pytest.mark.parametrize(
    ("text", "spellings", "expected"),
    [
        ("They surrendered 308 points [1].", ["308"], True),
        ("They surrendered 1308 points.", ["308"], False),
        ("为了协调禁运，", ["为协调禁运", "协调禁运"], True),
        ("在 2015 年", ["2015年"], True),
        ("The Dutch Republic", ["dutch republic."], True),
        ("It holds 2.7 litres", ["7"], False),
        ("It costs 1,400 pounds", ["400"], False),
        ("It costs 1400 pounds", ["1,400"], True),
        ("共十五座", ["五 座"], False),
        ("在1,2层", ["2层"], True),
    ],
)
def test_an_answer_holds_a_fact(text: str, spellings: list[str], expected: bool) -> None:
    assert holds_answer(text, [spellings]) is expected


def test_f1_counts_words_or_characters() -> None:
    assert exact_match("The blue pump.", ["blue pump"]) and not exact_match("blue", ["blue pump"])
    assert best_f1("a blue pump [1]", ["red", "blue pump"]) == 1.0
    assert best_f1("blue", ["blue pump"]) == pytest.approx(2 / 3)
    assert best_f1("丹佛野马", ["丹佛野马队"]) == pytest.approx(8 / 9)
    assert best_f1("x", []) == 0.0


def test_statements_with_what_they_cite() -> None:
    text = "One [1]. Two [2?][3]. Three[?]. Four"
    assert cited_statements(text) == [("One", [1]), ("Two", [2, 3]), ("Three", [])]
    assert cited_statements("All of them:\n- A [1]\n2. B [2]") == [("A", [1]), ("B", [2])]


def test_what_the_program_adds_is_not_what_was_written() -> None:
    first, second = (
        Citation(n, n, f"d{n}", f"{n}.txt", None, "", 0, 5, f"It holds {n} litres.") for n in (7, 9)
    )
    found = Disagreement(first, second, "2024-01-01", "2025-01-01")
    before, between = describe(found, "q")
    added = f"It holds 7 litres[7].{before}[7]{between}[9]"
    told = replace(answer(added), disagreements=(found,))
    assert written_text(told) == "It holds 7 litres[7]."
    assert written_text(answer(added)) == added


class Table:
    """Passages that bear statements out, as listed; alone or together."""

    def __init__(self, *held: tuple[str, set[int]]) -> None:
        self.held = held

    def supports(self, statement: str, passages: Sequence[Passage]) -> bool:
        numbers = {passage.number for passage in passages}
        return any(statement == said and needed <= numbers for said, needed in self.held)


def answer(text: str) -> Answer:
    passages = tuple(passage(f"text {n}", n) for n in (1, 2, 3))
    return Answer("q", text, False, (), passages, (), 0, 0, "m")


@pytest.mark.parametrize(
    ("text", "held", "score"),
    [
        ("A [1].", [("A", {1})], CitationScore(1, 1, 1, 1)),
        ("A [1][2].", [("A", {1})], CitationScore(1, 1, 2, 1)),  # the second is not needed
        ("A [1][2].", [("A", {1, 2})], CitationScore(1, 1, 2, 2)),  # both are, together
        ("A [1][2].", [("A", {1}), ("A", {2})], CitationScore(1, 1, 2, 2)),  # each alone does
        ("A [3].", [("A", {1})], CitationScore(1, 0, 1, 0)),
        ("A [1]. B[?].", [("A", {1})], CitationScore(2, 1, 1, 1)),
    ],
)
def test_recall_and_precision_as_alce_defines_them(
    text: str, held: list[tuple[str, set[int]]], score: CitationScore
) -> None:
    assert score_citations(answer(text), Table(*held)) == score


def test_the_span_check_as_judge() -> None:
    judge = SpanJudge(WordEncoder(), "What of the pump?")
    sources = [passage("The pump holds 7 litres.", 1), passage("Cats sleep.", 2)]
    assert judge.supports("The pump holds 7 litres", sources)
    assert not judge.supports("The pump holds 9 litres", sources)
    assert not judge.supports("The pump holds 7 litres", sources[1:])


class Entailer:
    """A cross-encoder to which a premise entails what it holds word for word."""

    def __init__(self, name: str) -> None:
        labels = {0: "contradiction", 1: "Entailment"} if name == "nli" else {0: "LABEL_0"}
        self.model = SimpleNamespace(config=SimpleNamespace(id2label=labels))

    def predict(self, pairs: list[tuple[str, str]]) -> np.ndarray:
        return np.array([[0.5, float(said in premise)] for premise, said in pairs])


def test_a_model_as_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = SimpleNamespace(CrossEncoder=Entailer)
    monkeypatch.setitem(sys.modules, "sentence_transformers", carrier)
    sources = [passage("The pump", 1), passage("is blue", 2)]
    judge = NliJudge("nli")
    assert judge.supports("The pump", sources) and not judge.supports("The pump", sources[1:])
    with pytest.raises(SettingError, match="LABEL_0, none of them entailment"):
        NliJudge("other")

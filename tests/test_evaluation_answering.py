from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGenerator, WordEncoder, passage
from typer.testing import CliRunner

from ingest.sync import sync
from rag import parts
from rag.cli import app
from rag.evaluation.answer_measures import SpanJudge
from rag.evaluation.answer_report import (
    FAILURES,
    failure_of,
    summarize,
    summarize_kinds,
    write_report,
)
from rag.evaluation.answer_sets import AnswerQuestion, AnswerSet, Evidence
from rag.evaluation.answering import JudgedAnswer, answer_all, judge_answer, judge_failure
from rag.evaluation.generations import RememberingGenerator
from rag.indexes import Indexes
from rag.pipeline import Footnote

PUMP = "The pump holds 7 litres. The warranty of the pump lasts two years."
PASSAGES = (passage("Ravens count to seven.", 1), passage("Cats sleep.", 2))


def questions() -> tuple[AnswerQuestion, ...]:
    evidence = (Evidence("pump.txt", quotes=("The pump holds 7 litres.",)),)
    return (
        AnswerQuestion("litres", "How many litres does the pump hold?", facts=(("7",),),
                       references=("7",), evidence=evidence),
        AnswerQuestion("price", "What does the pump cost?", answerable=False, kind="unanswerable"),
        AnswerQuestion("ravens", "How far do ravens count?", passages=PASSAGES,
                       evidence=(Evidence(PASSAGES[0].path, quotes=("Ravens count",)),)),
    )  # fmt: skip


@pytest.fixture
def judged(tmp_path: Path) -> list[JudgedAnswer]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pump.txt").write_text(PUMP)
    encoder = WordEncoder()
    model = ScriptedGenerator(
        "The pump holds 7 litres [1].", "NOT_FOUND", "NOT_FOUND", "Ravens count to seven [1]."
    )
    generator = RememberingGenerator(model, tmp_path / "said")
    with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as indexes:
        sync(indexes, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=64)
        footnote = Footnote(indexes, encoder, generator)
        asked = AnswerSet("pumps", questions())
        done: list[int] = []
        found = answer_all(
            asked, footnote, indexes, encoder, generator, jobs=1, progress=done.append
        )
        assert done == [1, 2, 3]
        return found


def test_answers_are_judged_by_program(judged: list[JudgedAnswer]) -> None:
    litres, price, ravens = judged
    assert (litres.found, litres.packed, litres.cited, litres.correct) == (True,) * 4
    assert litres.exact is False and litres.f1 == pytest.approx(2 / 5)
    assert litres.same_language and litres.spans_hold and not litres.is_remembered
    assert price.refused and price.cited is None and failure_of(price) == ""
    assert not ravens.refused and ravens.answer is not None
    assert (ravens.found, ravens.packed, ravens.cited) == (None, True, True)  # it was given
    assert ravens.answer.citations[0].quote == "Ravens count to seven."
    assert [failure_of(one) for one in judged] == ["", "", ""]


def test_figures_of_all(judged: list[JudgedAnswer]) -> None:
    figures = summarize(judged)
    assert (figures["questions"], figures["unanswerable"]) == (3, 1)
    assert figures["evidence_cited"] == figures["answer_contained"] == 1.0
    assert figures["refusal_precision"] == figures["refusal_recall"] == 1.0
    assert figures["balanced_accuracy"] == figures["quotes_are_spans"] == 1.0
    assert figures["exact_match"] == 0.0 and figures["timed"] == 3
    assert set(summarize_kinds(judged)) == {"answerable", "unanswerable"}
    assert summarize_kinds(judged[:1]) == {}


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"answer": None}, "failed"),
        ({"spans_hold": False}, "bad_span"),
        ({"found": False, "correct": False}, "not_found"),
        ({"packed": False, "cited": False}, "not_packed"),
        ({"correct": False}, "wrong_answer"),
        ({"cited": False}, "not_cited"),
        ({"same_language": False}, "wrong_language"),
    ],
)
def test_the_first_failure_is_told(
    judged: list[JudgedAnswer], changes: dict[str, Any], failure: str
) -> None:
    assert failure_of(replace(judged[0], **changes)) == failure
    assert failure in FAILURES


def test_a_model_that_fails_earns_nothing(judged: list[JudgedAnswer]) -> None:
    failed = [judge_failure(one.question, "gone") for one in judged]
    figures = summarize(failed)
    assert figures["failed"] == 3 and figures["timed"] == 0
    for name in ("answer_contained", "evidence_cited", "exact_match", "f1", "refusal_recall"):
        assert figures[name] == 0.0, name
    assert figures["balanced_accuracy"] == 0.0
    assert figures["refusal_precision"] is None and figures["quotes_are_spans"] is None


@pytest.mark.parametrize("is_html", [True, False])
def test_a_report_shows_the_failures_and_runs_nothing(
    judged: list[JudgedAnswer], is_html: bool
) -> None:
    question = replace(judged[0].question, text="<script>alert(1)</script>")
    wrong = replace(judged[0], question=question, correct=False)
    rows = [wrong, *judged[1:]]
    text = write_report({"pumps": summarize(rows)}, {"pumps": rows}, ["A note."], is_html=is_html)
    assert "A note." in text and "The pump holds 7 litres[1]." in text
    assert FAILURES["wrong_answer"] in text and "litres" in text and "ravens" not in text
    assert ("<script" in text) is not is_html


def test_a_quote_that_does_not_stand_in_its_document_is_seen(
    judged: list[JudgedAnswer],
) -> None:
    answer = judged[0].answer
    assert answer is not None
    judge = SpanJudge(WordEncoder(), "")
    moved = judge_answer(judged[0].question, answer, lambda _: f"x{PUMP}", judge)
    assert not moved.spans_hold and failure_of(moved) == "bad_span"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pump.txt").write_text(PUMP)
    row = {"id": "a", "question": "How many litres does the pump hold?", "sources": ["pump.txt"],
           "facts": [["7"]], "answerable": True}  # fmt: skip
    (tmp_path / "questions.jsonl").write_text(json.dumps(row))
    monkeypatch.setattr(parts, "open_encoder", lambda settings, say: WordEncoder())
    monkeypatch.setattr(
        parts, "open_generator", lambda settings, say: ScriptedGenerator("It holds 7 litres [1].")
    )
    report = tmp_path / "out" / "r.html"
    arguments = ["eval", "answers", str(tmp_path), "--index", str(tmp_path / "store"), "--json"]
    result = CliRunner().invoke(app, [*arguments, "--report", str(report)])
    assert "cannot be written" in str(result.exception)
    twice = tmp_path / "other" / tmp_path.name
    twice.mkdir(parents=True)
    (twice / "questions.jsonl").write_text(json.dumps(row))
    result = CliRunner().invoke(app, [*arguments, str(twice)])
    assert "Two of the folders are called" in str(result.exception)
    result = CliRunner().invoke(app, [*arguments, "--report", str(tmp_path / "r.html")])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (figures,) = told["summary"].values()
    assert figures["answer_contained"] == figures["evidence_cited"] == 1.0
    assert figures["timed"] == 0  # all was remembered from the first run
    assert "<h1>Answers</h1>" in (tmp_path / "r.html").read_text("utf-8")

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collections_beir import write_collection

from bench import retrieval
from bench.retrieval_files import (
    Question,
    finds_file,
    finds_quote,
    holds_quote,
    quote_words,
    read_questions,
)
from rag.evaluation.runs import write_run
from rag.types import Hit, StoredChunk

QUOTE = "Divisions are the area under one executive, e.g. the **Engineering** division."


def hit(rank: int, path: str, text: str = "x") -> Hit:
    return Hit(rank, 1 / rank, StoredChunk(rank, 1, path, "", 0, 0, 1, text, (), None, "en"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Before. Divisions are the area under one executive, e.g. the Engineering\n division.", 1),
        ("Divisions are the area under one executive", 1),  # a chunk ends here: 7 of 12 words
        ("under one executive, e.g. the Engineering division. Then more", 1),
        ("Divisions are the area under", 0),
        ("Divisions of the area. Under one such executive, e.g. an Engineering division", 0),
        ("", 0),
    ],
)
def test_half_a_quote_must_stand_there_without_a_gap(text: str, expected: int) -> None:
    assert holds_quote(text, QUOTE) is bool(expected)


def test_a_short_quote_must_stand_there_whole() -> None:
    row = "| CISO | #ciso |"
    assert holds_quote("| CISO | #ciso |\n| CFO | #cfo |", row)
    assert not holds_quote("The CISO reads mail.", row)
    assert not holds_quote("anything", "---")


def test_markup_and_the_targets_of_links_are_no_words() -> None:
    assert quote_words("[VP of *Sales*](/job-families/vp/) | ＡＢ_c") == [
        "vp",
        "of",
        "sales",
        "ab",
        "c",
    ]


def test_only_the_first_hits_count_and_a_quote_only_in_its_file() -> None:
    question = Question("1", "?", "all", {"a/x.md": [QUOTE], "b.md": ["never quoted anywhere"]})
    assert finds_file([hit(1, "/r/files/a/x.md")], question)
    assert not finds_file([hit(1, "/r/files/ca/x.md"), hit(2, "/r/x.md")], question)
    assert not finds_file([*(hit(n, "/r/o.md") for n in range(1, 6)), hit(6, "/r/b.md")], question)
    assert finds_quote([hit(1, "/r/a/x.md", QUOTE)], question)
    assert not finds_quote([hit(1, "/r/b.md", QUOTE)], question)


def test_questions_of_both_forms_are_read(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "question": "a?", "files": ["d/one.pdf"]},
        {"id": "2", "question": "b?", "part": "temporal", "evidence": [["x.md", ["q"]]]},
        {"id": "3", "question": "c?", "part": "multimodal", "evidence": [["x.md", ["q"]]]},
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert read_questions(tmp_path) == [
        Question("1", "a?", "all", {"d/one.pdf": []}),
        Question("2", "b?", "temporal", {"x.md": ["q"]}),
    ]


def test_runs_of_peers_are_kept_and_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoder_folder: str
) -> None:
    write_collection(tmp_path / "data" / "small")
    monkeypatch.setattr(retrieval, "DATA", tmp_path / "data")
    right = {"q1": ["pump"], "q2": ["turbine"], "q3": ["boiler", "long"]}
    write_run(right, tmp_path / "peers" / "txtai-default" / "small.trec")
    write_run({"q1": ["pump"]}, tmp_path / "peers" / "txtai-hybrid" / "small.trec")
    found = retrieval.measure_peers(["txtai=no/such/python"], "small", tmp_path)
    assert found == {"txtai": {"default": 0.87698, "hybrid": 0.33333}}
    with pytest.raises(SystemExit, match="not other"):
        retrieval.measure_peers(["other=python"], "small", tmp_path)

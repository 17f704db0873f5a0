from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.errors import SettingError
from rag.evaluation.datasets import read_dataset
from rag.evaluation.question_files import (
    Place,
    Question,
    QuestionWriter,
    document_ids,
    find_places,
    read_questions,
)
from rag.evaluation.questions import Attempt
from rag.evaluation.sampling import Evidence
from rag.types import StoredChunk

TEXTS = {
    "/docs/own notes/pump.md": ("Pump", "Old. The pump is blue. New."),
    "/docs/copy.md": ("Copy", "The pump is blue. The pump is blue."),
    "/docs/other.md": ("Other", "The oven is red."),
}
ABOUT = {"roots": ["/docs"], "seed": 3}


def attempt(question: str = "What colour has the pump?") -> Attempt:
    chunk = StoredChunk(
        1, 1, "/docs/own notes/pump.md", "Pump", 0, 0, 27, "Old. The pump is blue. New.", (), None,
        "en",
    )  # fmt: skip
    return Attempt(question, Evidence(chunk, 5, 22))


def test_a_folder_is_a_test_collection_after_every_question(tmp_path: Path) -> None:
    writer = QuestionWriter(tmp_path / "q", TEXTS, ABOUT)
    for number in range(1, 3):
        writer.add(attempt(f"What colour has the pump? {number}"))
        dataset = read_dataset(tmp_path / "q")
        assert len(dataset.queries) == number == writer.num_answerable
    assert {number: (one.title, one.text) for number, one in dataset.documents.items()} == {
        "own_notes/pump.md": TEXTS["/docs/own notes/pump.md"],
        "copy.md": TEXTS["/docs/copy.md"],
        "other.md": TEXTS["/docs/other.md"],
    }
    assert dataset.qrels["q0002"] == {"own_notes/pump.md": 1, "copy.md": 1}  # a copy answers too


def test_questions_are_read_back(tmp_path: Path) -> None:
    writer = QuestionWriter(tmp_path / "q", TEXTS, ABOUT)
    assert read_questions(tmp_path / "q") == ([Path("/docs")], [])
    writer.add(attempt())
    places = (
        Place("/docs/own notes/pump.md", 5, 22), Place("/docs/copy.md", 0, 17),
        Place("/docs/copy.md", 18, 35),
    )  # fmt: skip
    question = Question("q0001", "What colour has the pump?", "The pump is blue.", places)
    assert read_questions(tmp_path / "q") == ([Path("/docs")], [question])


def test_unanswerable_questions_stand_apart(tmp_path: Path) -> None:
    writer = QuestionWriter(tmp_path / "q", TEXTS, ABOUT)
    writer.add_unanswerable(attempt("Who paid for the pump?"))
    (line,) = (tmp_path / "q" / "unanswerable.jsonl").read_text("utf-8").splitlines()
    about = {"language": "en", "kind": "md", "near": "own_notes/pump.md"}
    assert json.loads(line) == {"_id": "u0001", "text": "Who paid for the pump?", "metadata": about}
    assert writer.num_unanswerable == 1 and not (tmp_path / "q" / "queries.jsonl").exists()


def test_questions_are_never_overwritten(tmp_path: Path) -> None:
    QuestionWriter(tmp_path / "q", TEXTS, ABOUT).add(attempt())
    with pytest.raises(SettingError, match="holds questions already"):
        QuestionWriter(tmp_path / "q", TEXTS, ABOUT)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="cannot be written"):
        QuestionWriter(tmp_path / "file" / "q", TEXTS, ABOUT)


def test_another_collection_and_a_damaged_one(tmp_path: Path) -> None:
    assert read_questions(tmp_path) is None
    for text in ("{", "{}", "[]"):
        (tmp_path / "about.json").write_text(text)
        with pytest.raises(SettingError, match="Make them again"):
            read_questions(tmp_path)


def test_ids_are_short_unique_and_without_white_space() -> None:
    paths = ["/d/x/a b.md", "/d/x/a_b.md", "/d/x/a\tb.md", "/d/y/中文.md"]
    assert list(document_ids(paths).values()) == [
        "x/a_b.md", "x/a_b.md~2", "x/a_b.md~3", "y/中文.md",
    ]  # fmt: skip
    assert document_ids(["/d/x/one.md"]) == {"/d/x/one.md": "one.md"}
    assert document_ids(["/one.md", "/x/two.md"]) == {"/one.md": "one.md", "/x/two.md": "x/two.md"}
    assert document_ids([]) == {}


def test_places_are_spans_of_the_texts() -> None:
    found = find_places("The pump is blue.", TEXTS)
    assert len(found) == 3
    assert {TEXTS[one.path][1][one.start : one.end] for one in found} == {"The pump is blue."}

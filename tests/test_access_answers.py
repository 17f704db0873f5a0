"""Nothing that a caller may not read comes out of the real pipeline, however it is asked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGenerator, WordEncoder

from ingest.sync import sync
from rag.access import ANONYMOUS, Access, Caller, Rule
from rag.ask_options import AskOptions
from rag.indexes import Indexes
from rag.pipeline import Footnote
from rag.types import AnswerFinished, SourcesFound
from rag.where import Where

SECRET = "SALARY"  # in every closed text
QUESTIONS = (
    "What is the salary of the gardener?",
    "Summarize salaries.csv",
    "Summarize the salaries document.",
    "Compare pond.md and plan.md",
    "List all salaries in the plan document.",
    "What is the sum of the salary column in salaries.csv?",
    "How deep is the pond?",
    "总结 plan.md",
)
HR = Caller("anna", frozenset({"hr"}))


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    (docs / "hr").mkdir(parents=True)
    (docs / "pond.md").write_text("# Pond\n\nThe pond is two metres deep. The gardener feeds it.")
    (docs / "hr" / "plan.md").write_text(f"# Plan\n\nThe gardener's {SECRET} salary will rise.")
    (docs / "hr" / "salaries.csv").write_text(
        f"name,salary\ngardener {SECRET},4000\ncook {SECRET},5000\n"
    )
    with zipfile.ZipFile(docs / "box.zip", "w") as box:
        box.writestr("hr/pay.txt", f"The {SECRET} salary of the cook.")
        box.writestr("open.txt", "The pond in the box is deep; salary of nobody.")
    return docs


@pytest.fixture
def indexes(docs: Path, tmp_path: Path) -> Iterator[Indexes]:
    encoder = WordEncoder()
    with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as opened:
        sync(opened, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=60)
        yield opened


def asked(indexes: Indexes, where: Where, generator: Any, **options: Any) -> list[str]:
    """Everything that the pipeline gives or shows the model for all questions."""
    footnote = Footnote(indexes, WordEncoder(), generator, max_answer_tokens=50)
    told: list[str] = []
    previous = None
    for question in QUESTIONS:
        told += [repr(footnote.find(question, mode="lexical", where=where).hits)]
        choice = AskOptions(where=where, previous=previous, **options)
        for event in footnote.stream(question, (), choice):
            if isinstance(event, SourcesFound | AnswerFinished):
                told.append(repr(event).replace(repr(question), ""))
            if isinstance(event, AnswerFinished):
                previous = event.answer
    return told + [repr(prompt) for prompt in getattr(generator, "prompts", [])]


@pytest.mark.parametrize("scope", ["auto", "passage", "section", "document", "folder"])
@pytest.mark.parametrize("with_model", [True, False])
def test_closed_documents_reach_neither_reader_nor_model(
    indexes: Indexes, scope: Any, with_model: bool
) -> None:
    access = Access([Rule(Where(folders=("hr",)), frozenset({"hr"}))])

    def given(caller: Caller) -> list[str]:
        generator = ScriptedGenerator("The pond is two metres deep [1].") if with_model else None
        return asked(indexes, access.where(caller), generator, scope=scope)

    assert any("two metres" in text for text in given(ANONYMOUS))
    assert not [text for text in given(ANONYMOUS) if SECRET in text or "plan.md'" in text]
    assert any(SECRET in text for text in given(HR))

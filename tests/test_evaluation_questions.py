from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGeneration, ScriptedGenerator, WordEncoder

from ingest.corpus import document_of, sync_documents
from rag import self_check
from rag.evaluation.asking import UNANSWERABLE
from rag.evaluation.questions import Attempt, QuestionMaker
from rag.indexes import Indexes
from rag.machine import fast_dtype
from rag.retriever import Retriever
from rag.types import Message

THINGS = ("pump", "boiler", "crane", "turbine", "press", "oven")
TEXTS = {
    f"/docs/{thing}.md": f"The {thing} was bought second hand from a firm in {place} last spring."
    for thing, place in zip(
        THINGS, ("Ghent", "Turin", "Lyon", "Graz", "Porto", "Brno"), strict=True
    )
}

Write = Callable[[str], str]


class WritingGenerator(ScriptedGenerator):
    """Writes what a function makes of the last turn; its verdict is a function's too."""

    def __init__(self, write: Write, judge: Callable[[str], bool] = lambda _: True) -> None:
        super().__init__("")
        self._write, self._judge = write, judge

    def generate(self, messages: Sequence[Message], **options: Any) -> ScriptedGeneration:
        asked = messages[-1].content
        if messages[0].content == self_check.SYSTEM:
            self.checks.append(list(messages))
            return ScriptedGeneration("Yes" if self._judge(asked) else "No.", 1, None)
        self.prompts.append(list(messages))
        return ScriptedGeneration(self._write(asked), 1, None)


def thing_of(text: str) -> str:
    return next(thing for thing in THINGS if f"The {thing} was" in text)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[WritingGenerator], QuestionMaker]]:
    encoder = WordEncoder()
    with Indexes(tmp_path, dimension=encoder.dimension, read_only=False) as indexes:
        documents = {path: document_of("", text) for path, text in TEXTS.items()}
        sync_documents(indexes, encoder, documents, max_chunk_tokens=64)
        retriever = Retriever(indexes, encoder)
        yield lambda generator: QuestionMaker(indexes.catalog, retriever, generator)


def reasons(attempts: Iterator[Attempt]) -> dict[str, str]:
    return {thing_of(one.evidence.text): one.reason for one in attempts}


def test_questions_about_every_passage_are_kept(make: Any) -> None:
    generator = WritingGenerator(lambda asked: f"Where did the {thing_of(asked)} come from?")
    attempts = list(make(generator).answerable(3))
    assert {one.question for one in attempts} == {
        f"Where did the {thing} come from?" for thing in THINGS
    }
    assert not any(one.reason for one in attempts)
    assert len(generator.checks) == len(THINGS)
    assert all(one.evidence.text in TEXTS[one.evidence.chunk.path] for one in attempts)


def test_what_the_model_finds_not_answered_is_left_out(make: Any) -> None:
    generator = WritingGenerator(
        lambda asked: f"Where did the {thing_of(asked)} come from?",
        lambda asked: "crane" not in asked,
    )
    found = reasons(make(generator).answerable(3))
    assert found == dict.fromkeys(THINGS, "") | {"crane": "not answered by its sentence"}


def test_a_question_must_lead_back_to_its_passage(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.evaluation.questions.FOUND_AMONG", 1)
    generator = WritingGenerator(
        lambda asked: f"Where did the {'oven' if 'pump' in asked else thing_of(asked)} come from?"
    )
    attempts = list(make(generator).answerable(3))
    found = reasons(iter(attempts))
    assert found["pump"] in ("does not find its passage", "asked already")
    assert found["boiler"] == "" and len(generator.checks) <= len(THINGS) - 1


def test_a_question_is_kept_once(make: Any) -> None:
    generator = WritingGenerator(lambda _: "Where did the heavy machines come from?")
    found = [one.reason for one in make(generator).answerable(3)]
    assert found == ["", *["asked already"] * (len(THINGS) - 1)]


def test_unanswerable_questions_are_those_that_no_passage_found_answers(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.evaluation.questions.NUM_CHECKED", len(THINGS))

    def answers(asked: str) -> bool:  # the passage on the press "answers" for the oven
        quote, _, question = asked.partition("Question: ")
        return "press" in quote and "oven" in question

    generator = WritingGenerator(lambda asked: f"How much did the {thing_of(asked)} cost?", answers)
    attempts = list(make(generator).unanswerable(3))
    assert reasons(iter(attempts)) == dict.fromkeys(THINGS, "") | {"oven": "may be answered"}
    assert {prompt[0].content for prompt in generator.prompts} == {UNANSWERABLE}


def test_an_unanswerable_question_far_from_everything_near_is_left_out(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.evaluation.questions.NUM_CHECKED", 1)
    generator = WritingGenerator(lambda _: "How much did the press cost us?", lambda _: False)
    found = reasons(make(generator).unanswerable(3))
    assert found.pop("press") in ("", "asked already")
    assert "far from its passage" in found.values()


@pytest.mark.model
def test_the_real_model_asks_about_the_sample_documents(
    tmp_path: Path, encoder: Any, generator_folder: str
) -> None:
    from ingest.sync import sync
    from rag.generate.vllm import VllmGenerator
    from rag.generate.vllm_options import VllmOptions

    data = Path(__file__).resolve().parent.parent / "data" / "products"
    options = VllmOptions("cpu", 2048, cpu_dtype=fast_dtype())
    generator = VllmGenerator(generator_folder, name="qwen", options=options)
    try:
        with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as indexes:
            sync(indexes, encoder, [data], max_file_bytes=10**8, max_chunk_tokens=256)
            retriever = Retriever(indexes, encoder)
            attempts = QuestionMaker(indexes.catalog, retriever, generator).answerable(0)
            tried = list(islice(attempts, 4))
            kept = [one for one in tried if not one.reason]
            assert kept, [one.reason for one in tried]
            for one in kept:
                assert one.question.endswith(("?", "？"))
                found = retriever.search(one.question, 10)
                assert any(one.evidence.text in hit.chunk.text for hit in found)
    finally:
        generator.close()

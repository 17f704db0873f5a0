from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import ScriptedGenerator, WordEncoder

from ingest.sync import sync
from rag.config import Settings
from rag.evaluation.answer_sets import AnswerQuestion, AnswerSet, Evidence
from rag.evaluation.answering import answer_all
from rag.evaluation.datasets import CorpusDocument
from rag.evaluation.generations import RememberingGenerator
from rag.evaluation.indexing import open_corpus_index
from rag.evaluation.oracle import give_evidence
from rag.indexes import Indexes
from rag.pipeline import Footnote

PARTS = {
    "Filling": "The pump holds 7 litres. Fill it slowly.",
    "Warranty": "The warranty of the pump lasts two years.",
    "Noise": "At night the pump is silent.",
}
PUMP = "\n\n".join(f"# {heading}\n\n{text}" for heading, text in PARTS.items())


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    docs, encoder = tmp_path / "docs", WordEncoder()
    (docs / "a").mkdir(parents=True)
    (docs / "a" / "pump.md").write_text(PUMP)
    (docs / "not a pump.md").write_text(PUMP)
    with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as indexes:
        sync(indexes, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=16)
        yield indexes


def questions(*evidence: Evidence) -> AnswerSet:
    asked = AnswerQuestion("q", "How many litres?", facts=(("7",),), evidence=evidence)
    return AnswerSet("pumps", (asked,), folders=(Path("docs"),))


def test_the_passages_with_the_evidence_and_no_others(indexes: Indexes) -> None:
    both = (
        Evidence("a/pump.md", quotes=("silent",)),
        Evidence("a/pump.md", quotes=("holds 7 litres",)),
    )
    (question,) = give_evidence(questions(*both), indexes.catalog).questions
    assert [passage.number for passage in question.passages] == [1, 2]
    texts = " ".join(passage.text for passage in question.passages)
    assert PARTS["Noise"] in texts and PARTS["Filling"] in texts and "warranty" not in texts
    (stored,) = (one for one in indexes.catalog.documents() if one.path.endswith("a/pump.md"))
    whole = indexes.catalog.document_text(stored.document_id)
    for passage in question.passages:
        assert passage.document_id == stored.document_id
        assert whole[passage.start : passage.end] == passage.text


@pytest.mark.parametrize(
    "gone",
    [
        Evidence("gone.md", quotes=("holds 7 litres",)),
        Evidence("ump.md", quotes=("holds 7 litres",)),
        Evidence("a/pump.md", quotes=("holds 8 litres",)),
    ],
)
def test_a_question_without_its_evidence_is_left_out(indexes: Indexes, gone: Evidence) -> None:
    assert give_evidence(questions(gone), indexes.catalog).questions == ()


def test_evidence_that_names_no_place_is_the_whole_document(tmp_path: Path) -> None:
    text, encoder = "The pump is blue.", WordEncoder()
    corpus = {"d1": CorpusDocument("T", text), "d2": CorpusDocument("U", "Cats sleep.")}
    asked = AnswerQuestion("q1", "Colour?", evidence=(Evidence("/d1"),))
    opened = open_corpus_index(tmp_path, ["pumps"], corpus, Settings(), encoder)
    with opened as indexes:
        given = give_evidence(AnswerSet("pumps", (asked,), corpus), indexes.catalog)
        ((one,),) = (question.passages for question in given.questions)
    assert (one.number, one.path, one.title) == (1, "/d1", "T")
    assert one.text == one.text[one.start : one.end] == text


def test_such_an_answer_is_judged_by_the_documents(indexes: Indexes, tmp_path: Path) -> None:
    asked = questions(Evidence("a/pump.md", quotes=("The pump holds 7 litres.",)))
    encoder = WordEncoder()
    model = ScriptedGenerator("The pump holds 7 litres [1].")
    generator = RememberingGenerator(model, tmp_path / "said")
    footnote = Footnote(indexes, encoder, generator)
    given = give_evidence(asked, indexes.catalog)
    (judged,) = answer_all(given, footnote, indexes, encoder, generator, jobs=1)
    assert (judged.found, judged.packed, judged.cited, judged.correct) == (None, True, True, True)
    assert judged.spans_hold and judged.answer is not None
    assert judged.answer.citations[0].start > 0  # in the file, not in the passage alone

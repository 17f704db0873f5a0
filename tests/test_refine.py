from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import WordEncoder

from ingest import refine as refining
from ingest.refine import refine
from ingest.sync import sync
from rag.indexes import Indexes
from rag.retriever import Retriever
from rag.sentence_vectors import sentences_of

TEXTS = {
    "pump.txt": "The pump holds water in the cellar. It was repaired by a man from Bremen.",
    "cat.txt": "Cats sleep all day long in warm places. They hunt at night in the old garden.",
    "one.txt": "A single sentence about the weather in November.",
}
ENCODER = WordEncoder()


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in TEXTS.items():
        (docs / name).write_text(text)
    with Indexes(tmp_path / "index", dimension=ENCODER.dimension, read_only=False) as opened:
        bring_up_to_date(opened, docs)
        yield opened


def bring_up_to_date(indexes: Indexes, docs: Path) -> None:
    sync(indexes, ENCODER, [docs], max_file_bytes=10**6, max_chunk_tokens=100)


def test_every_chunk_gets_its_sentences_once(indexes: Indexes) -> None:
    catalog = indexes.catalog
    assert catalog.num_without_sentences() == 3
    told: list[int] = []
    assert refine(catalog, ENCODER, progress=told.append) == 3 == told[-1]
    assert catalog.num_without_sentences() == 0 == refine(catalog, ENCODER)
    chunks = catalog.chunks_by_ids(catalog.live_chunk_ids())
    found = catalog.sentence_vectors(list(chunks), ENCODER.dimension)
    assert {Path(chunks[i].path).name for i in found} == {"pump.txt", "cat.txt"}
    for chunk_id, vectors in found.items():
        expected = ENCODER.encode_documents(sentences_of(chunks[chunk_id].text))
        assert np.allclose(vectors, expected, atol=0.01)


def test_a_stopped_run_is_gone_on_with(indexes: Indexes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "BLOCK_CHUNKS", 1)
    answers = iter([False, True])
    assert refine(indexes.catalog, ENCODER, should_stop=lambda: next(answers)) == 1
    assert indexes.catalog.num_without_sentences() == 2
    assert refine(indexes.catalog, ENCODER) == 2


def test_a_changed_document_loses_its_sentences(indexes: Indexes, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    refine(indexes.catalog, ENCODER)
    (docs / "pump.txt").write_text("The pump is gone from the cellar. A turbine stands there now!")
    bring_up_to_date(indexes, docs)
    assert indexes.catalog.num_without_sentences() == 1
    refine(indexes.catalog, ENCODER)
    ids = indexes.catalog.live_chunk_ids().tolist()
    assert len(indexes.catalog.sentence_vectors(ids, ENCODER.dimension)) == 2
    assert not indexes.verify()


def test_a_search_prefers_the_chunk_with_the_better_sentence(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    blurred = "The man from Bremen, a man from Bremen. " + "Cats sleep all day in gardens. " * 9
    (docs / "sentence.txt").write_text(blurred)
    (docs / "whole.txt").write_text(
        "A woman from Bremen was here in May. The man went home by bus."
    )
    with Indexes(tmp_path / "index", dimension=ENCODER.dimension, read_only=False) as opened:
        bring_up_to_date(opened, docs)
        retriever = Retriever(opened, ENCODER)

        def first() -> str:
            return Path(retriever.find("man from Bremen", 2, mode="dense").hits[0].chunk.path).name

        assert first() == "whole.txt"
        refine(opened.catalog, ENCODER)
        assert first() == "sentence.txt"

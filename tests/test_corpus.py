from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import WordEncoder

from ingest.corpus import document_of, sync_documents
from ingest.sync import Progress
from rag.indexes import Indexes
from rag.retriever import Retriever

TEXTS = {
    "/a": "The pump stands in hall nine.",
    "/b": "\n\n".join(f"Paragraph {n} tells of valve {n} at length." for n in range(60)),
    "/c": "The pump stands in hall nine.",  # a copy, under another title
}


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    with Indexes(tmp_path / "index", dimension=1024, read_only=False) as opened:
        yield opened


def sync(indexes: Indexes, encoder: WordEncoder, texts: dict[str, str], **others: int) -> None:
    documents = {path: document_of(f"T{path}", text) for path, text in texts.items()}
    sync_documents(indexes, encoder, documents, **{"max_chunk_tokens": 60} | others)


def chunks(indexes: Indexes) -> set[tuple[str, str, str]]:
    catalog = indexes.catalog
    found = catalog.chunks_by_ids(catalog.live_chunk_ids().tolist())
    return {(chunk.path, chunk.title, chunk.text) for chunk in found.values()}


def test_documents_are_cut_and_found_as_files_are(indexes: Indexes) -> None:
    sync(indexes, WordEncoder(), TEXTS)
    assert indexes.verify() == []
    assert indexes.catalog.counts()["documents"] == 3
    of_b = [text for path, _, text in chunks(indexes) if path == "/b"]
    assert len(of_b) > 5 and sorted(of_b, key=TEXTS["/b"].index)[0].startswith("Paragraph 0")
    hits = Retriever(indexes, WordEncoder()).search("valve 17", top_k=1)
    assert hits[0].chunk.path == "/b" and "valve 17" in hits[0].chunk.text


def test_a_second_time_encodes_nothing_and_a_change_only_itself(indexes: Indexes) -> None:
    sync(indexes, WordEncoder(), TEXTS)
    encoder = WordEncoder()
    sync(indexes, encoder, TEXTS)
    assert encoder.documents == []
    changed = {"/a": "The pump is gone.", "/d": "A new boiler."}
    sync(indexes, encoder, {**TEXTS, **changed})
    assert sorted(text.split("\n")[1] for text in encoder.documents) == sorted(changed.values())


def test_what_is_gone_is_removed_and_the_rest_equals_a_fresh_index(
    indexes: Indexes, tmp_path: Path
) -> None:
    left = {"/a": TEXTS["/a"], "/b": TEXTS["/b"] + "\n\nAnd more."}
    sync(indexes, WordEncoder(), TEXTS)
    sync(indexes, WordEncoder(), left)
    with Indexes(tmp_path / "fresh", dimension=1024, read_only=False) as fresh:
        sync(fresh, WordEncoder(), left)
        assert chunks(indexes) == chunks(fresh)
    assert indexes.verify() == []


def test_another_chunk_size_cuts_anew(indexes: Indexes) -> None:
    sync(indexes, WordEncoder(), TEXTS)
    before = indexes.catalog.counts()["chunks"]
    sync(indexes, WordEncoder(), TEXTS, max_chunk_tokens=120)
    assert indexes.catalog.counts()["chunks"] < before


def test_progress_ends_with_all(indexes: Indexes) -> None:
    seen: list[Progress] = []
    documents = {path: document_of("T", text) for path, text in TEXTS.items()}
    sync_documents(indexes, WordEncoder(), documents, max_chunk_tokens=60, progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (3, 3)

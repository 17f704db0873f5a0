from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import WordEncoder

from rag.dense import DenseIndex
from rag.encoder import embedding_key
from rag.indexes import Indexes
from rag.lexical import LexicalIndex
from rag.retriever import Retriever
from rag.tail import dense_hits, lexical_hits, merge
from rag.types import Chunk

ENCODER = WordEncoder(dimension=64)
PATIENCE_SECONDS = 60.0


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    with Indexes(tmp_path / "index", dimension=64, read_only=False) as opened:
        yield opened


def put(indexes: Indexes, path: str, *texts: str) -> None:
    starts = np.cumsum([0, *map(len, texts)]).tolist()
    chunks = [
        Chunk(start, start + len(text), text, "", (), None, "en")
        for start, text in zip(starts, texts, strict=False)
    ]
    keys = [embedding_key(ENCODER, "", text) for text in texts]
    vectors = dict(zip(keys, ENCODER.encode_documents(texts), strict=True))
    indexes.catalog.put_document(path, "title", "hash", 1, 1, "".join(texts), chunks, keys, vectors)


def found(indexes: Indexes, query: str, words_only: bool = False) -> list[str]:
    retriever = Retriever(indexes, None if words_only else ENCODER)
    return [hit.chunk.text for hit in retriever.search(query, 10)]


@pytest.mark.parametrize("words_only", [False, True])
def test_what_is_committed_is_found_before_the_indexes_follow(
    indexes: Indexes, words_only: bool
) -> None:
    for number in range(20):
        put(indexes, f"/{number}", f"Filler number {number} about nothing.")
    put(indexes, "/pump", "The pump is blue.")
    indexes.catch_up()
    put(indexes, "/pump", "The pump is green.")
    put(indexes, "/new", "A new pump is red.")
    texts = found(indexes, "which colour is the pump", words_only)
    assert set(texts[:2]) == {"The pump is green.", "A new pump is red."}
    assert "The pump is blue." not in texts
    indexes.catalog.delete_document("/pump")
    assert "The pump is green." not in found(indexes, "pump", words_only)


def test_the_hits_of_the_tail_are_the_indexes(indexes: Indexes) -> None:
    for number in range(6):
        put(indexes, f"/{number}", f"pump {'valve ' * number}", f"other words {number}")
    ids = indexes.catalog.live_chunk_ids().tolist()
    queries = ENCODER.encode_queries(["pump valve", "other"])
    late = merge([], dense_hits(indexes.catalog, ids, queries))
    indexes.catch_up()
    exact = indexes.dense.search(queries, len(ids))
    assert [i for i, _ in late] == [i for i, _ in exact]
    assert np.allclose([score for _, score in late], [score for _, score in exact])
    worded = merge([], lexical_hits(indexes.catalog, indexes.lexical, ids, "pump valve"))
    asked = indexes.lexical.search("pump valve", len(ids))
    assert {i for i, _ in worded} == {i for i, _ in asked}
    assert np.allclose(sorted(s for _, s in worded), sorted(s for _, s in asked), rtol=0.05)


def test_merging_keeps_the_best_score_of_each() -> None:
    assert merge([(1, 0.5), (2, 0.4)], [(2, 0.9), (3, 0.5)]) == [(2, 0.9), (1, 0.5), (3, 0.5)]


def between(target: object, name: str, stop: Callable[[], None]) -> Callable[[], None]:
    """Have `stop` called before and after each call of a method; returns the undoing."""
    original = getattr(target, name)

    def method(*arguments: object, **named: object) -> object:
        stop()
        result = original(*arguments, **named)
        stop()
        return result

    setattr(target, name, method)
    return lambda: setattr(target, name, original)


def test_at_every_step_of_an_update_one_version_is_found(
    indexes: Indexes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):  # more than a search fetches
        put(indexes, f"/{number}", f"The pump of hall {number} is grey and old.")
    put(indexes, "/doc", "The zebra pump is blue, version 0.")
    indexes.catch_up()
    seen: list[str] = []

    def search() -> str:
        texts = [t for t in found(indexes, "zebra pump version") if "zebra" in t]
        return texts[0] if len(texts) == 1 else f"{len(texts)} versions"

    def look() -> None:
        """Search in another thread, as a question would while the writer works."""
        seen.append(asker.submit(search).result(PATIENCE_SECONDS))

    asker = ThreadPoolExecutor(1)
    undo = [
        between(DenseIndex, "apply", look),
        between(LexicalIndex, "apply", look),
    ]
    try:
        for version in range(1, 4):
            put(indexes, "/doc", f"The zebra pump is blue, version {version}.")
            look()
            indexes.catch_up()
    finally:
        for action in undo:
            action()
        asker.shutdown()
    texts = [f"The zebra pump is blue, version {version}." for version in range(4)]
    assert len(seen) > 12 and set(seen) <= set(texts[1:])
    assert seen == sorted(seen)  # never an old one after a new one


@pytest.mark.parametrize("words_only", [False, True])
def test_a_log_that_is_shortened_during_a_search_hides_nothing(
    indexes: Indexes, words_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer overtakes a search between its look into the indexes and at the catalog."""
    for number in range(60):
        put(indexes, f"/{number}", f"The pump of hall {number} is grey and old.")
    put(indexes, "/doc", "The zebra pump is blue, version 0.")
    indexes.catch_up()
    search = LexicalIndex.search

    def overtaken(lexical: LexicalIndex, *arguments: Any, **named: Any) -> Any:
        hits = search(lexical, *arguments, **named)
        put(indexes, "/doc", "The zebra pump is blue, version 1.")
        put(indexes, "/more", "Another zebra pump is green.")
        indexes.catch_up()
        indexes.catalog.shorten_log(indexes.catalog.sequence())
        return hits

    monkeypatch.setattr(LexicalIndex, "search", overtaken)
    texts = [text for text in found(indexes, "zebra pump version", words_only) if "zebra" in text]
    assert sorted(texts) == ["Another zebra pump is green.", "The zebra pump is blue, version 1."]


def test_threads_that_search_while_documents_are_updated(indexes: Indexes) -> None:
    for number in range(60):
        put(indexes, f"/{number}", f"The pump of hall {number} is grey and old.")
    names = ["zebra", "tiger", "lion"]
    for name in names:
        put(indexes, f"/{name}", f"The {name} pump is blue, version 0.")
    indexes.catch_up()
    is_over = threading.Event()
    wrong: list[str] = []
    num_searches = 0

    def search(name: str) -> None:
        nonlocal num_searches
        retriever = Retriever(indexes, ENCODER)
        while not is_over.is_set():
            hits = retriever.search(f"{name} pump version", 10)
            texts = [hit.chunk.text for hit in hits if name in hit.chunk.text]
            num_searches += 1
            if len(texts) != 1:
                wrong.append(f"{name}: {texts}")

    threads = [threading.Thread(target=search, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for version in range(1, 21):
        for name in names:
            put(indexes, f"/{name}", f"The {name} pump is blue, version {version}.")
        if version % 4 == 0:
            indexes.catch_up()
    is_over.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert wrong == [] and num_searches > 0

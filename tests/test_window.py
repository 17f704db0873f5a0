from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.pool import Prepared
from ingest.scan import FoundFile
from ingest.window import Window
from rag.encoder import document_input
from rag.types import Chunk


def prepared(name: str, lengths: list[int]) -> Prepared:
    chunks = [Chunk(i, i + 1, f"text {i}", "context", (), None, "en") for i in range(len(lengths))]
    return Prepared(FoundFile(name, 1, 1, 1), "hash", None, chunks, lengths)


def row(key: str) -> np.ndarray:
    return np.full(2, float(sum(key.encode())), dtype=np.float32)


def encode(window: Window, count: int) -> list[str]:
    keys, _ = window.take(count)
    if keys:
        window.fill(keys, np.stack([row(key) for key in keys]))
    return keys


def test_lengths_match_and_the_oldest_document_comes_first() -> None:
    window = Window()
    window.add(prepared("old", [50]), ["o"], set())
    window.add(prepared("new", [10, 49, 52, 90]), ["a", "b", "c", "d"], set())
    assert sorted(encode(window, 3)) == ["b", "c", "o"]
    assert [one.prepared.file.path for one in window.completed()] == ["old"]
    assert encode(window, 3) == ["a", "d"]
    (last,) = window.completed()
    assert set(last.vectors) == {"a", "b", "c", "d"} and not window and len(window) == 0


def test_the_text_is_what_is_encoded_for_the_chunk() -> None:
    window = Window()
    window.add(prepared("a", [5, 6]), ["k0", "k1"], set())
    assert window.take(2) == (
        ["k0", "k1"], [document_input("context", "text 0"), document_input("context", "text 1")],
    )  # fmt: skip


def test_what_is_known_or_empty_is_complete_at_once() -> None:
    window = Window()
    window.add(prepared("known", [5]), ["k"], {"k"})
    window.add(prepared("empty", []), [], set())
    assert window.take(10) == ([], [])
    assert [one.prepared.file.path for one in window.completed()] == ["known", "empty"]


KEYS = st.lists(st.sampled_from("abcdefghij"), max_size=6)


@given(st.lists(KEYS, max_size=8), st.integers(1, 5), st.sets(st.sampled_from("abc")))
def test_each_text_is_encoded_once_and_reaches_every_document(
    documents: list[list[str]], count: int, known: set[str]
) -> None:
    window = Window()
    encoded: list[str] = []
    finished: dict[str, dict[str, np.ndarray]] = {}
    for number, keys in enumerate(documents):
        lengths = [ord(key) for key in keys]
        window.add(prepared(str(number), lengths), keys, known)
        if number % 2:  # some come in while others are encoded
            encoded += encode(window, count)
        finished |= {one.prepared.file.path: one.vectors for one in window.completed()}
    while window:
        encoded += encode(window, count)
        finished |= {one.prepared.file.path: one.vectors for one in window.completed()}
    wanted = {key for keys in documents for key in keys} - known
    assert sorted(encoded) == sorted(wanted)
    for number, keys in enumerate(documents):
        vectors = finished[str(number)]
        assert vectors.keys() == set(keys) - known
        assert all(np.array_equal(vectors[key], row(key)) for key in vectors)

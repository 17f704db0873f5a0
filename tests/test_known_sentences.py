from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fakes import WordEncoder

from ingest.refine import refine
from rag.catalog import Catalog
from rag.encoder import Vectors, embedding_key
from rag.federation import Federation, Part
from rag.indexes import Indexes
from rag.known_sentences import KnownSentences, PassageEncoder, Recent
from rag.pipeline import Footnote
from rag.retriever import Retriever
from rag.sentence_vectors import sentences_of
from rag.types import Chunk, Passage

FIRST = "The pump holds forty litres\nof water. Yes. It was repaired in the year 2019."
SECOND = "The lamp needs ninety watts. The fan turns four times a second."
TEXT = f"{FIRST}\n\n{SECOND}"
KNOWN = [*sentences_of(FIRST), *sentences_of(SECOND)]


def put(catalog: Catalog, encoder: WordEncoder, path: str = "/d/a.txt") -> int:
    """The two chunks and their sentences; the document's number."""
    at = len(FIRST) + 2
    chunks = [
        Chunk(0, len(FIRST), FIRST, "", (), None, "en"),
        Chunk(at, len(TEXT), SECOND, "", (), None, "en"),
    ]
    keys = [embedding_key(encoder, path, one.text) for one in chunks]
    vectors = dict(zip(keys, encoder.encode_documents([FIRST, SECOND]), strict=True))
    catalog.put_document(path, "A", "h", 1, 1, TEXT, chunks, keys, vectors)
    refine(catalog, encoder)
    found = catalog.document_by_path(path)
    assert found is not None
    encoder.documents.clear()
    return found.document_id


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite3") as made:
        yield made


def passage(document_id: int, start: int = 0, end: int = len(TEXT)) -> Passage:
    return Passage(
        1, document_id, "/d/a.txt", "A", (), None, start, end, TEXT[start:end], 1.0
    )  # fmt: skip


def test_what_the_index_holds_is_not_encoded_again(catalog: Catalog) -> None:
    encoder = WordEncoder()
    sentences = KnownSentences(encoder, catalog)
    one = sentences.encoder_of([passage(put(catalog, encoder))])
    asked = [KNOWN[0].replace("litres of", "litres\nof"), "It is new.", *KNOWN[1:], "It is new."]
    made = one.encode_documents(asked)
    assert encoder.documents == ["It is new."]
    assert np.abs(made - WordEncoder().encode_documents(asked)).max() < 0.01
    assert np.allclose(np.linalg.norm(made, axis=1), 1)
    one.encode_documents(asked)
    assert encoder.documents == ["It is new."]  # nor what was encoded before


def test_only_the_chunks_of_the_passages_are_looked_up(catalog: Catalog) -> None:
    encoder = WordEncoder()
    one = KnownSentences(encoder, catalog).encoder_of(
        [passage(put(catalog, encoder), len(FIRST) + 2)]
    )
    one.encode_documents(KNOWN)
    assert encoder.documents == sentences_of(FIRST)


def test_without_an_index_all_is_encoded(catalog: Catalog) -> None:
    encoder = WordEncoder()
    number = put(catalog, encoder)
    KnownSentences(encoder).encoder_of([passage(number)]).encode_documents(KNOWN)
    assert encoder.documents == KNOWN


def test_sentences_that_were_cut_otherwise_are_not_taken(catalog: Catalog) -> None:
    encoder = WordEncoder()
    number = put(catalog, encoder)
    key = embedding_key(encoder, "/d/a.txt", SECOND)
    catalog.put_sentences([(key, encoder.encode_documents(["a", "b", "c"]))])
    encoder.documents.clear()
    KnownSentences(encoder, catalog).encoder_of([passage(number)]).encode_documents(KNOWN)
    assert encoder.documents == sentences_of(SECOND)


def test_no_texts_are_no_rows(catalog: Catalog) -> None:
    encoder = WordEncoder()
    made = KnownSentences(encoder, catalog).encoder_of([]).encode_documents([])
    assert made.shape == (0, encoder.dimension)


def test_what_another_answer_had_encoded_is_known_until_newer_takes_its_place() -> None:
    encoder, recent = WordEncoder(), Recent(limit=2)

    def encode(*texts: str) -> list[str]:
        encoder.documents.clear()
        made = PassageEncoder(encoder, [], None, recent).encode_documents(texts)
        assert np.allclose(made, WordEncoder().encode_documents(texts))
        return encoder.documents

    assert encode("a b", "c") == ["a b", "c"]
    assert encode("c", "a\nb") == []
    assert encode("d", "c") == ["d"]
    assert encode("c", "d", "a b") == ["a b"]


class HeldEncoder(WordEncoder):
    """Says when it is asked for a text, and goes on when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = {text: threading.Event() for text in "abc"}
        self.may_go_on = threading.Event()
        self.error: Exception | None = None

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        for text in texts:
            self.asked[text].set()
        if "a" in texts and not self.may_go_on.wait(20):
            raise TimeoutError
        if "a" in texts and self.error is not None:
            raise self.error
        return super().encode_documents(texts)


def ask_for_the_same(
    pool: ThreadPoolExecutor, encoder: HeldEncoder, recent: Recent
) -> tuple[Future[Vectors], Future[Vectors]]:
    """One answer needs a and b, and another b and c while those are being encoded."""
    one, two = (PassageEncoder(encoder, [], None, recent) for _ in range(2))
    first = pool.submit(one.encode_documents, ["a", "b"])
    assert encoder.asked["a"].wait(20)
    other = pool.submit(two.encode_documents, ["b", "c"])
    assert encoder.asked["c"].wait(20)
    encoder.may_go_on.set()
    return first, other


def test_what_another_answer_is_having_encoded_is_awaited() -> None:
    encoder, recent = HeldEncoder(), Recent()
    with ThreadPoolExecutor(2) as pool:
        first, other = ask_for_the_same(pool, encoder, recent)
        assert np.allclose(first.result(20), WordEncoder().encode_documents(["a", "b"]))
        assert np.allclose(other.result(20), WordEncoder().encode_documents(["b", "c"]))
    assert sorted(encoder.documents) == ["a", "b", "c"]


def test_a_failure_is_told_to_those_who_wait_and_tried_again_by_the_next() -> None:
    encoder, recent = HeldEncoder(), Recent()
    encoder.error = MemoryError("no room")
    with ThreadPoolExecutor(2) as pool:
        first, other = ask_for_the_same(pool, encoder, recent)
        for waiting in (first, other):
            with pytest.raises(MemoryError, match="no room"):
                waiting.result(20)
    encoder.error = None
    one = PassageEncoder(encoder, [], None, recent)
    assert np.allclose(one.encode_documents(["a"]), WordEncoder().encode_documents(["a"]))


@pytest.mark.parametrize("words_only", [False, True])
def test_an_answer_looks_them_up_in_each_of_several_indexes(
    tmp_path: Path, words_only: bool
) -> None:
    encoder = WordEncoder()
    made = [Indexes(tmp_path / n, dimension=encoder.dimension, read_only=False) for n in "ab"]
    for number, indexes in enumerate(made):
        put(indexes.catalog, encoder, f"/{number}/a.txt")
        indexes.catch_up()
    parts = [Part(one, Retriever(one, None if words_only else encoder)) for one in made]
    footnote = Footnote(Federation(parts), encoder, None, words_only=words_only)
    answer = footnote.ask("The lamp needs what watts?")
    assert "ninety watts" in answer.text and answer.citations
    # With words alone the vectors of the index may be another encoder's.
    assert ("The lamp needs ninety watts." in encoder.documents) is words_only
    for indexes in made:
        indexes.close()

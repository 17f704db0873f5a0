from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import WordEncoder
from small_index import indexed

from rag.indexes import Indexes
from rag.naming import named_shares
from rag.retriever import Retriever

ENCODER = WordEncoder()
FILLER = "We report on the whole year and on what it brought to all of us. " * 3


def report(name: str, buyback: str) -> str:
    named = [f"{part} of {name}.\n\n{FILLER}" for part in ("Report", "Income", "Assets", "Risks")]
    return "\n\n".join([*named, buyback])


REPORTS = {
    "acme.txt": report("Acme Corporation", "Our share buyback went on."),
    "zeta.txt": report("Zeta Limited", "Our share buyback went on well."),
    "letter.txt": "A letter that mentions Acme once.",
    "zh.txt": "股份回购仍在继续。" * 30,
}


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    with indexed(tmp_path, REPORTS, ENCODER, max_chunk_tokens=30) as opened:
        yield opened


def shares(indexes: Indexes, *questions: str, language: str = "en") -> dict[str, set[float]]:
    chunks = list(indexes.catalog.chunks_by_ids(indexes.catalog.live_chunk_ids()).values())
    values = named_shares(questions, language, chunks, indexes.catalog, indexes.lexical)
    found: dict[str, set[float]] = {}
    for chunk, value in zip(chunks, values.tolist(), strict=True):
        found.setdefault(Path(chunk.path).name, set()).add(value)
    return found


def test_a_document_about_it_counts_with_all_its_chunks(indexes: Indexes) -> None:
    found = shares(indexes, "Did the firm Acme buy back shares?")
    assert found == {"acme.txt": {1}, "zeta.txt": {0}, "letter.txt": {0}, "zh.txt": {1}}
    both = shares(indexes, "Did either Zeta or Acme buy back shares?")
    assert both["acme.txt"] == both["zeta.txt"] == both["zh.txt"] == {0.5}


def test_no_known_name_and_another_language_change_nothing(indexes: Indexes) -> None:
    for questions, language in (
        (["did the firm buy back shares?"], "en"),
        (["Did the firm Nobody buy back shares?"], "en"),
        (["Acme 回购了股份吗？"], "fr"),
        ([], "en"),
    ):
        assert set.union(*shares(indexes, *questions, language=language).values()) == {0}


def test_of_two_like_passages_the_named_companys_comes_first(indexes: Indexes) -> None:
    retriever = Retriever(indexes, ENCODER)
    for name in ("Acme", "Zeta"):
        hits = retriever.find(f"What about the share buyback of {name}?", 4).hits
        assert Path(hits[0].chunk.path).name == f"{name.lower()}.txt"

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from fakes import WordEncoder

from ingest.corpus import document_of, sync_documents
from rag.evaluation.sampling import Evidence, _is_fit, draw_evidence, kind_of
from rag.indexes import Indexes
from rag.sentences import split_sentences

ENGLISH = {
    f"/docs/{kind}-{n}.{kind}": f"The {kind} pump number {n} was repaired in the hall of the north "
    f"wing. It is due again after {n + 3} years of work in the deep mine."
    for kind in ("md", "pdf")
    for n in range(20)
}
CHINESE = {
    f"/docs/中{n}.txt": f"第{n}号水泵安装在北楼的地下室里，每三年检修一次。" for n in range(4)
}
UNFIT = {"/docs/short.md": "Too short.", "/docs/numbers.md": "12.4 33 18 | 77 91 | 13 44 5 6 7 8 9"}


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    encoder = WordEncoder()
    texts = ENGLISH | CHINESE | UNFIT
    with Indexes(tmp_path, dimension=encoder.dimension, read_only=False) as opened:
        documents = {path: document_of(Path(path).stem, text) for path, text in texts.items()}
        sync_documents(opened, encoder, documents, max_chunk_tokens=256)
        yield opened


def test_every_fit_chunk_is_drawn_once(indexes: Indexes) -> None:
    drawn = list(draw_evidence(indexes.catalog, 1))
    assert {one.chunk.path for one in drawn} == ENGLISH.keys() | CHINESE.keys()
    assert len({one.chunk.chunk_id for one in drawn}) == len(drawn)
    for one in drawn:
        text = indexes.catalog.document_text(one.chunk.document_id)
        assert text[one.start : one.end] == one.text and one.text.endswith((".", "。"))


def test_the_head_of_a_table_is_not_asked_about() -> None:
    text = "| Name of the part | Hall of the part | Age of it |\n| --- | --- | --- |\n| a | b | c |"
    assert not any(_is_fit(text, *span) for span in split_sentences(text))
    text = text.replace("| a | b | c |", "| The pump of the old mine | The hall in the north |")
    fit = [text[slice(*span)] for span in split_sentences(text) if _is_fit(text, *span)]
    assert fit == ["| The pump of the old mine | The hall in the north |"]


def test_the_seed_gives_the_order(indexes: Indexes) -> None:
    def order(seed: int) -> list[Evidence]:
        return list(draw_evidence(indexes.catalog, seed))

    assert order(1) == order(1) != order(2)


@pytest.mark.parametrize("seed", range(4))
def test_kinds_and_languages_take_turns(indexes: Indexes, seed: int) -> None:
    first = list(islice(draw_evidence(indexes.catalog, seed), 14))
    kinds = Counter(one.kind for one in first)
    assert abs(kinds["md"] - kinds["pdf"]) <= 2
    assert kinds["txt"] >= 1  # 4 of 44 documents, but a quarter of the draws
    assert max(Counter(one.chunk.path for one in first).values()) == 1


def test_kinds() -> None:
    assert [kind_of(path) for path in ("/a/B.PDF", "/a.b/c", "/x/y.tar.gz")] == ["pdf", "", "gz"]

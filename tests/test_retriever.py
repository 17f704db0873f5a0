from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fakes import WordEncoder
from hypothesis import given
from hypothesis import strategies as st

from ingest.sync import sync
from rag.indexes import Indexes
from rag.retriever import Retriever, fuse

ENGLISH = {
    "pump.txt": "The pump holds water and has a warranty of two years.",
    "cat.txt": "Cats sleep all day long in warm places.",
    "dog.txt": "Dogs bark at night and chase the postman.",
    "bird.txt": "Birds sing at dawn in the old garden.",
}


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def indexes(tmp_path: Path, encoder: WordEncoder) -> Iterator[Indexes]:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in ENGLISH.items():
        (docs / name).write_text(text)
    with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as opened:
        sync(opened, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        yield opened


def found(hits: Any) -> list[str]:
    return [Path(hit.chunk.path).name for hit in hits]


def test_the_best_comes_first_with_ranks_and_scores(indexes: Indexes, encoder: WordEncoder) -> None:
    hits = Retriever(indexes, encoder).search("warranty of the pump", 3)
    assert found(hits)[0] == "pump.txt"
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].score == pytest.approx(2 / 61)
    assert all(a.score >= b.score for a, b in pairwise(hits))


def test_nothing_asked_is_nothing_found(indexes: Indexes, encoder: WordEncoder) -> None:
    retriever = Retriever(indexes, encoder)
    assert retriever.search("  ", 5) == [] == retriever.search("pump", 0)


def test_an_empty_index(tmp_path: Path, encoder: WordEncoder) -> None:
    with Indexes(tmp_path / "e", dimension=encoder.dimension, read_only=False) as empty:
        assert Retriever(empty, encoder).search("pump", 5) == []


def test_unknown_words_leave_the_word_index_out(indexes: Indexes, encoder: WordEncoder) -> None:
    hits = Retriever(indexes, encoder).search("Garantie Pumpe Wasser cats", 4)
    assert max(hit.score for hit in hits) == pytest.approx(1 / 61)


def test_copies_are_shown_once(indexes: Indexes, encoder: WordEncoder, tmp_path: Path) -> None:
    (tmp_path / "docs" / "copy.txt").write_text(ENGLISH["pump.txt"])
    sync(indexes, encoder, [tmp_path / "docs"], max_file_bytes=10**6, max_chunk_tokens=100)
    assert len(found(Retriever(indexes, encoder).search("warranty pump", 10))) == 4


def test_what_was_deleted_is_not_found(
    indexes: Indexes, encoder: WordEncoder, tmp_path: Path
) -> None:
    retriever = Retriever(indexes, encoder)
    assert "pump.txt" in found(retriever.search("warranty pump", 10))
    (tmp_path / "docs" / "pump.txt").unlink()
    sync(indexes, encoder, [tmp_path / "docs"], max_file_bytes=10**6, max_chunk_tokens=100)
    assert "pump.txt" not in found(retriever.search("warranty pump", 10))


def test_another_wording_finds_too(indexes: Indexes, encoder: WordEncoder) -> None:
    hits = Retriever(indexes, encoder).search("and it?", 1, wordings=["pump warranty and it?"])
    assert found(hits) == ["pump.txt"]


@pytest.mark.model
def test_a_mixed_collection_answers_in_both_languages(tmp_path: Path, encoder_folder: str) -> None:
    from rag.encoder import SentenceEncoder

    real = SentenceEncoder(encoder_folder)
    docs = tmp_path / "docs"
    docs.mkdir()
    topics = [
        ("The warranty of the pump lasts two years.", "船上的救生衣每年检查一次。"),
        ("Cats sleep for sixteen hours a day.", "茶树在春天发芽，四月采摘。"),
        ("The bridge was built in 1932 by engineers.", "图书馆周一闭馆，周二开放。"),
        ("Bread rises because of the yeast in it.", "钢琴有八十八个琴键。"),
        ("The train to the coast leaves at noon.", "博物馆的门票是五十元。"),
        ("Copper conducts electricity very well.", "长城全长两万多公里。"),
        ("The parliament has six hundred members.", "蜂蜜放在阴凉处保存。"),
        ("Rain falls mostly in the autumn there.", "高铁时速可达三百五十公里。"),
        ("The recipe needs two cups of flour.", "考试在六月的第一周举行。"),
    ]
    for number, (english, chinese) in enumerate(topics):
        (docs / f"en{number}.txt").write_text(english)
        (docs / f"zh{number}.txt").write_text(chinese)
    with Indexes(tmp_path / "index", dimension=real.dimension, read_only=False) as opened:
        sync(opened, real, [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        retriever = Retriever(opened, real)
        assert found(retriever.search("水泵的保修期有多长？", 1)) == ["en0.txt"]
        assert found(retriever.search("How many keys does a piano have?", 1)) == ["zh3.txt"]
        assert found(retriever.search("How long is the pump's warranty?", 1)) == ["en0.txt"]


@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=8), max_size=3))
def test_fusing_is_the_sum_of_reciprocal_ranks(ranked: list[list[int]]) -> None:
    fused = fuse(ranked)
    for chunk_id, score in fused:
        parts = [1 / (61 + ids.index(chunk_id)) for ids in ranked if chunk_id in ids]
        assert score == pytest.approx(sum(parts))
    assert {chunk_id for chunk_id, _ in fused} == {i for ids in ranked for i in ids}
    assert fused == sorted(fused, key=lambda hit: (-hit[1], hit[0]))

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import WordEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from small_index import indexed

from ingest.sync import sync
from rag.encoder import embedding_key
from rag.errors import SearchError
from rag.hits import as_hits
from rag.indexes import Indexes
from rag.retriever import Retriever
from rag.timings import Timings
from rag.types import Chunk, StoredChunk
from rag.where import MODES, Mode, Where
from rag.where_match import Matcher

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
    with indexed(tmp_path, ENGLISH, encoder) as opened:
        yield opened


def found(hits: Any) -> list[str]:
    return [Path(hit.chunk.path).name for hit in hits]


def test_the_best_comes_first_with_ranks_and_scores(indexes: Indexes, encoder: WordEncoder) -> None:
    hits = Retriever(indexes, encoder).search("warranty of the pump", 3)
    assert found(hits)[0] == "pump.txt"
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert all(a.score >= b.score for a, b in pairwise(hits))


def test_nothing_asked_is_nothing_found(indexes: Indexes, encoder: WordEncoder) -> None:
    retriever = Retriever(indexes, encoder)
    assert retriever.search("  ", 5) == [] == retriever.search("pump", 0)


def test_an_empty_index(tmp_path: Path, encoder: WordEncoder) -> None:
    with Indexes(tmp_path / "e", dimension=encoder.dimension, read_only=False) as empty:
        assert Retriever(empty, encoder).search("pump", 5) == []


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


def test_the_way_to_search_is_chosen_and_told(indexes: Indexes, encoder: WordEncoder) -> None:
    retriever = Retriever(indexes, encoder)
    dense = retriever.find("warranty of the pump", 2, mode="dense")
    lexical = retriever.find("warranty of the pump", 2, mode="lexical")
    assert dense.hits[0].score != lexical.hits[0].score
    assert (dense.mode, lexical.mode, dense.notes) == ("dense", "lexical", ())
    assert "lexical" not in dense.timings_ms or dense.timings_ms["lexical"] < 1
    assert "encode" not in lexical.timings_ms and lexical.timings_ms["total"] > 0
    with pytest.raises(SearchError, match="'both'"):
        retriever.find("pump", 1, mode="both")  # type: ignore[arg-type]
    assert retriever.find(" ", 2).hits == ()


def test_without_an_encoder_a_note_says_that_words_alone_were_searched(indexes: Indexes) -> None:
    found = Retriever(indexes, None).find("warranty pump", 2, mode="dense")
    assert found.mode == "lexical" and "by words alone" in found.notes[0]
    assert [Path(hit.chunk.path).name for hit in found.hits] == ["pump.txt"]
    assert Retriever(indexes, None).find("pump", 2, mode="lexical").notes == ()


def test_a_filter_that_lets_nothing_through_finds_nothing_and_says_so(
    indexes: Indexes, encoder: WordEncoder
) -> None:
    for mode in MODES:
        found = Retriever(indexes, encoder).find("pump", 5, mode=mode, where=Where(types=["pdf"]))
        assert found.hits == () and "type pdf" in found.notes[0]
    narrow = Where(documents=["cat.txt"])
    found = Retriever(indexes, encoder).find("zebra", 5, mode="lexical", where=narrow)
    assert found.hits == () and found.notes == ()  # the filter is not to blame


def put_many(indexes: Indexes, encoder: WordEncoder, count: int, start: int = 0) -> None:
    """Documents of two chunks, in folders and languages by turns."""
    for number in range(start, start + count):
        parts = [
            f"pump {'valve ' * (number % 5)}{number}.",
            f"zebra {'valve ' * (number % 3)}x{number}.",
        ]
        chunks = [Chunk(0, 0, text, "", (), None, ("en", "zh")[number % 2]) for text in parts]
        keys = [embedding_key(encoder, "", text) for text in parts]
        vectors = dict(zip(keys, encoder.encode_documents(parts), strict=True))
        path = f"/{'abc'[number % 3]}/{number}.{('txt', 'pdf')[number % 7 == 0]}"
        indexes.catalog.put_document(path, path, "h", 1, 1, "", chunks, keys, vectors)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexes]:
    encoder = WordEncoder(dimension=64)
    folder = tmp_path_factory.mktemp("many")
    with Indexes(folder, dimension=64, read_only=False) as opened:
        put_many(opened, encoder, 30)
        opened.catch_up()
        put_many(opened, encoder, 6, start=30)  # the tail: in the catalog alone
        yield opened


@settings(deadline=None, max_examples=25)
@given(
    mode=st.sampled_from(MODES),
    folders=st.sets(st.sampled_from(["/a", "b", "/c"])),
    types=st.sets(st.sampled_from(["pdf", ".txt"])),
    languages=st.sets(st.sampled_from(["en", "zh"])),
    documents=st.sets(st.integers(1, 36), max_size=3),
    query=st.sampled_from(["pump valve", "zebra 7", "valve"]),
)
def test_a_filter_inside_equals_filtering_everything_found(
    many: Indexes, mode: Mode, folders: set[str], types: set[str], languages: set[str],
    documents: set[int], query: str,
) -> None:  # fmt: skip
    where = Where(tuple(folders), (), tuple(types), tuple(languages), tuple(documents))
    retriever = Retriever(many, WordEncoder(dimension=64))
    matcher = Matcher(where)

    def passes(chunk: StoredChunk) -> bool:
        is_language = not languages or chunk.language in languages
        return is_language and matcher.accepts(chunk.document_id, chunk.path)

    everything = retriever._ranked([query], 1000, mode, Where(), Timings())
    wanted = as_hits([one for one in everything if passes(one[0])])
    found = retriever.find(query, 1000, mode=mode, where=where)
    for language in ("en", "zh"):  # hybrid scores compare languages by the best of each
        ids, wanted_ids, scores, wanted_scores = (
            [key(hit) for hit in hits if hit.chunk.language == language]
            for key in (lambda hit: hit.chunk.chunk_id, lambda hit: hit.score)
            for hits in (found.hits, wanted)
        )
        assert ids == wanted_ids
        if mode == "hybrid":
            scores, wanted_scores = np.diff(scores), np.diff(wanted_scores)
        assert np.allclose(scores, wanted_scores)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedGenerator, WordEncoder

from rag.encoder import embedding_key
from rag.federation import Federation, Part
from rag.indexes import Indexes
from rag.packer import pack
from rag.pipeline import Footnote
from rag.retriever import NO_ENCODER, Retriever
from rag.types import Chunk
from rag.where import MODES, Mode, Where

ENCODER = WordEncoder()
PUMPS = [f"The pump number {n} has {'valve ' * n}inside." for n in range(1, 10)]
CATS = [f"The cat number {n} sleeps near the {'valve ' * (n % 4)}pump." for n in range(1, 10)]


def put(indexes: Indexes, folder: str, texts: list[str], language: str = "en") -> None:
    for number, text in enumerate(texts):
        chunk = Chunk(0, len(text), text, "", (), None, language)
        key = embedding_key(ENCODER, "", text)
        vectors = {key: ENCODER.encode_documents([text])[0]}
        path = f"/{folder}/{number}.txt"
        indexes.catalog.put_document(path, path, "h", 1, 1, text, [chunk], [key], vectors)
    indexes.catch_up()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Indexes]]:
    """Two indexes, and one that holds what both hold."""
    made = [
        Indexes(tmp_path / name, dimension=ENCODER.dimension, read_only=False) for name in "abc"
    ]
    put(made[0], "pumps", PUMPS)
    put(made[1], "cats", CATS)
    put(made[2], "pumps", PUMPS)
    put(made[2], "cats", CATS)
    yield made
    for indexes in made:
        indexes.close()


def federation(*several: Indexes, words_only: bool = False) -> Federation:
    encoder = None if words_only else ENCODER
    return Federation([Part(one, Retriever(one, encoder)) for one in several])


def test_by_meaning_several_indexes_find_what_one_would(three: list[Indexes]) -> None:
    whole = Retriever(three[2], ENCODER)
    for query in ("valve pump", "where does the cat number 3 sleep"):
        found = federation(*three[:2]).find(query, 12, mode="dense")
        expected = whole.find(query, 12, mode="dense")
        assert np.allclose([h.score for h in found.hits], [h.score for h in expected.hits])
        assert {h.chunk.path for h in found.hits[:3]} == {h.chunk.path for h in expected.hits[:3]}
        assert [h.rank for h in found.hits] == list(range(1, 13))


def test_numbers_lead_back_to_the_right_document(three: list[Indexes]) -> None:
    joined = federation(*three[:2])
    for mode in MODES:
        hits = joined.find("number 2 pump cat", 18, mode=mode).hits
        assert len({hit.chunk.chunk_id for hit in hits}) == len(hits) == 18
        for hit in hits:
            assert joined.catalog.document_text(hit.chunk.document_id) == hit.chunk.text
            ((chunk_id, text, _),) = joined.catalog.index_texts([hit.chunk.chunk_id])
            assert chunk_id == hit.chunk.chunk_id and text.endswith(hit.chunk.text)
    with pytest.raises(KeyError, match="1001"):
        joined.catalog.document_text(1001)


def test_parts_and_questions_are_narrowed(three: list[Indexes]) -> None:
    parts = [
        Part(three[0], Retriever(three[0], ENCODER), Where(documents=["0.txt", "1.txt"])),
        Part(three[1], Retriever(three[1], ENCODER)),
    ]
    found = Federation(parts).find("pump", 20, where=Where(folders=["pumps"]))
    assert {hit.chunk.path for hit in found.hits} == {"/pumps/0.txt", "/pumps/1.txt"}
    nothing = Federation(parts).find("pump", 20, where=Where(types=["pdf"]))
    assert nothing.hits == () and "type pdf" in nothing.notes[0]
    assert Federation(parts).find(" ", 5).hits == ()


def test_no_language_crowds_out_another(tmp_path: Path, three: list[Indexes]) -> None:
    with Indexes(tmp_path / "d", dimension=ENCODER.dimension, read_only=False) as other:
        put(other, "zh", CATS, "zh")
        hits = federation(three[0], other).find("pump valve inside", 6).hits
        assert {hit.chunk.path.split("/")[1] for hit in hits} == {"pumps", "zh"}


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_a_small_collection_with_the_answer_is_not_crowded_out(
    tmp_path: Path, three: list[Indexes], mode: Mode
) -> None:
    with Indexes(tmp_path / "d", dimension=ENCODER.dimension, read_only=False) as small:
        put(small, "small", ["The turbine in Bremen hums.", "Bread is baked here."])
        hits = federation(three[2], small).find("turbine in Bremen", 5, mode=mode).hits
        assert hits[0].chunk.text == "The turbine in Bremen hums."


def test_without_the_encoder_words_are_searched_and_it_is_said_once(three: list[Indexes]) -> None:
    found = federation(*three[:2], words_only=True).find("pump", 5)
    assert found.mode == "lexical" and found.notes == (NO_ENCODER,) and len(found.hits) == 5


def test_an_answer_cites_what_lies_in_several_indexes(three: list[Indexes]) -> None:
    generator = ScriptedGenerator("The cat number 3 sleeps near the pump [1].")
    footnote = Footnote(federation(*three[:2]), ENCODER, generator, max_answer_tokens=100)
    answer = footnote.ask("Where does the cat number 3 sleep?")
    (citation,) = answer.citations
    assert citation.path.startswith("/cats/")
    assert answer.found is not None and answer.found.timings_ms["total"] > 0


def test_hits_of_several_indexes_are_widened(three: list[Indexes]) -> None:
    several = federation(*three[:2])
    hits = several.find("valve pump cat", 4).hits
    packed = pack(
        "Which valve?", hits, (), ScriptedGenerator("", max_model_len=20_000), several.catalog,
        max_answer_tokens=100, context_tokens=None, scope="folder",
    )  # fmt: skip
    folders = {hit.chunk.path.rpartition("/")[0] for hit in hits}
    paths = {path for one in three for _, path in one.catalog.find_documents()}
    beside = {path for path in paths if path.rpartition("/")[0] in folders}
    assert {one.path for one in packed.passages} == beside and len(beside) >= 9
    for one in packed.passages:
        assert several.catalog.document_text(one.document_id)[one.start : one.end] == one.text

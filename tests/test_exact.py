from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import WordEncoder
from test_tail import put

from rag.exact import MAX_HOLDERS, MAX_LIFTED, apply_literals, chunks_holding
from rag.id_set import IdSet
from rag.indexes import Indexes
from rag.literals import Literals, find_literals
from rag.retriever import Retriever

ENCODER = WordEncoder(dimension=64)
TEXTS = [
    "The pump stops with ERR-4012 when it is hot.",
    "What to do when an error stops the pump: what does the error mean, what to do.",
    "The pump shows ERR-4013.",
    "个人所得\n税的起征点是五千元。",
    "所得税的起点，征收个人。",
    "See § 12.3 of the terms: the exact words stand here.",
    "The words here are exact, and stand.",
    "Mind PG_STAT_ACTIVITY and party lines.",
]


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    with Indexes(tmp_path / "index", dimension=64, read_only=False) as opened:
        for number, text in enumerate(TEXTS):
            put(opened, f"/{number}", text)
        opened.catch_up()
        yield opened


def texts(indexes: Indexes, query: str, top_k: int = 10) -> list[str]:
    return [hit.chunk.text for hit in Retriever(indexes, ENCODER).search(query, top_k)]


def found(indexes: Indexes, *literals: str) -> list[str]:
    ids = chunks_holding(indexes, literals, 100).ids
    chunks = indexes.catalog.chunks_by_ids(ids)
    return [chunks[i].text for i in ids]


def test_chunks_that_hold_a_literal(indexes: Indexes) -> None:
    assert found(indexes, "ERR-4012") == [TEXTS[0]]
    assert found(indexes, "the EXACT  words") == [TEXTS[5]]
    assert found(indexes, "exact words", "terms") == [TEXTS[5]]
    assert found(indexes, "得税的起征") == [TEXTS[3]]
    assert found(indexes, "§12.3") == [TEXTS[5]]
    assert found(indexes, "pg_stat_activity") == [TEXTS[7]]
    assert found(indexes, "art") == [] == found(indexes)
    assert set(found(indexes, "征")) == {TEXTS[3], TEXTS[4]}  # 起征点, 征收
    assert found(indexes, "4012 when") == [TEXTS[0]]


def test_a_section_is_found_without_its_sign(indexes: Indexes) -> None:
    put(indexes, "/clause", "Clause 7.4 binds nobody at all.")
    hits = Retriever(indexes, ENCODER).find("what does the pump do when hot, §7.4", 3).hits
    assert hits[0].chunk.text.startswith("Clause 7.4")


def test_what_no_index_holds_yet_is_found(indexes: Indexes) -> None:
    put(indexes, "/new", "A new note on the exact words.")
    assert len(found(indexes, "exact words")) == 2
    indexes.catalog.delete_document("/5")
    assert found(indexes, "exact words") == ["A new note on the exact words."]
    assert texts(indexes, '"exact words" of the pump') == ["A new note on the exact words."]


def test_hits_hold_the_phrase(indexes: Indexes) -> None:
    retriever = Retriever(indexes, ENCODER)
    found_ = retriever.find('when is it hot: "exact words"', 5)
    hits, notes = found_.hits, list(found_.notes)
    assert [hit.chunk.text for hit in hits] == [TEXTS[5]] and hits[0].rank == 1
    assert notes == ["only passages with “exact words”"]
    found_ = retriever.find("什么是「所得税的起征点」", 5)
    hits, notes = found_.hits, list(found_.notes)
    assert [hit.chunk.text for hit in hits] == [TEXTS[3]]


def test_where_nothing_holds_the_phrase_meaning_finds(indexes: Indexes) -> None:
    found_ = Retriever(indexes, ENCODER).find('the "stops hot" pump', 5)
    hits, notes = found_.hits, list(found_.notes)
    assert len(hits) == 5 and notes == ["no passage holds “stops hot”; searched by meaning"]


def test_an_identifier_leads(indexes: Indexes) -> None:
    question = "What does the error ERR-4013 mean and what to do when the pump stops?"
    assert texts(indexes, question)[0] == TEXTS[2]
    hits = Retriever(indexes, ENCODER).find(question, 8, literals=Literals()).hits
    assert hits[0].chunk.text != TEXTS[2]  # else this proves nothing
    found = Retriever(indexes, ENCODER).find(question, 8).hits
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert {hit.chunk.chunk_id for hit in hits} == {hit.chunk.chunk_id for hit in found}


def test_it_joins_what_the_search_did_not_find_and_keeps_to_the_filter(indexes: Indexes) -> None:
    (chunk_id,) = chunks_holding(indexes, ["ERR-4013"], 9).ids
    literals = find_literals("ERR-4013")
    assert [h.chunk.chunk_id for h in apply_literals([], literals, indexes)[0]] == [chunk_id]
    assert apply_literals([], literals, indexes, IdSet([chunk_id + 1]))[0] == []
    phrase = Literals(("exact words",))
    assert apply_literals([], phrase, indexes, IdSet(()))[0] == []


def test_what_many_chunks_hold_leads_nowhere(indexes: Indexes) -> None:
    for number in range(MAX_HOLDERS + 1):
        put(indexes, f"/x{number}", f"The X200 has part {number}.")
    indexes.catch_up()
    before = Retriever(indexes, ENCODER).find("hot pump stops", 3, literals=Literals()).hits
    after = (
        Retriever(indexes, ENCODER).find("hot pump stops", 3, literals=find_literals("X200")).hits
    )
    assert after == before


def test_few_are_lifted(indexes: Indexes) -> None:
    for number in range(9):
        put(indexes, f"/y{number}", f"Y-777 number {number}")
    hits = (
        Retriever(indexes, ENCODER).find("hot pump stops", 9, literals=find_literals("Y-777")).hits
    )
    holds = np.array(["Y-777" in hit.chunk.text for hit in hits])
    assert holds[:MAX_LIFTED].all() and not holds[MAX_LIFTED]


def test_a_rare_name_is_among_the_first_few(indexes: Indexes) -> None:
    for number in range(30):
        put(indexes, f"/z{number}", f"The pump stops when hot, says note {number}.")
    put(indexes, "/rare", "Okafor wrote this long ago in quite another place, for other people.")
    indexes.catch_up()
    question = "what says Okafor when the hot pump stops"
    before = Retriever(indexes, ENCODER).find(question, 5, literals=Literals()).hits
    after = Retriever(indexes, ENCODER).find(question, 5).hits
    assert not any("Okafor" in hit.chunk.text for hit in before)  # else this proves nothing
    assert after[:4] == before[:4] and "Okafor" in after[4].chunk.text

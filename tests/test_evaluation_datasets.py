from __future__ import annotations

from pathlib import Path

import pytest
from collections_beir import DOCUMENTS, QRELS, QUERIES, write_collection

from rag.errors import SettingError
from rag.evaluation.datasets import (
    CorpusDocument,
    Dataset,
    corpus_digest,
    merge_documents,
    read_dataset,
)


def test_a_collection_is_read(tmp_path: Path) -> None:
    queries = {**QUERIES, "unjudged": "Who asks?"}
    qrels = {**QRELS, "q2": {"turbine": 2, "pump": 0}}
    dataset = read_dataset(write_collection(tmp_path / "small", queries=queries, qrels=qrels))
    assert dataset.name == "small"
    assert dataset.documents["pump"] == CorpusDocument(*DOCUMENTS["pump"])
    assert dataset.queries == QUERIES  # nobody can tell what answers the unjudged one
    assert dataset.qrels["q2"] == {"turbine": 2}


@pytest.mark.parametrize("file", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = write_collection(tmp_path / "small")
    (folder / file).unlink()
    with pytest.raises(SettingError, match=file):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("corpus.jsonl", '{"_id": "a", "text": "t"}\n{"_id": "b"}\n', r"corpus.jsonl, line 2"),
        ("queries.jsonl", "[]\n", r"queries.jsonl, line 1"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\tpump\n", r"test.tsv, line 2"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq9\tpump\t1\n", "judges none"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    folder = write_collection(tmp_path / "small")
    (folder / file).write_text(text, "utf-8")
    with pytest.raises(SettingError, match=message):
        read_dataset(folder)


def test_collections_merge_unless_an_id_means_two_things(tmp_path: Path) -> None:
    one = read_dataset(write_collection(tmp_path / "one"))
    other = {"boiler": DOCUMENTS["boiler"], "new": ("", "Something else.")}
    two = read_dataset(write_collection(tmp_path / "two", documents=other))
    assert merge_documents([one, two]).keys() == DOCUMENTS.keys() | {"new"}
    three = Dataset("three", {"pump": CorpusDocument("", "Another pump.")}, {}, {})
    with pytest.raises(SettingError, match="'pump'"):
        merge_documents([one, three])


def test_a_corpus_is_named_by_its_content(tmp_path: Path) -> None:
    documents = read_dataset(write_collection(tmp_path / "one")).documents
    turned = dict(reversed(documents.items()))
    assert corpus_digest(turned) == corpus_digest(documents)
    changed = documents | {"pump": CorpusDocument("Pumps", "The pump stands in hall ten.")}
    assert corpus_digest(changed) != corpus_digest(documents)

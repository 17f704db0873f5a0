"""Test collections in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/test.tsv."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import SettingError

CORPUS_FILE, QUERIES_FILE = "corpus.jsonl", "queries.jsonl"
QRELS_FILE = Path("qrels") / "test.tsv"
PATH_PREFIX = "/"  # paths in a catalog are absolute; a corpus has ids

Qrels = dict[str, dict[str, int]]  # by query id: the grades of the documents that answer it


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """One line of a corpus."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents and queries by id. Queries that no document answers are left out."""

    name: str
    documents: dict[str, CorpusDocument]
    queries: dict[str, str]
    qrels: Qrels


def read_dataset(folder: Path) -> Dataset:
    """Read a collection. Raises SettingError that names the file, the line and the cure."""
    for file in (CORPUS_FILE, QUERIES_FILE, QRELS_FILE):
        if not (folder / file).is_file():
            raise SettingError(
                f"{folder} has no {file}. A test collection holds {CORPUS_FILE}, {QUERIES_FILE} "
                f"and {QRELS_FILE}, as BEIR's do; give such a folder."
            )
    documents = {
        str(row["_id"]): CorpusDocument(str(row.get("title") or ""), str(row["text"]))
        for row in _rows(folder / CORPUS_FILE)
    }
    qrels = _read_qrels(folder / QRELS_FILE)
    queries = {str(row["_id"]): str(row["text"]) for row in _rows(folder / QUERIES_FILE)}
    judged = {query: text for query, text in queries.items() if query in qrels}
    if not judged:
        raise SettingError(
            f"{folder / QRELS_FILE} judges none of the queries in {QUERIES_FILE}. "
            "Its columns are query-id, corpus-id, score; correct it."
        )
    name = folder.resolve().name
    return Dataset(name, documents, judged, {query: qrels[query] for query in judged})


def merge_documents(datasets: Sequence[Dataset]) -> dict[str, CorpusDocument]:
    """The documents of all. Raises SettingError if two share an id but not the text."""
    merged: dict[str, CorpusDocument] = {}
    for dataset in datasets:
        for number, document in dataset.documents.items():
            if merged.setdefault(number, document) != document:
                raise SettingError(
                    f"{dataset.name} and another collection give the id {number!r} to different "
                    "documents, so that they cannot share an index. Rename it in one of them."
                )
    return merged


def corpus_digest(documents: dict[str, CorpusDocument]) -> str:
    """Names the content of a corpus, whatever order its lines have."""
    digest = hashlib.sha256()
    for number in sorted(documents):
        row = (number, documents[number].title, documents[number].text)
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                row["_id"], row["text"]
            except (ValueError, TypeError, KeyError) as error:
                raise SettingError(
                    f"{path}, line {number}: not a JSON object with _id and text ({error}). "
                    "Correct the line."
                ) from error
            yield row


def _read_qrels(path: Path) -> Qrels:
    """Grades above 0; a first line that holds no number is a header."""
    qrels: Qrels = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)):
            try:
                query, document, grade = row[0], row[1], float(row[2])
            except (IndexError, ValueError) as error:
                if number == 0 or not row:
                    continue
                raise SettingError(
                    f"{path}, line {number + 1}: not query-id, corpus-id and a score, parted by "
                    "tabs. Correct the line."
                ) from error
            if grade > 0:
                qrels.setdefault(query, {})[document] = round(grade)
    return qrels

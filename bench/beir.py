"""Reads collections in BEIR's layout, and measures a ranking (nDCG@10)."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Collection:
    """`relevant` holds, for each query, the positions of its documents and their grades."""

    documents: list[str]
    queries: list[str]
    relevant: list[dict[int, float]]


def read_collection(folder: Path) -> Collection:
    """corpus.jsonl, queries.jsonl, qrels/test.tsv; queries without a judgement are left out."""
    corpus = _lines(folder / "corpus.jsonl")
    places = {str(row["_id"]): place for place, row in enumerate(corpus)}
    judged: dict[str, dict[int, float]] = {}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as stream:
        for query, document, grade in list(csv.reader(stream, delimiter="\t"))[1:]:
            if float(grade) > 0:
                judged.setdefault(query, {})[places[document]] = float(grade)
    queries = [row for row in _lines(folder / "queries.jsonl") if str(row["_id"]) in judged]
    return Collection(
        [f"{row.get('title') or ''}\n{row['text']}".strip() for row in corpus],
        [row["text"] for row in queries],
        [judged[str(row["_id"])] for row in queries],
    )


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def ndcg_at_10(scores: npt.NDArray[np.float32], relevant: list[dict[int, float]]) -> list[float]:
    """(queries, documents) scores -> nDCG@10 of each query (Järvelin and Kekäläinen, 2002)."""
    discounts = 1 / np.log2(np.arange(2, 12))
    values = []
    for row, grades in zip(scores, relevant, strict=True):
        top = np.argsort(-row, kind="stable")[:10]
        gain = sum(grades.get(int(i), 0.0) * d for i, d in zip(top, discounts, strict=False))
        ideal = sorted(grades.values(), reverse=True)[:10]
        values.append(float(gain / sum(g * d for g, d in zip(ideal, discounts, strict=False))))
    return values

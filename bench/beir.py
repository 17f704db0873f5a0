"""Reads collections in BEIR's layout, and measures a ranking (nDCG@10)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.evaluation.datasets import read_dataset


@dataclass(frozen=True, slots=True)
class Collection:
    """`relevant` holds, for each query, the positions of its documents and their grades."""

    documents: list[str]
    queries: list[str]
    relevant: list[dict[int, float]]


def read_collection(folder: Path) -> Collection:
    """A collection by positions instead of ids; queries without a judgement are left out."""
    dataset = read_dataset(folder)
    places = {number: place for place, number in enumerate(dataset.documents)}
    return Collection(
        [f"{one.title}\n{one.text}".strip() for one in dataset.documents.values()],
        list(dataset.queries.values()),
        [
            {places[number]: float(grade) for number, grade in dataset.qrels[query].items()}
            for query in dataset.queries
        ],
    )


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

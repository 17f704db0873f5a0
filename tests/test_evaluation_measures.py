from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.beir import ndcg_at_10
from rag.evaluation.measures import NAMES, means, measure_run

DOCUMENTS = [f"d{n}" for n in range(130)]
RANKINGS = st.lists(st.sampled_from(DOCUMENTS), unique=True, max_size=130)
GRADES = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(1, 3), min_size=1, max_size=15)


def recall(ranking: list[str], grades: dict[str, int], k: int) -> float:
    return len(grades.keys() & set(ranking[:k])) / len(grades)


def reciprocal_rank(ranking: list[str], grades: dict[str, int]) -> float:
    return next((1 / rank for rank, d in enumerate(ranking[:10], start=1) if d in grades), 0.0)


def ours(ranking: list[str], grades: dict[str, int]) -> float:
    """nDCG@10 by our own code; ten blanks part what was found from what was not."""
    rest = [document for document in DOCUMENTS if document not in ranking]
    order = [*ranking, *(f"blank{n}" for n in range(10)), *rest]
    scores = -np.arange(len(order), dtype=np.float32)[None]
    return ndcg_at_10(scores, [{order.index(d): float(grade) for d, grade in grades.items()}])[0]


@given(RANKINGS, GRADES)
def test_the_library_and_we_agree(ranking: list[str], grades: dict[str, int]) -> None:
    found = {name: of["q"] for name, of in measure_run({"q": ranking}, {"q": grades}).items()}
    assert found["nDCG@10"] == pytest.approx(ours(ranking, grades), abs=1e-6)
    for k in (1, 5, 10, 100):
        assert found[f"recall@{k}"] == pytest.approx(recall(ranking, grades, k))
    assert found["RR@10"] == pytest.approx(reciprocal_rank(ranking, grades))


def test_every_judged_query_counts() -> None:
    qrels = {"found": {"a": 1}, "missed": {"b": 1}}
    values = measure_run({"found": ["a"], "unjudged": ["b"]}, qrels)
    assert values.keys() == NAMES.keys()
    assert all(of == {"found": 1.0, "missed": 0.0} for of in values.values())
    assert set(means(values).values()) == {0.5}

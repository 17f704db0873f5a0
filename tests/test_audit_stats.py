from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.audit import Entry
from rag.audit_stats import percentile, summarize


def entry(**changed: Any) -> dict[str, Any]:
    given_fields: dict[str, Any] = {
        "kind": "ask", "question": "q", "time": "t", "client": "page", "outcome": "answered",
        "cache": "miss", "model": "m", "prompt_tokens": 100, "completion_tokens": 10,
        "ms": {"first_source": 10.0, "first_token": 500.0, "total": 1000.0},
        "sources": [
            {"path": "/a", "page": 1, "cited": True}, {"path": "/b", "page": 2, "cited": False},
        ],
    }  # fmt: skip
    return Entry(**(given_fields | changed)).as_json()


def test_a_day() -> None:
    entries = [
        *(entry(question=f"q{n}", ms={"total": 100.0 * n}) for n in range(1, 11)),
        entry(cache="hit", prompt_tokens=0, completion_tokens=0, ms={"total": 5.0}),
        entry(outcome="refused"),
        entry(outcome="failed", ms={"total": 99_999.0}, sources=[]),
        entry(outcome="stopped", client="api"),
        entry(kind="search", outcome="found", cache="off", ms={"total": 7.0}),
        entry(kind="search", outcome="failed", cache="off") | {"lost_before": 4},
    ]
    found = summarize(entries)
    assert found["questions"] == 14 and found["answered"] == 11
    assert (found["refused"], found["failed"], found["stopped"]) == (1, 1, 1)
    assert (found["searches"], found["failed_searches"], found["lost"]) == (2, 1, 4)
    assert found["clients"] == {"page": 15, "api": 1}
    assert found["tokens"] == {"prompt": 1300, "completion": 130}
    assert found["cache"]["hit_rate"] == pytest.approx(1 / 14)
    assert found["top_documents"][0] == {"path": "/a", "questions": 15}
    assert found["top_documents"][1] == {"path": "/b", "questions": 2}  # of searches alone
    assert [one["question"] for one in found["slowest"]] == ["q10", "q", "q9", "q8", "q7"]
    assert found["ms"]["total"]["p50"] == 600.0 and found["ms"]["search"]["p95"] == 1000.0


def test_a_day_without_questions() -> None:
    found = summarize([])
    assert found["questions"] == 0 and found["cache"]["hit_rate"] is None
    assert found["ms"]["total"] == {"p50": None, "p95": None}
    assert found["top_documents"] == found["slowest"] == []


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 1.0]))
def test_percentiles_are_numpys(values: list[float], share: float) -> None:
    assert percentile(values, share) == np.quantile(values, share, method="inverted_cdf")

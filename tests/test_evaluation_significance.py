from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.evaluation.significance import difference, mean_interval

VALUES = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=8)


def exact_p_value(values: list[float]) -> float:
    """Of all changes of sign."""
    signs = list(product((-1, 1), repeat=len(values)))
    sums = [abs(float(np.dot(one, values))) for one in signs]
    return sum(value >= abs(sum(values)) - 1e-12 for value in sums) / len(signs)


def by_query(values: list[float]) -> dict[str, float]:
    return {f"q{n}": value for n, value in enumerate(values)}


@given(VALUES, st.data())
@settings(max_examples=25, deadline=None)
def test_the_p_value_is_the_exact_test_s(ours: list[float], data: st.DataObject) -> None:
    theirs = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]),
                                min_size=len(ours), max_size=len(ours)))  # fmt: skip
    found = difference(by_query(ours), by_query(theirs))
    values = [a - b for a, b in zip(ours, theirs, strict=True)]
    assert found.p_value == pytest.approx(exact_p_value(values), abs=0.03)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    back = difference(by_query(theirs), by_query(ours))
    assert back.mean == -found.mean
    assert (back.num_better, back.num_worse) == (found.num_worse, found.num_better)


def test_scipy_agrees_on_a_larger_sample() -> None:
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(3)
    values = generator.normal(0.06, 0.4, 150)
    found = difference(by_query(values.tolist()), by_query([0.0] * 150))
    theirs = stats.permutation_test(
        (values, np.zeros(150)), lambda a, b: np.mean(a - b), permutation_type="samples",
        n_resamples=4000, rng=np.random.default_rng(4),
    )  # fmt: skip
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.02)
    half = 1.96 * values.std() / np.sqrt(150)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half),
                                                    abs=0.01)  # fmt: skip


def test_the_same_seed_gives_the_same_and_equal_runs_differ_by_chance() -> None:
    ours, theirs = by_query([0.2, 1.0, 0.4]), by_query([0.1, 1.0, 0.9])
    assert difference(ours, theirs) == difference(ours, theirs)
    same = difference(ours, ours)
    assert (same.mean, same.low, same.high, same.p_value) == (0, 0, 0, 1.0)


def test_only_shared_queries_count() -> None:
    found = difference({"a": 1.0, "b": 0.0}, {"a": 0.0, "c": 1.0})
    assert (found.mean, found.num_queries, found.num_better) == (1.0, 1, 1)
    with pytest.raises(ValueError, match="no query in common"):
        difference({"a": 1.0}, {"b": 1.0})


def test_an_interval_holds_its_mean() -> None:
    mean, low, high = mean_interval(by_query([0.0, 1.0, 1.0, 0.5]))
    assert mean == pytest.approx(0.625)
    assert low < mean < high

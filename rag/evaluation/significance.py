"""Whether the difference between two runs is more than chance, over the same queries.

The paired randomization test: Smucker, Allan and Carterette 2007. The interval is the bootstrap's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SEED = 20260101
NUM_SAMPLES = 10_000
BATCH_SAMPLES = 500  # at a time, for memory
CONFIDENCE = 0.95
ROUNDING = 1e-12  # sums of the same values in another order are equal

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """Ours minus theirs, as a mean over the queries, with its 95 % interval.

    `p_value` is how often a difference at least as large comes by chance (two-sided).
    """

    mean: float
    low: float
    high: float
    p_value: float
    num_better: int
    num_worse: int
    num_queries: int


def difference(
    ours: Mapping[str, float], theirs: Mapping[str, float], seed: int = SEED
) -> Difference:
    """Compare by the queries that both have. Raises ValueError if there are none."""
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        raise ValueError("The two runs have no query in common.")
    values = np.array([ours[query] - theirs[query] for query in shared])
    generator = np.random.default_rng(seed)
    low, high = _interval(values, generator)
    return Difference(
        mean=float(values.mean()),
        low=low,
        high=high,
        p_value=_p_value(values, generator),
        num_better=int((values > ROUNDING).sum()),
        num_worse=int((values < -ROUNDING).sum()),
        num_queries=len(shared),
    )


def mean_interval(values: Mapping[str, float], seed: int = SEED) -> tuple[float, float, float]:
    """The mean over the queries, and its 95 % interval's ends."""
    array = np.array([values[query] for query in sorted(values)])
    return float(array.mean()), *_interval(array, np.random.default_rng(seed))


def _p_value(values: Values, generator: np.random.Generator) -> float:
    """The share of random sign changes whose mean is as far from 0; the data itself counts."""
    observed, as_large = abs(values.sum()), 0
    for size in _batches():
        signs = generator.integers(0, 2, (size, len(values)), dtype=np.int8) * 2.0 - 1
        as_large += int((np.abs(signs @ values) >= observed - ROUNDING).sum())
    return (1 + as_large) / (1 + NUM_SAMPLES)


def _interval(values: Values, generator: np.random.Generator) -> tuple[float, float]:
    """The percentile bootstrap's interval of the mean."""
    sampled = [
        values[generator.integers(0, len(values), (size, len(values)))].mean(axis=1)
        for size in _batches()
    ]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(sampled), [tail, 1 - tail])
    return float(low), float(high)


def _batches() -> list[int]:
    whole, rest = divmod(NUM_SAMPLES, BATCH_SAMPLES)
    return [BATCH_SAMPLES] * whole + [rest] * (rest > 0)

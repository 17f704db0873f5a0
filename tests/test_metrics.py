from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.metrics import holds_facts, percentile


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("It costs 1,400 EUR.", [["1400"]], True),
        ("It costs １４００ EUR.", [["1,400"]], True),
        ("It costs 14000 EUR.", [["1400"]], False),
        ("It costs 1.8 EUR.", [["1.80", "1.8"]], True),
        ("It costs 21.8 EUR.", [["1.8"]], False),
        ("**two hours** after", [["two hours"], ["after"]], True),
        ("two hours", [["two hours"], ["after"]], False),
        ("七个工作日内", [["7 个工作日", "七个工作日"]], True),
        ("二十五天", [["五天"]], False),
        ("二十五天", [["二十五"]], True),
        ("It is 120万元", [["120万"]], True),
        ("We know the party", [["no"], ["art"]], False),
        ("Two pumps stand", [["pump"]], True),
        ("Two pumpstations", [["pump"]], False),
        ("项目Firefly已开始", [["firefly"]], True),
    ],
)
def test_facts(text: str, facts: list[list[str]], expected: bool) -> None:
    assert holds_facts(text, facts) is expected


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0.01, 1.0))
def test_percentiles_agree_with_numpy(values: list[float], share: float) -> None:
    expected = np.quantile(values, share, method="inverted_cdf")
    assert percentile(values, share) == pytest.approx(expected)
    assert percentile([], share) == 0.0

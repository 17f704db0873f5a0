from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.refusal import Signals, answers, probability
from rag.self_check import SURE

CLEAR = Signals(look=9.0, near=0.93, refused=False, supported=1.0)


def test_clear_cases_are_clear() -> None:
    assert answers(CLEAR) and probability(CLEAR) > 0.8
    poor = Signals(look=-9.0, near=0.80, refused=False, supported=0.5)
    assert not answers(poor) and probability(poor) < 0.2
    assert not answers(replace(CLEAR, look=0.3))  # a weak yes is none


@given(st.floats(-30, 30), st.floats(0, 1), st.booleans(), st.floats(0, 1), st.floats(0, 5))
def test_more_of_what_speaks_for_an_answer_never_speaks_against_it(
    look: float, near: float, refused: bool, supported: float, more: float
) -> None:
    signals = Signals(look, near, refused, supported)
    assert 0 < probability(signals) < 1
    assert probability(replace(signals, look=look + more)) >= probability(signals)
    assert probability(replace(signals, near=near + more)) >= probability(signals)


@pytest.mark.parametrize("look", [-SURE, SURE])
def test_a_word_alone_decides_where_no_probability_is_known(look: float) -> None:
    assert answers(replace(CLEAR, look=look)) is (look > 0)


@pytest.mark.parametrize("look", [-1e9, 1e9])
def test_one_signal_is_bounded(look: float) -> None:
    assert probability(replace(CLEAR, look=look)) == probability(replace(CLEAR, look=look / 10))

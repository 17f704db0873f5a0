"""What is too old is deleted by a clock that no jump leads astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.believed_time import DOUBT_SECONDS, SLACK_SECONDS, BelievedTime

START = 1_700_000_000.0
YEAR = 365 * 86_400.0


class Clocks:
    def __init__(self) -> None:
        self.steady, self.offset = 500.0, START
        self.believed = BelievedTime(lambda: self.steady + self.offset, lambda: self.steady)


def test_it_goes_with_the_clock() -> None:
    clocks = Clocks()
    for _ in range(5):
        clocks.steady += 90_000
        assert clocks.believed() == clocks.steady + clocks.offset


def test_a_jump_ahead_and_back_was_none() -> None:
    clocks = Clocks()
    clocks.offset += YEAR
    clocks.steady += 3600
    assert clocks.believed() == START + clocks.steady
    clocks.steady += 3600
    assert clocks.believed() == START + clocks.steady
    clocks.offset -= YEAR
    clocks.steady += DOUBT_SECONDS
    assert clocks.believed() == START + clocks.steady
    clocks.offset += YEAR  # a second one is doubted anew
    assert clocks.believed() == START + clocks.steady


def test_a_clock_that_stays_ahead_is_believed_after_a_day() -> None:
    clocks = Clocks()
    clocks.offset += YEAR
    clocks.believed()
    clocks.steady += DOUBT_SECONDS - 1
    assert clocks.believed() == START + clocks.steady
    clocks.steady += 1
    assert clocks.believed() == START + YEAR + clocks.steady


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e9, 1e9)), max_size=20))
def test_it_is_never_ahead_of_the_clock_by_more_than_it_was(
    steps: list[tuple[float, float]],
) -> None:
    """Nothing is deleted before a clock that counts has said that it is old."""
    clocks = Clocks()
    offsets = [clocks.offset]
    for seconds, jump in steps:
        clocks.steady += seconds
        clocks.offset += jump
        offsets.append(clocks.offset)
        believed = clocks.believed() - clocks.steady
        assert believed <= clocks.offset + 1e-3 and min(offsets) - 1e-3 <= believed
        if jump <= SLACK_SECONDS - 1 and len(offsets) == 2:
            assert believed == pytest.approx(clocks.offset)

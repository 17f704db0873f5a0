"""How much may be asked, on a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.api.failure import ApiError
from rag.api.limits import MAX_KEPT, LimitNumbers, Limits, Rate


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_so_many_a_minute_then_a_wait() -> None:
    clock = Clock()
    limits = Limits(LimitNumbers(caller_per_minute=3), clock)
    for _ in range(3):
        limits.admit_caller("a")
    with pytest.raises(ApiError) as over:
        limits.admit_caller("a")
    assert over.value.status == 429 and over.value.retry_after == pytest.approx(20)
    limits.admit_caller("b")
    clock.now += 20.001
    limits.admit_caller("a")
    with pytest.raises(ApiError):
        limits.admit_caller("a")


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 8))
def test_never_more_than_twice_the_number_in_any_minute(steps: list[float], number: int) -> None:
    """A burst of all of them, and what comes back meanwhile."""
    rate, now, taken = Rate(number, 60.0), 0.0, []
    for step in steps:
        now += step
        if not rate.wait("a", now):
            rate.take("a", now)
            taken.append(now)
    for start in taken:
        assert sum(start <= one < start + 60 for one in taken) <= 2 * number


@given(st.integers(1, 100), st.floats(0, 1e6))
def test_who_waits_as_told_gets_in(number: int, now: float) -> None:
    rate = Rate(number, 60.0)
    for _ in range(number):
        rate.take("a", now)
    wait = rate.wait("a", now)
    assert 0 < wait <= 60.0 + 1e-6
    assert rate.wait("a", now + wait + 1e-6) == 0


def test_no_limit_and_a_bounded_memory() -> None:
    limits = Limits(LimitNumbers())
    for _ in range(1000):
        limits.admit_address("a")
    rate = Rate(5, 60.0)
    for number in range(MAX_KEPT + 10):
        rate.take(str(number), 0.0)
    assert len(rate._back_at) == MAX_KEPT


def test_places_are_given_back_whatever_happens() -> None:
    limits = Limits(LimitNumbers(max_answers=1))
    with pytest.raises(RuntimeError), limits.answering("a"):
        with pytest.raises(ApiError, match="1 answers"), limits.answering("b"):
            pass
        raise RuntimeError
    with limits.answering("a"):
        assert limits.num_answers == 1
    assert limits.num_answers == 0

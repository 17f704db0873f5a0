from __future__ import annotations

from collections import Counter

from fakes import Clock

from rag.generate import endpoints
from rag.generate.endpoints import FAILURES_UNTIL_OPEN, STICKY_MARGIN, Endpoints


def several(number: int = 3) -> tuple[Endpoints, Clock]:
    clock = Clock(100.0)
    return Endpoints([f"http://server-{n}/v1/" for n in range(number)], clock), clock


def break_down(endpoint: endpoints.Endpoint) -> None:
    for _ in range(FAILURES_UNTIL_OPEN):
        endpoint.failed("down")


def test_the_least_busy_is_asked_and_equals_take_turns() -> None:
    pool, _ = several()
    first, second, third = pool.all
    assert [pool.choose(f"key-{n}") for n in range(4)] == [first, second, third, first]
    first.outstanding, second.outstanding, third.outstanding = 2, 1, 2
    assert {pool.choose(f"busy-{n}") for n in range(4)} == {second}
    assert pool.all[0].url == "http://server-0/v1"


def test_work_is_spread_evenly_over_many_questions() -> None:
    pool, _ = several()
    taken: Counter[str] = Counter()
    for number in range(30):
        chosen = pool.choose(str(number))
        assert chosen is not None
        chosen.outstanding += 1
        taken[chosen.url] += 1
    assert set(taken.values()) == {10}


def test_a_follow_up_goes_where_its_beginning_went_while_that_is_ready() -> None:
    pool, _ = several()
    home = pool.choose("talk")
    assert home is not None
    home.outstanding = STICKY_MARGIN
    assert pool.choose("talk") is home
    home.outstanding += 1
    assert pool.choose("talk") is not home
    other = pool.choose("talk")
    assert other is not None and other is not home
    home.outstanding = 0
    break_down(other)
    assert pool.choose("talk") not in (None, other)


def test_what_is_remembered_is_bounded() -> None:
    pool, _ = several(2)
    for number in range(endpoints.MAX_REMEMBERED + 50):
        pool.choose(str(number))
    assert len(pool._asked) == endpoints.MAX_REMEMBERED


def test_the_breaker_opens_after_failures_in_a_row_and_longer_each_time() -> None:
    pool, clock = several(1)
    (only,) = pool.all
    only.failed("down")
    only.failed("down")
    only.succeeded()
    only.failed("down")
    only.failed("down")
    assert only.state == "ready" and pool.choose("x") is only
    only.failed("down again")
    assert only.state == "failing" and pool.choose("x") is None and not pool.is_any_open
    assert only.seconds_left == endpoints.OPEN_SECONDS and only.failure == "down again"
    waits = []
    for _ in range(6):
        waits.append(only.seconds_left)
        clock.now += only.seconds_left
        assert only.state == "trying" and pool.choose("x") is None and pool.is_any_open
        only.failed("down")
    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_probe_that_is_answered_closes_the_breaker_until_the_next_failure() -> None:
    pool, clock = several(1)
    (only,) = pool.all
    break_down(only)
    clock.now += only.seconds_left
    only.lives()
    assert only.state == "ready"
    only.failed("down")
    assert only.state == "failing" and only.seconds_left == 2 * endpoints.OPEN_SECONDS
    clock.now += only.seconds_left
    only.lives()
    only.succeeded()
    assert only.failure == ""
    break_down(only)
    assert only.seconds_left == endpoints.OPEN_SECONDS


def test_one_that_asked_for_a_pause_gets_it() -> None:
    pool, clock = several(2)
    first, second = pool.all
    first.rest(30)
    assert first.state == "resting" and pool.is_any_open
    assert {pool.choose(str(n)) for n in range(5)} == {second}
    assert pool.choose("x", [second]) is None
    clock.now += 30
    assert first.state == "ready"

from __future__ import annotations

from fakes import Clock

from rag import throttle as module
from rag.throttle import FORGET_SECONDS, FREE_TRIES, LONGEST_SECONDS, Throttle


def made() -> tuple[Throttle, Clock]:
    clock = Clock(0.0)
    return Throttle(clock), clock


def tried(throttle: Throttle, times: int, name: str = "anna", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        assert throttle.begin(name, address) == 0


def test_each_failure_doubles_the_wait_up_to_the_longest() -> None:
    throttle, clock = made()
    tried(throttle, FREE_TRIES["name"])
    waits = []
    for _ in range(9):
        waits.append(wait := throttle.begin("anna", "10.0.0.1"))
        assert throttle.begin("anna", "10.0.0.1") == wait  # asking again costs nothing
        clock.now += wait
        tried(throttle, 1)
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert waits[6] == LONGEST_SECONDS["name"]
    assert waits[8] <= LONGEST_SECONDS["address"]


def test_names_and_addresses_count_apart() -> None:
    throttle, _ = made()
    tried(throttle, 3, address="10.0.0.1")
    assert throttle.begin("anna", "10.9.9.9") > 0  # of the same name, from anywhere
    assert throttle.begin("bo", "10.0.0.1") == 0
    for n in range(FREE_TRIES["address"]):
        throttle.begin(f"user{n}", "10.0.0.1")
    assert throttle.begin("new", "10.0.0.1") > 0
    assert throttle.begin("new", "10.0.0.2") == 0


def test_a_success_starts_afresh_and_does_not_forgive_the_address() -> None:
    throttle, _ = made()
    tried(throttle, 3)
    throttle.succeeded("anna", "10.0.0.1")
    tried(throttle, 3)
    throttle.succeeded("anna", "10.0.0.1")
    for n in range(6):
        assert throttle.begin(f"user{n}", "10.0.0.1") == 0
    assert throttle.begin("user", "10.0.0.1") > 0  # 4 + 6 failed


def test_an_hour_of_rest_is_enough() -> None:
    throttle, clock = made()
    tried(throttle, 3)
    assert throttle.begin("anna", "10.0.0.1") > 0
    clock.now += FORGET_SECONDS + 1
    tried(throttle, 3)


def test_ipv6_callers_count_by_their_network() -> None:
    throttle, _ = made()
    for n in range(FREE_TRIES["address"]):
        assert throttle.begin(f"user{n}", f"2001:db8::{n + 1}") == 0
    assert throttle.begin("more", "2001:db8::ffff") > 0
    assert throttle.begin("more", "2001:db8:1::1") == 0


def test_it_keeps_no_more_than_so_much(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "MAX_KEPT", 10)
    throttle, _ = made()
    for n in range(100):
        throttle.begin(f"user{n}", f"10.0.{n}.1")
    assert len(throttle._kept) == 10

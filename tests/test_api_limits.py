"""How much may be asked: what every count must do, in memory and in a real Redis server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from api_service import callers
from cache_stores import RedisServer, redis_server
from fakes import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.api.failure import ApiError
from rag.api.limits import LimitNumbers, Limits
from rag.api.rates import MAX_KEPT, MemoryRates, Rate, RateError, RateStore, TolerantRates
from rag.api.redis_rates import PREFIX, RedisRates, key_of
from rag.config import Settings
from rag.errors import SettingError
from rag.prometheus import Condition, Metrics
from rag.tolerant import PAUSE_SECONDS, Tolerant
from rag.web_api import limits_of, limits_place

MINUTE, HOUR = 60.0, 3600.0
Run = Callable[[Coroutine[Any, Any, None]], None]


def refused(asked: Coroutine[Any, Any, None]) -> ApiError:
    with pytest.raises(ApiError) as over:
        asyncio.run(asked)
    assert over.value.status == 429
    return over.value


# What every store does. Spans are so long that nothing comes back while a test runs, or so short
# that all has come back as soon as its wait is over.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[RateStore]:
    if request.param == "memory":
        yield MemoryRates()
        return
    made = RedisRates(request.getfixturevalue("server").url)
    yield made
    made._server.client.flushall()
    made.close()


def test_so_many_then_a_wait(store: RateStore) -> None:
    rate = Rate("a", 3, HOUR)
    assert [store.take(rate, "x") for _ in range(3)] == [0, 0, 0]
    waits = [store.take(rate, "x") for _ in range(3)]
    for wait in [*waits, store.wait(rate, "x")]:  # what is refused costs nothing
        assert HOUR / 3 - 60 < wait <= HOUR / 3
    assert store.wait(rate, "y") == 0 and store.take(Rate("b", 3, HOUR), "x") == 0


def test_looking_takes_nothing(store: RateStore) -> None:
    rate = Rate("a", 1, HOUR)
    assert [store.wait(rate, "x") for _ in range(5)] == [0] * 5
    assert store.take(rate, "x") == 0 and store.take(rate, "x") > 0


def test_what_is_spent_over_the_number_is_waited_for(store: RateStore) -> None:
    rate = Rate("tokens", 1000, HOUR)
    store.spend(rate, "x", 999)
    assert store.wait(rate, "x") == 0
    store.spend(rate, "x", 1501)
    assert HOUR * 1.5 - 60 < store.wait(rate, "x") <= HOUR * 1.501
    store.spend(rate, "x", 10**9)
    assert store.wait(rate, "x") > HOUR * 10**5


def test_no_limit(store: RateStore) -> None:
    rate = Rate("a", 0, HOUR)
    store.spend(rate, "x", 10**6)
    assert [store.take(rate, "x") for _ in range(20)] == [0] * 20


def test_it_comes_back(store: RateStore) -> None:
    rate, waiting = Rate("a", 2, 0.02), threading.Event()
    for _ in range(20):
        if wait := store.take(rate, "x"):
            assert wait <= 0.01 + 1e-6
            waiting.wait(wait + 0.001)
            assert store.take(rate, "x") == 0


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(["take", "spend", "wait"]), st.integers(1, 6))))
def test_both_stores_say_the_same(server: RedisServer, steps: list[tuple[str, int]]) -> None:
    """While nothing comes back, a store is a number that is left."""
    shared, own, rate = RedisRates(server.url), MemoryRates(), Rate("p", 7, HOUR * 1000)
    shared._server.client.flushall()
    left = 7
    for kind, amount in steps:
        if kind == "spend":
            for store in (shared, own):
                store.spend(rate, "x", amount)
            left -= amount
            continue
        waits = [getattr(store, kind)(rate, "x") for store in (shared, own)]
        assert [wait == 0 for wait in waits] == [left > 0] * 2
        assert waits[0] == pytest.approx(waits[1], abs=30)
        left -= kind == "take" and left > 0
    shared.close()


@pytest.mark.parametrize("name", ["key:anna", "2001:db8::/64", "人", "\udce4", "", "x" * 10_000])
def test_any_name(store: RateStore, name: str) -> None:
    rate = Rate("a", 1, HOUR)
    assert store.take(rate, name) == 0 and store.take(rate, name) > 0


def test_many_threads_take_no_more_than_there_is(store: RateStore) -> None:
    rate, taken = Rate("a", 50, HOUR), []

    def work() -> None:
        taken.extend(not store.take(rate, "x") for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 160 and sum(taken) == 50


# In memory, on a clock of its own


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 8))
def test_never_more_than_twice_the_number_in_any_minute(steps: list[float], number: int) -> None:
    """A burst of all of them, and what comes back meanwhile."""
    clock = Clock(100.0)
    store, rate, taken = MemoryRates(clock), Rate("a", number, MINUTE), []
    for step in steps:
        clock.now += step
        if not store.take(rate, "x"):
            taken.append(clock.now)
    for start in taken:
        assert sum(start <= one < start + 60 for one in taken) <= 2 * number


@given(st.integers(1, 100), st.floats(0, 1e6))
def test_who_waits_as_told_gets_in(number: int, now: float) -> None:
    clock = Clock(100.0)
    clock.now = now
    store, rate = MemoryRates(clock), Rate("a", number, MINUTE)
    store.spend(rate, "x", number)
    wait = store.wait(rate, "x")
    assert 0 < wait <= 60.0 + 1e-6
    clock.now += wait + 1e-6
    assert store.wait(rate, "x") == 0


def test_a_bounded_memory() -> None:
    store, rate = MemoryRates(), Rate("a", 5, MINUTE)
    for number in range(MAX_KEPT + 10):
        store.take(rate, str(number))
    assert len(store._back_at["a"]) == MAX_KEPT


# In Redis


def test_keys_expire_and_name_nobody(server: RedisServer) -> None:
    store, rate = RedisRates(server.url), Rate("caller", 10, MINUTE)
    store.take(rate, "key:anna")
    store.spend(rate, "key:anna", 4)
    client = store._server.client
    (key,) = client.keys(f"{PREFIX}*")
    assert key.decode() == key_of(rate, "key:anna") and b"anna" not in key
    assert 0 < client.pttl(key) <= 30_000
    client.set(key, b"no number")
    assert store.take(rate, "key:anna") == 0
    client.flushall()
    store.close()


def test_two_processes_share_one_limit(server: RedisServer) -> None:
    made = [
        limits_of(Served(requests_per_minute=4, cache_url=server.url)),
        limits_of(Served(requests_per_minute=4, cache_url="none", limits_url=server.url)),
        limits_of(Served(requests_per_minute=4, cache_url=server.url, limits_url="none")),
    ]

    async def take(limits: Limits) -> None:
        await limits.admit_caller("key:a")

    for one in (0, 1, 0, 1):
        asyncio.run(take(made[one]))
    assert 0 < (refused(take(made[0])).retry_after or 0) <= 15
    refused(take(made[1]))
    asyncio.run(take(made[2]))
    for limits in made:
        limits.close()


def test_a_server_that_dies_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it this process counts on, from what it has counted itself."""
    clock, failures = Clock(100.0), list[int]()
    with redis_server(tmp_path) as server:
        shared: Tolerant[RateStore] = Tolerant(
            lambda: RedisRates(server.url), RateError, otherwise="Alone.", well_again="Back.",
            on_failure=lambda: failures.append(1), clock=clock,
        )  # fmt: skip
        store, other = TolerantRates(shared), RedisRates(server.url)
        rate = Rate("a", 4, HOUR)
        assert store.take(rate, "x") == store.take(rate, "x") == other.take(rate, "x") == 0
        server.stop()
        with pytest.raises(RateError) as told:
            other.take(rate, "x")
        assert "secret" not in str(told.value) and "limits_url" in str(told.value)
        assert [store.take(rate, "x") > 0 for _ in range(3)] == [False, False, True]
        store.spend(rate, "x", 1)
        assert store.wait(rate, "x") > HOUR / 4 and not shared.is_well
        assert len(failures) == 1  # then it was left alone
        assert caplog.text.count("cannot be used") == caplog.text.count("Alone.") == 1
        server.start()
        assert store.take(rate, "x") > 0
        clock.now += PAUSE_SECONDS + 1
        assert store.take(rate, "x") == 0 and shared.is_well
        assert other.wait(Rate("a", 1, HOUR), "x") > 0  # it counts there again
        assert caplog.text.count("Back.") == 1
        store.close()
        other.close()


def test_requests_go_on_without_it(tmp_path: Path) -> None:
    """Whole requests, with a server that dies: 200 and 429 alone."""
    with redis_server(tmp_path) as server:
        numbers = {"requests_per_minute": 5, "tokens_per_day": 2000}
        with callers(tmp_path, limits_url=server.url, **numbers) as who, who.client() as client:

            def ask() -> int:
                asked = {"question": "options"}
                return int(client.post("/api/ask", json=asked).status_code)

            def limits_word() -> str:
                return str(who.client("").get("/readyz").json()["components"]["limits"])

            assert [ask(), ask()] == [200, 200] and limits_word() == "ready"
            server.stop()
            assert ask() == 429  # the tokens: 2 x 1490
            models = [client.get("/v1/models").status_code for _ in range(3)]
            assert models == [200, 200, 429] and limits_word() == "unreachable"


def test_a_failure_is_counted(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        served = Served(requests_per_minute=1, limits_url=server.url)
        served.recording = SimpleNamespace(metrics=Metrics(Condition, "1"))
        limits = limits_of(served)
        server.stop()
        asyncio.run(limits.admit_caller("a"))
        refused(limits.admit_caller("a"))
        text = served.recording.metrics.exposition()[0].decode()
        assert "footnote_limits_failures_total 1.0" in text and not limits.is_well()
        limits.close()


# As the API uses them


class Served:
    """What the limits need of a service."""

    def __init__(self, **given: Any) -> None:
        self.settings = Settings(**given)
        self.recording: Any = None


def test_where_it_is_counted() -> None:
    url = "redis://:secret@cache:6379/0"
    assert limits_place(Settings()) == ""
    assert limits_place(Settings(cache_url=url)) == url
    assert limits_place(Settings(cache_url=url, limits_url="none")) == ""
    assert limits_place(Settings(limits_url=url)) == url
    with pytest.raises(SettingError, match="limits_url") as told:
        limits_place(Settings(limits_url="http://secret@x"))
    assert "secret" not in str(told.value)


def test_over_each_limit() -> None:
    limits = Limits(LimitNumbers(caller_per_minute=3, address_per_minute=2, tokens_per_day=100))

    async def take() -> None:
        for _ in range(3):
            await limits.admit_caller("a")
        for _ in range(2):
            await limits.admit_address("a")
        await limits.admit_answer("a")
        await limits.spend("a", 150)

    asyncio.run(take())
    over = refused(limits.admit_caller("a"))
    assert over.reason == "rate_limit" and over.retry_after == pytest.approx(20, abs=10)
    assert "address" in str(refused(limits.admit_address("a")))
    over = refused(limits.admit_answer("a"))
    assert over.reason == "tokens_per_day" and (over.retry_after or 0) > 40_000
    asyncio.run(limits.admit_caller("b"))
    asyncio.run(limits.admit_answer("b"))


def test_places_are_given_back_whatever_happens() -> None:
    limits = Limits(LimitNumbers(max_answers=1))
    with pytest.raises(RuntimeError), limits.answering():
        with pytest.raises(ApiError, match="1 answers"), limits.answering():
            pass
        raise RuntimeError
    with limits.answering():
        assert limits.num_answers == 1
    assert limits.num_answers == 0

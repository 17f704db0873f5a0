"""What every store must do, and what each does of its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cache_stores import RedisServer, fill, redis_server
from fakes import Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.cache.sqlite_store import SqliteStore
from rag.cache.store import Store, StoreError

REPOSITORY = Path(__file__).resolve().parent.parent
DAY = 86_400.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(params=["sqlite", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    opened: list[Store] = []

    def make(max_seconds: float = DAY) -> Store:
        if request.param == "sqlite":
            path = tmp_path / "cache.sqlite3"
            store: Store = SqliteStore(path, max_bytes=10**7, max_seconds=max_seconds)
        else:
            from rag.cache.redis_store import RedisStore

            url = request.getfixturevalue("server").url
            store = RedisStore(url, max_seconds=max_seconds)
        opened.append(store)
        return store

    yield make
    for store in opened:
        if request.param == "redis":
            store._client.flushall()  # type: ignore[attr-defined]
        store.close()


def test_keeps_and_forgets(open_store: Callable[..., Store]) -> None:
    store = open_store()
    assert store.get("a") is None
    store.put("a", b"\x00one")
    store.put("a", b"two")
    assert store.get("a") == b"two" and open_store().get("a") == b"two"
    store.remove("a")
    store.remove("a")
    assert store.get("a") is None


def test_families(open_store: Callable[..., Store]) -> None:
    store = open_store()
    store.put("a", b"1", "f", b"\x01\x02")
    store.put("b", b"2", "f", b"\x03\x04")
    store.put("c", b"3", "g", b"\x05\x06")
    store.put("d", b"4")
    assert sorted(store.family("f")) == [("a", b"\x01\x02"), ("b", b"\x03\x04")]
    assert store.family("h") == []


def test_what_is_too_old_is_gone(open_store: Callable[..., Store]) -> None:
    store = open_store(max_seconds=0.001)
    store.put("a", b"1", "f", b"\x01")
    gone, tick = False, threading.Event()
    for _ in range(400):
        gone = store.get("a") is None and store.family("f") == []
        if gone:
            break
        tick.wait(0.005)
    assert gone


def test_many_threads(open_store: Callable[..., Store]) -> None:
    store, failures = open_store(), list[BaseException]()

    def work(number: int) -> None:
        try:
            for turn in range(20):
                store.put(f"{number}-{turn}", f"{number} {turn}".encode())
                assert store.get(f"{number}-{turn}") == f"{number} {turn}".encode()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# SQLite's own


def make(
    path: Path, max_bytes: int = 10**6, clock: Callable[[], float] | None = None
) -> SqliteStore:
    return SqliteStore(path, max_bytes=max_bytes, max_seconds=DAY, clock=clock or Clock(step=1.0))


def size_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT COALESCE(SUM(size), 0) FROM entries").fetchone()[0])
    finally:
        connection.close()


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    store = make(tmp_path / "c", max_bytes=1000)
    fill(store, 10, 100)
    assert store.get("key-0") is not None  # used again
    store.put("new", b"x" * 100)
    assert store.get("key-0") is not None and store.get("new") is not None
    assert store.get("key-1") is None and store.get("key-9") is not None
    store.put("huge", b"x" * 1001)
    assert store.get("huge") is None and store.get("new") is not None
    store.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1200)), max_size=40))
def test_never_larger_than_its_limit_and_the_newest_stays(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("lru") / "c"
    store = make(path, max_bytes=1000)
    for number, size in puts:
        store.put(f"k{number}", b"v" * size)
        assert size_of(path) <= 1000
        if size <= 1000:
            assert store.get(f"k{number}") == b"v" * size
    store.close()


def test_an_entry_that_does_not_fit_any_more_leaves_no_old_one_behind(tmp_path: Path) -> None:
    store = make(tmp_path / "c", max_bytes=100)
    store.put("a", b"old")
    store.put("a", b"x" * 101)
    assert store.get("a") is None
    store.close()


def test_what_a_clock_made_that_was_far_ahead_does_not_live_on(tmp_path: Path) -> None:
    now = 1_000_000.0
    store = SqliteStore(tmp_path / "c", max_bytes=10**6, max_seconds=100.0, clock=lambda: now)
    store.put("a", b"1", "f", b"\x01")
    now += 50
    store.put("b", b"2", "f", b"\x02")
    now -= 100  # set back by less than an entry lives: both go on to count
    assert store.get("a") == b"1" and len(store.family("f")) == 2
    now -= 10  # what was made later than entries live from now is gone
    assert store.get("a") and store.get("b") is None
    assert [key for key, _ in store.family("f")] == ["a"]
    store.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = make(tmp_path / "c")
    store.put("a", b"1")
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    store.close()


def test_a_damaged_file_is_emptied_once(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"this is no database, by no means" * 200)
    with pytest.raises(StoreError, match="damaged"):
        make(tmp_path / "c")
    store = make(tmp_path / "c")
    store.put("a", b"1")
    store.close()
    with (tmp_path / "c").open("r+b") as stream:
        stream.seek(0)
        stream.write(os.urandom(4096))
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"c{suffix}").unlink(missing_ok=True)
    with pytest.raises(StoreError, match="damaged"):
        make(tmp_path / "c").get("a")
    store = make(tmp_path / "c")
    assert store.get("a") is None
    store.close()


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    store = make(tmp_path / "c")
    store._open().execute("PRAGMA max_page_count = 10")
    with pytest.raises(StoreError, match=r"full.*cache_url"):
        store.put("a", os.urandom(200_000))
    store.put("b", b"small")
    assert store.get("b") == b"small"
    store.close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cache_url"):
        make(tmp_path / "gone" / "c")


def test_two_processes_share_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from rag.cache.sqlite_store import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1]), max_bytes=10**6, max_seconds=86400)\n"
        "for n in range(200): store.put(f'{sys.argv[2]}-{n}', sys.argv[2].encode())\n"
        "store.close()"
    )
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "c"), name], env=environment
        )
        for name in ("one", "two")
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    store = SqliteStore(tmp_path / "c", max_bytes=10**6, max_seconds=DAY)
    assert all(store.get(f"{name}-{n}") for name in ("one", "two") for n in range(200))
    store.close()


# Redis's own


def test_a_redis_that_is_gone_says_so_without_its_password(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        from rag.cache.redis_store import RedisStore

        store = RedisStore(server.url, max_seconds=DAY)
        store.put("a", b"1")
        server.stop()
        for use in (
            lambda: store.get("a"),
            lambda: store.put("a", b"2"),
            lambda: store.family("f"),
        ):
            with pytest.raises(StoreError) as told:
                use()
            assert "127.0.0.1" in str(told.value) and "secret" not in str(told.value)
            assert "cache_url" in str(told.value)
        server.start()
        assert store.get("a") is None
        store.put("a", b"3")
        assert store.get("a") == b"3"
        store.close()


def test_a_wrong_password_is_said_without_it(server: RedisServer) -> None:
    from rag.cache.redis_store import RedisStore

    store = RedisStore(server.url.replace("secret", "another"), max_seconds=DAY)
    with pytest.raises(StoreError) as told:
        store.get("a")
    assert "another" not in str(told.value) and "password" in str(told.value).lower()
    store.close()


def test_without_the_package_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.cache.redis_store import RedisStore

    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(StoreError, match=r"footnote\[redis\]"):
        RedisStore("redis://127.0.0.1:1/0", max_seconds=DAY)

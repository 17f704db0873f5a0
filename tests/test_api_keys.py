"""Keys are shown once, counted by digest, revoked at once."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import Clock

from rag.access import Caller
from rag.api_keys import KEY_PREFIX, USE_SECONDS, ApiKeys
from rag.errors import SettingError
from rag.small_database import SmallDatabase


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> Iterator[ApiKeys]:
    made = ApiKeys(tmp_path / "new" / "keys.sqlite", clock)
    yield made
    made.close()


def test_a_key_is_its_callers(keys: ApiKeys) -> None:
    key = keys.create("Intranet", ["staff", "hr"], admin=False)
    assert keys.check(key) == Caller("key:intranet", frozenset({"staff", "hr"}), False)
    assert keys.check(keys.create("ops", admin=True)) == Caller("key:ops", frozenset(), True)
    assert len(key) > 40 and key.startswith(KEY_PREFIX)
    for wrong in (key[:-1], key + "x", key.upper(), "", KEY_PREFIX, "\ud800"):
        assert keys.check(wrong) is None


def test_what_is_stored_is_no_key(keys: ApiKeys, tmp_path: Path) -> None:
    key = keys.create("a", admin=True)
    files = list((tmp_path / "new").iterdir())
    assert files
    for file in files:
        assert key.removeprefix(KEY_PREFIX).encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_file_is_made_by_looking(keys: ApiKeys, tmp_path: Path) -> None:
    assert keys.check("fn-x") is None and keys.all() == []
    assert list(tmp_path.iterdir()) == []


def test_another_process_sees_a_new_key_and_a_revoked_one(keys: ApiKeys, tmp_path: Path) -> None:
    server = ApiKeys(tmp_path / "new" / "keys.sqlite")
    assert server.check("fn-x") is None
    key = keys.create("a", admin=False)
    assert server.check(key) is not None
    keys.revoke("a")
    assert server.check(key) is None and server.all() == []
    server.close()


def test_a_key_ends_when_its_time_is_over(keys: ApiKeys, clock: Clock) -> None:
    key = keys.create("a", admin=False, days=2)
    clock.now += 2 * 86_400 - 1
    assert keys.check(key)
    clock.now += 1
    assert keys.check(key) is None


def test_the_last_use_is_kept_by_the_hour(keys: ApiKeys, clock: Clock) -> None:
    key = keys.create("a", admin=False)
    assert keys.all()[0].used is None
    first = clock.now
    keys.check(key)
    clock.now += USE_SECONDS
    keys.check(key)
    assert keys.all()[0].used == first
    clock.now += 1
    keys.check(key)
    assert keys.all()[0].used == clock.now


def test_a_key_counts_though_its_use_cannot_be_noted(
    keys: ApiKeys, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = keys.create("a", admin=False)

    def full(self: SmallDatabase) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SmallDatabase, "writing", full)
        assert keys.check(key) and keys.check(key)
    assert caplog.text.count("disk is full") == 1 and keys.all()[0].used is None
    assert keys.check(key) and keys.all()[0].used == clock.now


def test_a_clock_that_is_set_back_does_not_stop_the_notes(keys: ApiKeys, clock: Clock) -> None:
    key = keys.create("a", admin=False)
    clock.now += 1e8
    keys.check(key)
    clock.now -= 1e8
    assert keys.check(key) and keys.all()[0].used == clock.now


def test_names_are_once_and_proper(keys: ApiKeys) -> None:
    keys.create("a", admin=False)
    for name, groups in (("A", []), ("a b", []), ("key:b", []), ("b", ["x y"])):
        with pytest.raises(SettingError):
            keys.create(name, groups, admin=False)
    with pytest.raises(SettingError, match="keys list"):
        keys.revoke("b")

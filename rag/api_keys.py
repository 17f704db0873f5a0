"""API keys: what programs show in place of a name and password.

A key is 256 random bits, of which a SHA-256 digest is kept. That is enough: a slow hash protects
what people think up, since that can be tried; nobody tries 2**256 keys, and each request would pay.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rag.access import Caller
from rag.accounts import clean_group, clean_name
from rag.errors import SettingError
from rag.small_database import SmallDatabase

log = logging.getLogger(__name__)

KEY_PREFIX = "fn-"  # so that one knows a key that was left somewhere
NAME_PREFIX = "key:"  # of the caller; people's names have no colon
USE_SECONDS = 3600.0  # how exactly the last use is known; each request would be a write else

MIGRATIONS = (
    """
    CREATE TABLE keys (
        name TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, groups TEXT NOT NULL,
        is_admin INTEGER NOT NULL, created REAL NOT NULL, expires REAL, used REAL
    ) WITHOUT ROWID
    """,
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; times are seconds since 1970."""

    name: str
    groups: frozenset[str]
    is_admin: bool
    created: float
    expires: float | None
    used: float | None

    @property
    def caller(self) -> Caller:
        return Caller(NAME_PREFIX + self.name, self.groups, self.is_admin)


class ApiKeys:
    """Safe to use from many threads and processes; the file is made with the first key."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self._opened: SmallDatabase | None = None
        self._was_said = False

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def _database(self) -> SmallDatabase:
        with self._lock:
            if self._opened is None:
                self._opened = SmallDatabase(self._path, MIGRATIONS, "API keys")
            return self._opened

    def create(
        self, name: str, groups: Iterable[str] = (), *, admin: bool, days: float | None = None
    ) -> str:
        """The key, which cannot be had again. Raises SettingError if the name is taken or bad."""
        name, key, now = clean_name(name), KEY_PREFIX + secrets.token_urlsafe(32), self._clock()
        if any(one.name == name for one in self.all()):
            raise SettingError(f"There is a key {name!r} already. Revoke that one first.")
        held = ",".join(sorted(set(map(clean_group, groups))))
        expires = None if days is None else now + days * 86_400
        row = (name, digest_of(key), held, admin, now, expires, None)
        with self._database().writing() as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return key

    def revoke(self, name: str) -> None:
        """From the next request on. Raises SettingError if there is no such key."""
        with self._database().writing() as connection:
            gone = connection.execute("DELETE FROM keys WHERE name = ?", (clean_name(name),))
            if not gone.rowcount:
                raise SettingError(f"There is no key {name!r}. See: footnote keys list")
        self._database().forget()

    def all(self) -> list[ApiKey]:
        """By name."""
        if not self._path.exists():
            return []
        return [_key(*row) for row in self._database().rows(f"{_SELECT} ORDER BY name")]

    def check(self, key: str) -> Caller | None:
        """Whose key it is; None if it is none, was revoked or is past its time."""
        if not self._path.exists():
            return None
        rows = self._database().rows(f"{_SELECT} WHERE digest = ?", digest_of(key))
        now = self._clock()
        if not rows:
            return None
        found = _key(*rows[0])
        if found.expires is not None and found.expires <= now:
            return None
        if found.used is None or abs(now - found.used) > USE_SECONDS:  # the clock may be set back
            self._note_use(found.name, now)
        return found.caller

    def _note_use(self, name: str, now: float) -> None:
        """Where that cannot be written, the key counts all the same."""
        try:
            with self._database().writing() as connection:
                connection.execute("UPDATE keys SET used = ? WHERE name = ?", (now, name))
            self._was_said = False
        except sqlite3.Error as error:
            if not self._was_said:
                log.warning("%s: the last use of keys cannot be noted (%s).", self._path, error)
            self._was_said = True


_SELECT = "SELECT name, groups, is_admin, created, expires, used FROM keys"


def _key(
    name: str,
    groups: str,
    is_admin: int,
    created: float,
    expires: float | None,
    used: float | None,
) -> ApiKey:
    held = frozenset(filter(None, groups.split(",")))
    return ApiKey(name, held, bool(is_admin), created, expires, used)


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

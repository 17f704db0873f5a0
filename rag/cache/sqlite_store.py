"""A cache in an SQLite file: what was used longest ago goes first."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rag.cache.store import StoreError

BUSY_SECONDS = 2.0  # a question does not wait longer for another process's write
SPARE = 0.1  # of the limit is freed too, once some have to go: not each entry makes room anew
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
MAX_FAMILY = 1000  # entries that a near match looks through, the last used ones
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL,"
    " size INTEGER NOT NULL, made REAL NOT NULL, used REAL NOT NULL,"
    " family TEXT NOT NULL, vector BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS entries_by_use ON entries (used, size)",
    "CREATE INDEX IF NOT EXISTS entries_by_family ON entries (family, used)"
    " WHERE length(vector) > 0",
)


class SqliteStore:
    """Entries of at most `max_bytes` together, each at most `max_seconds` old.

    The file is made for its owner alone. One that is damaged is emptied, and StoreError raised
    that once. Safe to share between threads and processes. Raises StoreError.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        max_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._max_bytes, self._max_seconds, self._clock = max_bytes, max_seconds, clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        with self._lock, self._errors():
            self._open()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                for statement in SCHEMA:
                    connection.execute(statement)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN:
                self._discard()
                raise StoreError(
                    f"The cache {self.path} was damaged ({error}) and is emptied."
                ) from error
            raise StoreError(
                f"The cache {self.path} cannot be used ({error}). Allow writing to it and free "
                'some space, or set cache_url = "none".'
            ) from error

    def _discard(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def get(self, key: str) -> bytes | None:
        now = self._clock()
        with self._lock, self._errors():
            connection = self._open()
            row = connection.execute(
                "SELECT value FROM entries WHERE key = ? AND made BETWEEN ? AND ?",
                (key, *self._made_between(now)),
            ).fetchone()
            if row is None:
                return None
            connection.execute("UPDATE entries SET used = ? WHERE key = ?", (now, key))
            return bytes(row[0])

    def put(self, key: str, value: bytes, family: str = "", vector: bytes = b"") -> None:
        """What is larger than the whole cache is not kept."""
        now, size = self._clock(), len(value) + len(vector)
        if size > self._max_bytes:
            self.remove(key)
            return
        with self._lock, self._errors():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(
                    "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (key, value, size, now, now, family, vector),
                )
                self._make_room(connection, now)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _made_between(self, now: float) -> tuple[float, float]:
        """What the clock made long after now, before it was set back, would never be too old."""
        return now - self._max_seconds, now + self._max_seconds

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        """Too old ones go, then those that were used longest ago; the newest fits, and stays."""
        if _total(connection) <= self._max_bytes:
            return
        between = self._made_between(now)
        connection.execute("DELETE FROM entries WHERE made NOT BETWEEN ? AND ?", between)
        if (excess := _total(connection) - self._max_bytes) <= 0:
            return
        excess += int(self._max_bytes * SPARE)
        going = []
        for rowid, size, is_new in connection.execute(
            "SELECT rowid, size, rowid = last_insert_rowid() FROM entries ORDER BY used, rowid"
        ):
            if excess <= 0:
                break
            if not is_new:
                going.append((rowid,))
                excess -= size
        connection.executemany("DELETE FROM entries WHERE rowid = ?", going)

    def family(self, family: str) -> list[tuple[str, bytes]]:
        with self._lock, self._errors():
            return (
                self._open()
                .execute(
                    "SELECT key, vector FROM entries WHERE family = ? AND length(vector) > 0"
                    " AND made BETWEEN ? AND ? ORDER BY used DESC LIMIT ?",
                    (family, *self._made_between(self._clock()), MAX_FAMILY),
                )
                .fetchall()
            )

    def remove(self, key: str) -> None:
        with self._lock, self._errors():
            self._open().execute("DELETE FROM entries WHERE key = ?", (key,))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _total(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COALESCE(SUM(size), 0) FROM entries").fetchone()[0])

"""Small SQLite files of our own: private, in WAL mode, brought up to date step by step."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.errors import FootnoteError

BUSY_SECONDS = 30.0


class SmallDatabase:
    """One connection that threads share; only the owner of the file may read it.

    `migrations` make version n of version n - 1 of the tables; each is a few statements. What is
    deleted is overwritten. Raises FootnoteError, named by `what`, if the file cannot be used.
    """

    def __init__(self, path: Path, migrations: Sequence[str], what: str) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            _make_private(path)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(migrations, what)
            except BaseException:
                self._connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise FootnoteError(
                f"The {what} in {path} cannot be opened ({error}). Mend or move that file, or "
                "name another place in the settings."
            ) from error

    def _prepare(self, migrations: Sequence[str], what: str) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("PRAGMA secure_delete = ON")
        with self.writing() as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(migrations):
                raise FootnoteError(
                    f"The {what} in {self.path} are of a newer Footnote (version {version}; this "
                    f"one knows {len(migrations)}). Upgrade Footnote, or name another place."
                )
            for number, migration in enumerate(migrations[version:], start=version + 1):
                for statement in filter(str.strip, migration.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, sql: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def forget(self) -> None:
        """After a deletion: what was overwritten must not stand in the log either."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _make_private(path: Path) -> None:
    """The file, for its owner alone; SQLite makes its companions like it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)

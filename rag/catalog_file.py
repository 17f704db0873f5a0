"""The catalog's file: its tables, its connections, and transactions that threads share."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rag.disk import may_write, open_error, sqlite_address
from rag.errors import IndexStateError
from rag.lock import LOCK_FILE, take_lock

SCHEMA_VERSION = 1
BUSY_TIMEOUT_SECONDS = 30.0
PAGE_BYTES = 8192  # five vectors of 384 numbers fit in: an eighth less disk than at 4096
WRITER_CACHE_KIB = 65_536  # keys are random: the upper pages of their indexes stay in memory
STATE_KEY = "state"  # in meta: random, and another after every change that a search may notice
CHECKPOINT_PAGES = 2_000  # written back together: 16 MB

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    document_id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER,
    text TEXT NOT NULL,
    indexed_at REAL NOT NULL
);
CREATE TABLE embeddings (key TEXT PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE chunks (
    chunk_id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents (document_id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL,
    context TEXT NOT NULL,
    headings TEXT NOT NULL,
    page INTEGER,
    language TEXT NOT NULL,
    embedding_key TEXT NOT NULL REFERENCES embeddings (key),
    UNIQUE (document_id, ordinal)
);
CREATE INDEX chunks_by_key ON chunks (embedding_key);
CREATE INDEX chunks_by_language ON chunks (language);
CREATE TABLE failures (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE TABLE log (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    action TEXT NOT NULL CHECK (action IN ('add', 'delete')),
    chunk_id INTEGER NOT NULL
);
"""
# Not a new version of the schema: readers do without, and a writer adds it to an older file.
LATER_ADDITIONS = (
    "CREATE INDEX IF NOT EXISTS documents_by_time ON documents (mtime_ns, indexed_at)",
    "CREATE TABLE IF NOT EXISTS sentences ("
    "key TEXT PRIMARY KEY REFERENCES embeddings (key) ON DELETE CASCADE, vectors BLOB NOT NULL)",
    f"INSERT OR IGNORE INTO meta (key, value) VALUES ('{STATE_KEY}', lower(hex(randomblob(16))))",
)
# From a version to the next one: statements that a writer runs in one transaction. A file of an
# older Footnote is upgraded when it is opened; a backup is wise before.
MIGRATIONS: dict[int, tuple[str, ...]] = {}


class CatalogFile:
    """One SQLite file in WAL mode: one writer at a time, and readers that it never blocks.

    Safe to share between threads. Raises IndexStateError if the file is missing (read only),
    damaged, or of another schema version.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._write_lock = threading.RLock()
        self._pool_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._closed = False
        self._keeps_connections = may_write(path.parent)
        if read_only and not path.is_file():
            raise IndexStateError(f"There is no index at {path}. Index a folder first.")
        try:
            self._writer = self._connect()
            if not read_only:
                self._writer.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
                self._writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            try:
                self._check_schema()
            except BaseException:
                self._writer.close()
                raise
        except sqlite3.Error as error:
            raise open_error(path, error) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            sqlite_address(self.path, read_only=self.read_only),
            uri=True,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _check_schema(self) -> None:
        version = self._version()
        if version == 0 and not self.read_only:
            self._writer.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            self._writer.execute("PRAGMA journal_mode = WAL")
            with self._writing() as connection:
                if self._version() == 0:  # no other process was faster
                    for statement in SCHEMA.split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            version = self._version()
        if self._may_upgrade(version):
            version = self._upgrade(version) if not self.read_only else self._have_upgraded()
        if version == SCHEMA_VERSION:
            if not self.read_only:
                for statement in LATER_ADDITIONS:
                    self._writer.execute(statement)
            return
        if version == 0 and self.read_only:
            raise IndexStateError(f"The catalog {self.path} is still empty. Index a folder first.")
        if version > SCHEMA_VERSION:
            cure = "Upgrade Footnote, or index the folders again into another place."
        else:
            cure = "Move it aside and index the folders again."
        raise IndexStateError(
            f"The catalog {self.path} has schema version {version}; "
            f"this Footnote reads version {SCHEMA_VERSION}. {cure}"
        )

    @staticmethod
    def _may_upgrade(version: int) -> bool:
        return version < SCHEMA_VERSION and version in MIGRATIONS

    def _have_upgraded(self) -> int:
        """For a reader: as the index's writer, which an older Footnote must not be meanwhile."""
        held = take_lock(self.path.parent / LOCK_FILE)
        try:
            CatalogFile(self.path).close()
        finally:
            os.close(held)
        return self._version()

    def _upgrade(self, version: int) -> int:
        """Step by step to this Footnote's version, as far as steps are known; the version then."""
        while self._may_upgrade(version):
            with self._writing() as connection:
                version = self._version()  # another process may have been faster
                for statement in MIGRATIONS.get(version, ()):
                    connection.execute(statement)
                if version in MIGRATIONS:
                    version += 1
                    connection.execute(f"PRAGMA user_version = {version}")
        return version

    def _version(self) -> int:
        return int(self._writer.execute("PRAGMA user_version").fetchone()[0])

    # Connections and transactions

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, joined to the thread's open one if there is one."""
        if self.read_only:
            raise IndexStateError(f"The catalog {self.path} was opened read-only.")
        with self._write_lock:
            outer = getattr(self._local, "connection", None)
            if outer is self._writer:
                yield self._writer
                return
            self._local.connection = self._writer
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._local.connection = outer

    def _note_change(self) -> None:
        """Give the catalog another state; inside a write transaction."""
        sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, lower(hex(randomblob(16))))"
        self._writer.execute(sql, (STATE_KEY,))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The thread's open transaction, or an idle connection of the pool."""
        current = getattr(self._local, "connection", None)
        if current is not None:
            yield current
            return
        with self._pool_lock:
            if self._closed:
                raise IndexStateError(f"The catalog {self.path} is closed.")
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            yield connection
        finally:
            with self._pool_lock:
                if self._closed or not self._keeps_connections:
                    connection.close()
                else:
                    self._idle.append(connection)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything this thread reads inside sees one state, whatever writers do meanwhile."""
        if getattr(self._local, "connection", None) is not None:
            yield
            return
        with self._reading() as connection:
            connection.execute("BEGIN")
            self._local.connection = connection
            try:
                yield
            finally:
                self._local.connection = None
                connection.execute("ROLLBACK")

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._reading() as connection:
            return connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close every connection; readers in mid-query close theirs when done."""
        with self._write_lock, self._pool_lock:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

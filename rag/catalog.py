"""The catalog: the SQLite file that is the truth about what is indexed.

It holds documents with their text, chunks, embeddings and an append-only log of which chunks were
added and deleted. The FAISS and tantivy indexes are derived from it by following the log.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.errors import IndexStateError
from rag.types import Chunk, StoredChunk, StoredDocument

SCHEMA_VERSION = 1
DIMENSION_KEY = "dimension"  # in meta: how wide every vector is, once an encoder is chosen
ENCODER_KEY = "encoder"  # in meta: the fingerprint of the encoder that made the vectors
BUSY_TIMEOUT_SECONDS = 30.0

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
DOCUMENT_COLUMNS = "document_id, path, title, content_hash, size, mtime_ns"
SELECT_CHUNK = """
SELECT c.chunk_id, c.document_id, d.path, d.title, c.ordinal, c.start, c.end, c.text,
       c.headings, c.page, c.language
FROM chunks c JOIN documents d USING (document_id)
"""
AMONG = "IN (SELECT value FROM json_each(?))"  # one parameter, however many values

Vectors = npt.NDArray[np.float32]


class Catalog:
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
        if read_only and not path.is_file():
            raise IndexStateError(f"There is no index at {path}. Index a folder first.")
        try:
            self._writer = self._connect()
            try:
                self._check_schema()
            except BaseException:
                self._writer.close()
                raise
        except sqlite3.Error as error:
            raise IndexStateError(
                f"The catalog {path} cannot be opened ({error}). "
                "Move it aside and index the folders again."
            ) from error

    def _connect(self) -> sqlite3.Connection:
        mode = "rw" if self.read_only else "rwc"
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
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
            self._writer.execute("PRAGMA journal_mode = WAL")
            with self._writing() as connection:
                if self._version() == 0:  # no other process was faster
                    for statement in SCHEMA.split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            version = self._version()
        if version == SCHEMA_VERSION:
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
                if self._closed:
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

    # Documents

    def put_document(
        self,
        path: str,
        title: str,
        content_hash: str,
        size: int,
        mtime_ns: int,
        text: str,
        chunks: Sequence[Chunk],
        keys: Sequence[str],
        vectors: Mapping[str, np.ndarray],
        *,
        inode: int | None = None,
    ) -> int:
        """Store a document in place of the path's old version; return its id.

        `keys[i]` is the embedding key of `chunks[i]`; `vectors` needs only the unknown keys.
        Raises ValueError, changing nothing, if a key has no vector or one of a wrong dimension.
        """
        if len(chunks) != len(keys):
            raise ValueError(f"{path}: {len(chunks)} chunks but {len(keys)} embedding keys")
        with self._writing() as connection:
            self._delete(path)
            self._add_vectors(path, keys, vectors)
            cursor = connection.execute(
                "INSERT INTO documents (path, title, content_hash, size, mtime_ns, inode, text,"
                " indexed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (path, title, content_hash, size, mtime_ns, inode, text, time.time()),
            )
            document_id = int(cursor.lastrowid or 0)
            for ordinal, (chunk, key) in enumerate(zip(chunks, keys, strict=True)):
                self._add_chunk(document_id, ordinal, chunk, key)
            connection.execute("DELETE FROM failures WHERE path = ?", (path,))
        return document_id

    def _add_vectors(
        self, path: str, keys: Sequence[str], vectors: Mapping[str, np.ndarray]
    ) -> None:
        missing = set(keys) - self.known_keys(keys)
        if lost := missing - vectors.keys():
            raise ValueError(f"{path}: no vector was given for embedding key {min(lost)}")
        rows = [(key, np.asarray(vectors[key], dtype="<f4").ravel().tobytes()) for key in missing]
        dimension = self.get_meta(DIMENSION_KEY)
        if dimension and any(len(vector) != 4 * int(dimension) for _, vector in rows):
            raise ValueError(f"{path}: a vector does not have the index's {dimension} dimensions")
        self._writer.executemany("INSERT INTO embeddings (key, vector) VALUES (?, ?)", rows)

    def _add_chunk(self, document_id: int, ordinal: int, chunk: Chunk, key: str) -> None:
        cursor = self._writer.execute(
            "INSERT INTO chunks (document_id, ordinal, start, end, text, context, headings, page,"
            " language, embedding_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document_id,
                ordinal,
                chunk.start,
                chunk.end,
                chunk.text,
                chunk.context,
                json.dumps(chunk.headings, ensure_ascii=False),
                chunk.page,
                chunk.language,
                key,
            ),
        )
        self._writer.execute(
            "INSERT INTO log (action, chunk_id) VALUES ('add', ?)", (cursor.lastrowid,)
        )

    def _delete(self, path: str) -> bool:
        """Delete the path's document and log its chunks; inside a write transaction."""
        self._writer.execute(
            "INSERT INTO log (action, chunk_id) SELECT 'delete', chunk_id FROM chunks"
            " JOIN documents USING (document_id) WHERE path = ? ORDER BY ordinal",
            (path,),
        )
        return self._writer.execute("DELETE FROM documents WHERE path = ?", (path,)).rowcount > 0

    def move_document(self, old_path: str, new_path: str, mtime_ns: int) -> bool:
        """Rename a document in place of whatever stood at the new path; chunks keep their ids.

        Returns False, having changed nothing, if there is no document at the old path.
        """
        with self._writing() as connection:
            if self.document_by_path(old_path) is None:
                return False
            if old_path != new_path:
                self._delete(new_path)
            connection.execute(
                "UPDATE documents SET path = ?, mtime_ns = ? WHERE path = ?",
                (new_path, mtime_ns, old_path),
            )
            connection.execute("DELETE FROM failures WHERE path IN (?, ?)", (old_path, new_path))
        return True

    def touch_document(self, path: str, size: int, mtime_ns: int) -> None:
        """Note the new size and time of a file whose content did not change."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE documents SET size = ?, mtime_ns = ? WHERE path = ?", (size, mtime_ns, path)
            )

    def delete_document(self, path: str) -> bool:
        """Delete the path's document; False if there was none."""
        with self._writing():
            return self._delete(path)

    def documents(self) -> list[StoredDocument]:
        """All documents, by path."""
        rows = self._rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents ORDER BY path")
        return [StoredDocument(*row) for row in rows]

    def document_by_path(self, path: str) -> StoredDocument | None:
        rows = self._rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE path = ?", path)
        return StoredDocument(*rows[0]) if rows else None

    def document_text(self, document_id: int) -> str:
        """Raises KeyError if there is no such document (any more)."""
        rows = self._rows("SELECT text FROM documents WHERE document_id = ?", document_id)
        if not rows:
            raise KeyError(document_id)
        return str(rows[0][0])

    # Failures

    def put_failure(self, path: str, size: int, mtime_ns: int, reason: str, message: str) -> None:
        """Note that a file could not be read, so that it is not tried again until it changes."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO failures (path, size, mtime_ns, reason, message)"
                " VALUES (?, ?, ?, ?, ?)",
                (path, size, mtime_ns, reason, message),
            )

    def delete_failure(self, path: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM failures WHERE path = ?", (path,))

    def failures(self) -> dict[str, tuple[int, int, str, str]]:
        """By path: size, mtime_ns, reason, message."""
        rows = self._rows(
            "SELECT path, size, mtime_ns, reason, message FROM failures ORDER BY path"
        )
        return {path: (size, mtime, reason, text) for path, size, mtime, reason, text in rows}

    # Chunks and embeddings

    def chunks_by_ids(self, ids: Iterable[int]) -> dict[int, StoredChunk]:
        """Those of the chunks that (still) exist."""
        rows = self._rows(f"{SELECT_CHUNK} WHERE c.chunk_id {AMONG}", _id_list(ids))
        return {row[0]: _stored_chunk(row) for row in rows}

    def chunks_of(self, document_id: int) -> list[StoredChunk]:
        """A document's chunks in reading order."""
        rows = self._rows(f"{SELECT_CHUNK} WHERE c.document_id = ? ORDER BY ordinal", document_id)
        return [_stored_chunk(row) for row in rows]

    def live_chunk_ids(self) -> npt.NDArray[np.int64]:
        """All chunk ids, ascending."""
        rows = self._rows("SELECT chunk_id FROM chunks ORDER BY chunk_id")
        return np.array([row[0] for row in rows], dtype=np.int64)

    def chunk_ids_by_language(self) -> dict[str, npt.NDArray[np.int64]]:
        """Chunk ids of each language, ascending."""
        found: dict[str, list[int]] = {}
        for chunk_id, language in self._rows("SELECT chunk_id, language FROM chunks ORDER BY 1"):
            found.setdefault(language, []).append(chunk_id)
        return {language: np.array(ids, dtype=np.int64) for language, ids in found.items()}

    def vectors(self, chunk_ids: Iterable[int]) -> Vectors:
        """The chunks' embeddings (n, d), in the order asked; (0, 0) when none is asked.

        Raises KeyError naming the first chunk that does not exist.
        """
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        rows = self._rows(
            "SELECT chunk_id, vector FROM chunks JOIN embeddings ON key = embedding_key"
            f" WHERE chunk_id {AMONG}",
            _id_list(ids),
        )
        found: dict[int, bytes] = dict(rows)
        if not ids:
            return np.zeros((0, 0), dtype=np.float32)
        joined = b"".join(found[chunk_id] for chunk_id in ids)
        return np.frombuffer(joined, dtype="<f4").astype(np.float32).reshape(len(ids), -1)

    def known_keys(self, keys: Iterable[str]) -> set[str]:
        """Those of the embedding keys that have a vector."""
        rows = self._rows(f"SELECT key FROM embeddings WHERE key {AMONG}", json.dumps(list(keys)))
        return {row[0] for row in rows}

    def index_texts(self, chunk_ids: Iterable[int]) -> list[tuple[int, str, str]]:
        """(chunk id, context and text, language) of those of the chunks that exist, by id."""
        rows = self._rows(
            f"SELECT chunk_id, context, text, language FROM chunks WHERE chunk_id {AMONG}"
            " ORDER BY chunk_id",
            _id_list(chunk_ids),
        )
        return [(row[0], f"{row[1]}\n{row[2]}", row[3]) for row in rows]

    def prune_embeddings(self) -> int:
        """Drop the embeddings that no chunk uses; return how many."""
        with self._writing() as connection:
            cursor = connection.execute(
                "DELETE FROM embeddings WHERE NOT EXISTS"
                " (SELECT 1 FROM chunks WHERE embedding_key = embeddings.key)"
            )
        return cursor.rowcount

    # The change log

    def sequence(self) -> int:
        """The number of the last change; 0 before the first."""
        return int(self._rows("SELECT COALESCE(MAX(sequence), 0) FROM log")[0][0])

    def changes_since(self, sequence: int) -> tuple[list[int], list[int], int]:
        """The net (added, deleted) chunk ids after a sequence number, and the new number.

        A chunk added and then deleted is only in deleted, so replaying a range is harmless.
        """
        with self.snapshot():
            newest = self.sequence()
            rows = self._rows("SELECT action, chunk_id FROM log WHERE sequence > ?", sequence)
        deleted = {chunk_id for action, chunk_id in rows if action == "delete"}
        added = {chunk_id for action, chunk_id in rows if action == "add"} - deleted
        return sorted(added), sorted(deleted), newest

    # Meta, counts, checks

    def get_meta(self, key: str, default: str | None = None) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else default

    def set_meta(self, key: str, value: str) -> None:
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value)
            )

    def counts(self) -> dict[str, int]:
        """How many documents, chunks, embeddings and failures there are."""
        tables = ("documents", "chunks", "embeddings", "failures")
        with self.snapshot():
            return {
                table: int(self._rows(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in tables
            }

    def verify(self) -> list[str]:
        """What is wrong with the catalog, one line each; empty when all is well."""
        checks: tuple[Callable[[], list[str]], ...] = (
            self._verify_file,
            self._verify_spans,
            self._verify_vectors,
        )
        try:
            with self.snapshot():
                return [problem for check in checks for problem in check()]
        except sqlite3.DatabaseError as error:
            return [f"catalog: {error}"]

    def _verify_file(self) -> list[str]:
        integrity = [str(row[0]) for row in self._rows("PRAGMA integrity_check")]
        problems = [f"catalog: {line}" for line in integrity if line != "ok"]
        for table, rowid, parent, _ in self._rows("PRAGMA foreign_key_check"):
            problems.append(f"catalog: row {rowid} of {table} has no row in {parent}")
        return problems

    def _verify_spans(self) -> list[str]:
        problems = []
        for (document_id,) in self._rows("SELECT document_id FROM documents"):
            text = self.document_text(document_id)
            for chunk in self.chunks_of(document_id):
                if text[chunk.start : chunk.end] != chunk.text:
                    problems.append(
                        f"catalog: chunk {chunk.chunk_id} of {chunk.path} differs from its span"
                        f" {chunk.start}:{chunk.end}"
                    )
        return problems

    def _verify_vectors(self) -> list[str]:
        lacking = self._rows(
            "SELECT chunk_id FROM chunks LEFT JOIN embeddings ON key = embedding_key"
            " WHERE key IS NULL"
        )
        problems = [f"catalog: chunk {row[0]} has no embedding" for row in lacking]
        sizes = self._rows("SELECT DISTINCT LENGTH(vector) FROM embeddings")
        if len(sizes) > 1 or any(size % 4 for (size,) in sizes):
            found = sorted(size for (size,) in sizes)
            problems.append(f"catalog: embeddings have differing sizes in bytes: {found}")
        return problems

    def close(self) -> None:
        """Close every connection; readers in mid-query close theirs when done."""
        with self._write_lock, self._pool_lock:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._writer.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _id_list(ids: Iterable[int]) -> str:
    return json.dumps([int(chunk_id) for chunk_id in ids])


def _stored_chunk(row: tuple[Any, ...]) -> StoredChunk:
    fields = (*row[:8], tuple(json.loads(row[8])), *row[9:])
    return StoredChunk(*fields)

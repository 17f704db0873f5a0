"""Files of an older Footnote: upgraded when they are opened, in one step, and never half."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rag import catalog_file
from rag.catalog import Catalog
from rag.errors import IndexStateError
from rag.lock import LOCK_FILE, take_lock

# As the first Footnote made it, before sentences and the index by time. It never changes.
FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (document_id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, content_hash TEXT NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, inode INTEGER, text TEXT NOT NULL, indexed_at REAL NOT NULL);
CREATE TABLE embeddings (key TEXT PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE chunks (chunk_id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents (document_id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL,
    context TEXT NOT NULL, headings TEXT NOT NULL, page INTEGER, language TEXT NOT NULL,
    embedding_key TEXT NOT NULL REFERENCES embeddings (key), UNIQUE (document_id, ordinal));
CREATE INDEX chunks_by_key ON chunks (embedding_key);
CREATE INDEX chunks_by_language ON chunks (language);
CREATE TABLE failures (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    reason TEXT NOT NULL, message TEXT NOT NULL);
CREATE TABLE log (sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    action TEXT NOT NULL CHECK (action IN ('add', 'delete')), chunk_id INTEGER NOT NULL);
INSERT INTO documents VALUES (1, '/docs/a.txt', 'a', 'h', 3, 5, 7, 'one', 0.0);
INSERT INTO embeddings VALUES ('k', x'0000803f');
INSERT INTO chunks VALUES (1, 1, 0, 0, 3, 'one', 'a', '[]', NULL, 'en', 'k');
INSERT INTO log VALUES (1, 'add', 1);
PRAGMA user_version = 1;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "catalog.sqlite3"
    with closing(sqlite3.connect(made)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.executescript(FIRST)
    return made


def names(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as raw:
        return {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def test_the_first_footnotes_file_is_read_and_then_upgraded(path: Path) -> None:
    before = names(path)
    with Catalog(path, read_only=True) as reader:
        assert reader.document_text(1) == "one" and reader.counts()["chunks"] == 1
        assert reader.vectors([1]).tolist() == [[1.0]]
    assert names(path) == before
    with Catalog(path) as writer:
        assert writer.document_text(1) == "one"
        assert writer.num_without_sentences() == 1
    assert {"sentences", "documents_by_time"} <= names(path)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[str, ...]]:
    """Two steps that a later Footnote could take."""
    made: dict[int, tuple[str, ...]] = {
        1: ("ALTER TABLE documents ADD COLUMN author TEXT", "UPDATE documents SET author = 'x'"),
        2: ("CREATE TABLE notes (text TEXT)",),
    }
    monkeypatch.setattr(catalog_file, "MIGRATIONS", made)
    monkeypatch.setattr(catalog_file, "SCHEMA_VERSION", 3)
    return made


@pytest.mark.parametrize("read_only", [False, True])
def test_who_opens_it_goes_all_steps(
    path: Path, steps: dict[int, tuple[str, ...]], read_only: bool
) -> None:
    with Catalog(path, read_only=read_only) as catalog:
        assert catalog.document_text(1) == "one"
    assert version(path) == 3 and "notes" in names(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT author, text FROM documents").fetchall() == [("x", "one")]
    Catalog(path).close()  # nothing is done twice
    Catalog(path, read_only=True).close()


def test_a_reader_leaves_it_while_another_process_writes(
    path: Path, steps: dict[int, tuple[str, ...]]
) -> None:
    held = take_lock(path.parent / LOCK_FILE)
    try:
        with pytest.raises(IndexStateError, match="process"):
            Catalog(path, read_only=True)
        assert version(path) == 1
    finally:
        os.close(held)


def test_a_step_that_fails_leaves_the_file_as_it_was(
    path: Path, steps: dict[int, tuple[str, ...]]
) -> None:
    steps[1] = (*steps[1], "INSERT INTO nowhere VALUES (1)")
    with pytest.raises(IndexStateError, match="nowhere"):
        Catalog(path)
    assert version(path) == 1
    with closing(sqlite3.connect(path)) as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(documents)")]
    assert "author" not in columns


def test_of_an_unknown_past_nothing_is_guessed(
    path: Path, steps: dict[int, tuple[str, ...]]
) -> None:
    del steps[1]
    with pytest.raises(IndexStateError, match="Move it aside"):
        Catalog(path)
    assert version(path) == 1

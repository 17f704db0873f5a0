from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import threading
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from fakes import WordEncoder

from ingest.sync import sync
from rag import generations
from rag.backup import (
    MANIFEST,
    SQLITE_MAGIC,
    Entry,
    Everything,
    Manifest,
    back_up,
    file_hash,
    restore,
    verify_backup,
)
from rag.catalog import Catalog
from rag.errors import IndexStateError
from rag.indexes import CATALOG_FILE, Indexes
from rag.retriever import Retriever
from rag.uploads import UPLOADS_FOLDER


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    from test_sync import DirectReader

    monkeypatch.setattr("ingest.sync.ReadingProcess", DirectReader)


def fill(index: Path, docs: Path, *texts: str) -> None:
    docs.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (docs / f"{number}.txt").write_text(text)
    with Indexes(index, dimension=64, read_only=False) as opened:
        sync(opened, WordEncoder(64), [docs], max_file_bytes=10**6, max_chunk_tokens=100)


def rows(database: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


TABLES = ("documents", "chunks", "embeddings", "meta", "log")


def test_what_was_restored_is_what_was_backed_up(tmp_path: Path) -> None:
    index, file = tmp_path / "index", tmp_path / "out" / "backup.tar"
    fill(index, tmp_path / "docs", "The pump is blue.", "猫在睡觉。")
    made = back_up(index, file)
    assert (made.documents, made.chunks) == (2, 2) and verify_backup(file) == made
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in file.parent.iterdir()) == ["backup.tar"]
    restored = tmp_path / "restored"
    assert restore(file, restored) == made
    for table in TABLES:
        sql = f"SELECT * FROM {table} ORDER BY 1"
        assert rows(restored / CATALOG_FILE, sql) == rows(index / CATALOG_FILE, sql)
    with Indexes(restored, dimension=64, read_only=False) as opened:
        assert opened.verify() == []
        found = Retriever(opened, WordEncoder(64)).find("blue pump", 2)
        assert found.hits[0].chunk.text == "The pump is blue."


def test_a_writer_goes_on_and_every_backup_is_of_one_moment(tmp_path: Path) -> None:
    """The writer replaces one document by two again and again, in one transaction each."""
    index = tmp_path / "index"
    fill(index, tmp_path / "docs", "first")
    started, stop = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with closing(Catalog(index / CATALOG_FILE)) as catalog:
                number = 0
                while not stop.is_set():
                    number += 1
                    with catalog._writing() as connection:
                        for key in ("one", "two"):
                            connection.execute(
                                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, str(number))
                            )
                    started.set()
        except BaseException as error:
            failures.append(error)
            started.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    try:
        assert started.wait(30)
        for turn in range(8):
            file = tmp_path / f"{turn}.tar"
            back_up(index, file)
            restore(file, tmp_path / f"restored-{turn}")
            sql = "SELECT value FROM meta WHERE key IN ('one', 'two')"
            (one,), (two,) = rows(tmp_path / f"restored-{turn}" / CATALOG_FILE, sql)
            assert one == two
            seen.add(one)
    finally:
        stop.set()
        writer.join(30)
    assert failures == [] and len(seen) > 1


def test_what_else_lies_in_the_folder_is_kept_and_what_is_derived_is_not(tmp_path: Path) -> None:
    index = tmp_path / "index"
    fill(index, tmp_path / "docs", "The pump is blue.")
    (index / "users" / "keys").mkdir(parents=True)
    (index / "users" / "keys" / "one.txt").write_text("secret")
    (index / "half.tmp").write_text("half")
    (index / "link").symlink_to("/etc/passwd")
    with closing(sqlite3.connect(index / "history.sqlite3")) as history:
        history.execute("PRAGMA journal_mode = WAL")
        history.execute("CREATE TABLE turns (text TEXT)")
        history.execute("INSERT INTO turns VALUES ('only in the log so far')")
        history.commit()
        made = back_up(index, tmp_path / "backup.tar")  # the WAL still holds it
    assert [entry.name for entry in made.entries] == [
        CATALOG_FILE, "others/history.sqlite3", "others/users/keys/one.txt",
    ]  # fmt: skip
    restored = tmp_path / "restored"
    restore(tmp_path / "backup.tar", restored)
    assert rows(restored / "history.sqlite3", "SELECT * FROM turns") == [
        ("only in the log so far",)
    ]
    assert (restored / "users" / "keys" / "one.txt").read_text() == "secret"
    assert sorted(path.name for path in restored.iterdir()) == [
        CATALOG_FILE, "history.sqlite3", "users",
    ]  # fmt: skip


def test_what_is_to_be_left_out_is_not_in_it(tmp_path: Path) -> None:
    index = tmp_path / "index"
    fill(index, tmp_path / "docs", "The pump is blue.")
    for name in ("answers.sqlite3", "answers.sqlite3-wal", "conversations.sqlite"):
        (index / name).write_text("text")
    made = back_up(index, tmp_path / "backup.tar", left_out=["answers.sqlite3"])
    names = [entry.name for entry in made.entries]
    assert names == [CATALOG_FILE, "others/conversations.sqlite"]
    made = back_up(index, tmp_path / "backup.tar", left_out=Everything())
    assert [entry.name for entry in made.entries] == [CATALOG_FILE]


def test_what_was_private_comes_back_private(tmp_path: Path) -> None:
    index = tmp_path / "index"
    fill(index, tmp_path / "docs", "The pump is blue.")
    with closing(sqlite3.connect(index / "conversations.sqlite")) as history:
        history.execute("CREATE TABLE turns (text TEXT)")
    (index / "key").write_text("secret")
    modes = {"conversations.sqlite": 0o600, "key": 0o400, CATALOG_FILE: 0o640}
    for name, mode in modes.items():
        (index / name).chmod(mode)
    back_up(index, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    found = {name: (tmp_path / "restored" / name).stat().st_mode & 0o777 for name in modes}
    assert found == modes


def test_a_file_that_people_added_is_copied_as_it_is(tmp_path: Path) -> None:
    index = tmp_path / "index"
    fill(index, tmp_path / "docs", "The pump is blue.")
    added = index / UPLOADS_FOLDER / "local" / "kept" / "notes.txt"
    added.parent.mkdir(parents=True)
    added.write_bytes(SQLITE_MAGIC + b" is how such a file begins.")
    back_up(index, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    restored = tmp_path / "restored" / added.relative_to(index)
    assert restored.read_bytes() == added.read_bytes()


def test_an_empty_folder_is_filled_and_not_replaced(tmp_path: Path) -> None:
    index, restored = tmp_path / "index", tmp_path / "restored"
    fill(index, tmp_path / "docs", "The pump is blue.")
    (index / "key").write_text("secret")
    made = back_up(index, tmp_path / "backup.tar")
    (restored / "lost+found").mkdir(parents=True)
    (restored / ".restore-killed" / "index").mkdir(parents=True)
    before = restored.stat().st_ino
    assert restore(tmp_path / "backup.tar", restored) == made
    assert restored.stat().st_ino == before
    assert sorted(path.name for path in restored.iterdir()) == [CATALOG_FILE, "key", "lost+found"]
    (restored / "lost+found" / "#12").write_text("the file system's")
    (restored / ".restore-killed").mkdir()
    (restored / ".restore-killed" / "half").write_text("a")
    again = back_up(restored, tmp_path / "again.tar")
    assert [entry.name for entry in again.entries] == [CATALOG_FILE, "others/key"]


def test_a_damaged_backup_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    fill(tmp_path / "index", tmp_path / "docs", "The pump is blue.")
    file, restored = tmp_path / "backup.tar", tmp_path / "restored"
    back_up(tmp_path / "index", file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    restored.mkdir()
    with pytest.raises(IndexStateError, match="cannot be used"):
        restore(file, restored)
    assert list(restored.iterdir()) == []


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "index", tmp_path / "docs", "text")
    back_up(tmp_path / "index", tmp_path / "backup.tar")
    (tmp_path / "restored").mkdir()
    (tmp_path / "restored" / "accounts.sqlite").write_text("people")
    with pytest.raises(IndexStateError, match=r"not empty \('accounts.sqlite' is in it\)"):
        restore(tmp_path / "backup.tar", tmp_path / "restored")
    assert (tmp_path / "restored" / "accounts.sqlite").read_text() == "people"


def test_the_generation_that_serves_is_backed_up(tmp_path: Path) -> None:
    index, docs = tmp_path / "index", tmp_path / "docs"
    fill(index, docs, "old")
    with generations.begin(index, WordEncoder(32).fingerprint, 32) as later:
        sync(later, WordEncoder(32), [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        generations.activate(index, later.folder)
    back_up(index, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    assert generations.current(tmp_path / "restored") == tmp_path / "restored"
    assert generations.dimension_of(tmp_path / "restored") == 32


def test_any_changed_or_missing_byte_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path / "index", tmp_path / "docs", "The pump is blue.")
    file = tmp_path / "backup.tar"
    back_up(tmp_path / "index", file)
    whole = file.read_bytes()
    with tarfile.open(file) as archive:
        data = [(m.offset_data, m.size) for m in archive]
    places = [start + size * part // 7 for start, size in data for part in range(7)]
    for place in places:
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        file.write_bytes(broken)
        with pytest.raises(IndexStateError, match="cannot be used"):
            verify_backup(file)
    for length in (0, 100, 600, len(whole) // 2, data[-1][0] + data[-1][1] - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(IndexStateError, match="cannot be used"):
            restore(file, tmp_path / "restored")
        assert not (tmp_path / "restored").exists()
    assert not list(tmp_path.glob(".*"))


def forged(file: Path, manifest: Manifest, catalog: bytes, **others: bytes) -> None:
    told = json.dumps(asdict(manifest)).encode()
    with tarfile.open(file, "w") as archive:
        for name, text in {MANIFEST: told, CATALOG_FILE: catalog, **others}.items():
            head = tarfile.TarInfo(name)
            head.size = len(text)
            archive.addfile(head, io.BytesIO(text))


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt", "/tmp/evil.txt", "others/../../evil.txt", "evil.txt", "others/current",
        "others/catalog.sqlite3", "others\\..\\evil.txt", "others",
    ],
)  # fmt: skip
def test_a_forged_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "index", tmp_path / "docs", "text")
    file = tmp_path / "backup.tar"
    made = back_up(tmp_path / "index", file)
    with tarfile.open(file) as archive:
        stream = archive.extractfile(CATALOG_FILE)
        assert stream is not None
        catalog = stream.read()
    (tmp_path / "evil").write_bytes(b"evil")
    entry = Entry(name, 4, file_hash(tmp_path / "evil"))
    forged(file, replace(made, entries=(*made.entries, entry)), catalog, **{name: b"evil"})
    with pytest.raises(IndexStateError, match="cannot be"):
        restore(file, tmp_path / "deep" / "restored")
    forged(file, made, catalog, **{name: b"evil"})
    with pytest.raises(IndexStateError, match="not in its manifest"):
        restore(file, tmp_path / "deep" / "restored")
    forged(file, made, catalog)
    assert restore(file, tmp_path / "deep" / "restored") == made


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(IndexStateError, match="Index a folder first"):
        back_up(tmp_path / "none", tmp_path / "x.tar")
    with pytest.raises(IndexStateError, match="lies in the index"):
        back_up(tmp_path / "none", tmp_path / "none" / "deep" / "x.tar")
    with pytest.raises(IndexStateError, match="no backup"):
        verify_backup(tmp_path / "none.tar")
    fill(tmp_path / "index", tmp_path / "docs", "text")
    file = tmp_path / "backup.tar"
    made = back_up(tmp_path / "index", file)
    with pytest.raises(IndexStateError, match="not empty"):
        restore(file, tmp_path / "index")
    forged(file, replace(made, format=99), b"")
    with pytest.raises(IndexStateError, match="newer Footnote"):
        verify_backup(file)
    with tarfile.open(file, "w"):
        pass
    with pytest.raises(IndexStateError, match="no manifest"):
        verify_backup(file)


def test_the_commands_bring_an_index_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fake_models: None,
) -> None:
    from test_cli import run

    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.txt").write_text("The pump is blue.")
    assert run(monkeypatch, "ingest", "docs") == 0
    capsys.readouterr()
    assert run(monkeypatch, "backup", "library.tar", "--json") == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 1
    assert run(monkeypatch, "backup", "library.tar", "--check") == 0
    monkeypatch.setenv("FOOTNOTE_ACCOUNTS", "people.sqlite")
    Path("people.sqlite").write_text("names")
    capsys.readouterr()
    assert run(monkeypatch, "backup", "library.tar") == 0
    assert "people.sqlite" in capsys.readouterr().err
    monkeypatch.setenv("FOOTNOTE_ACCOUNTS", ".footnote/people.sqlite")
    Path("people.sqlite").rename(".footnote/people.sqlite")
    assert run(monkeypatch, "backup", "library.tar") == 0
    assert "people.sqlite" not in capsys.readouterr().err
    assert run(monkeypatch, "restore", "library.tar", "--index", "other") == 0
    assert "Sound" in capsys.readouterr().err
    assert run(monkeypatch, "search", "blue pump", "--index", "other", "--json") == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["text"] == "The pump is blue."
    assert run(monkeypatch, "verify", "--index", "other") == 0
    assert run(monkeypatch, "restore", "library.tar", "--index", "other") == 1
    assert "not empty" in capsys.readouterr().err

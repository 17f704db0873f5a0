"""A disk that is full, and an index that may not be written: what is there is found and answered.

Both are real: a small tmpfs, which root alone may mount.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from fault_service import ASKED, QUOTED, SAID, Faulty, HeldGenerator, eventually, faulty

from rag.api_keys import ApiKeys
from rag.backup import back_up, restore
from rag.errors import IndexStateError
from rag.indexes import CATALOG_FILE
from rag.service import Service

QUESTION = {"question": ASKED}
FOUND = {"query": "magnets"}
NEWS = "Magnets attract iron and nickel."


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """To the last byte."""
        descriptor = os.open(self._filler, os.O_WRONLY | os.O_CREAT)
        with suppress(OSError), os.fdopen(descriptor, "wb", buffering=0) as stream:
            for size in (1 << 16, 1 << 12, 1):
                with suppress(OSError):
                    while stream.write(bytes(size)):
                        pass
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self) -> None:
        self._filler.unlink()

    def remount(self, mode: str) -> None:
        command = ["mount", "-o", f"remount,{mode}", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # tantivy maps files a while


def sync(made: Faulty) -> int:
    with made.client(made.admin) as client:
        return client.post("/api/sync").status_code


def problem(made: Faulty) -> str:
    """What is told to those who look after the library."""
    with made.client(made.admin) as client:
        return str(client.get("/api/library").json()["problem"])


def finds_news(made: Faulty) -> bool:
    with made.client(made.other) as client:
        response = client.post("/api/search", json=FOUND)
        assert response.status_code == 200, response.text
        return NEWS in response.text


def check_answers(made: Faulty) -> None:
    with made.client(made.other) as client:
        response = client.post("/api/ask", json=QUESTION)
        assert response.status_code == 200, response.text
        assert response.json()["citations"][0]["quote"] == QUOTED


def test_a_full_disk_stops_what_is_written_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, disk: Disk
) -> None:
    places = {"index": disk.folder / "index", "api_keys": disk.folder / "keys.sqlite"}
    with faulty(tmp_path, monkeypatch, cache_url="auto", **places) as made:
        first_use = made.key("first")
        check_answers(made)
        disk.fill()
        with made.client(first_use) as client:
            assert client.post("/api/search", json={"query": ASKED}).status_code == 200
        while made.figure("footnote_audit_lost_total") < 2:  # the last block still takes some
            check_answers(made)
        assert caplog.text.count("The audit log") == 1 and "No space left" in caplog.text
        made.write("news.txt", NEWS)
        assert sync(made) == 202
        eventually(lambda: "is full" in problem(made), "the sync says what is wrong")
        with made.client(made.other) as client:
            added = client.post("/api/documents?name=a.txt", content=b"word " * 9999)
            assert (added.status_code, added.json()["reason"]) == (507, "disk")
        with made.client(made.admin) as client:
            (pump,) = client.get("/api/documents?q=pump").json()["documents"]
            left_out = client.delete(f"/api/documents/{pump['id']}")
            assert left_out.status_code == 503 and "free some space" in left_out.text
        assert not list(made.service.uploads.folder.rglob(".part-*"))
        disk.free()
        assert sync(made) == 202
        eventually(lambda: finds_news(made), "the next sync goes on")
        check_answers(made)
        assert problem(made) == "" and made.problems() == []
        assert max(entry.get("lost_before", 0) for entry in made.entries()) >= 2
        with closing(ApiKeys(made.settings.api_keys)) as keys, made.client(first_use) as client:
            assert client.get("/v1/models").status_code == 200
            assert all(key.used for key in keys.all() if key.name == "first")


def test_a_service_that_begins_on_a_full_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    """SQLite itself needs a little room to open its file beside other processes."""
    index = disk.folder / "index"
    with faulty(tmp_path, monkeypatch, index=index) as made:
        check_answers(made)
    disk.fill()
    with pytest.raises(IndexStateError, match="full") as told:
        Service(made.settings, made.said.append)
    assert str(index) in str(told.value)
    disk.free()
    (tmp_path / "keys.sqlite").unlink()
    with faulty(tmp_path, monkeypatch, HeldGenerator(SAID), index=index) as made:
        check_answers(made)
        assert made.problems() == []


def test_an_index_that_may_not_be_written_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, disk: Disk
) -> None:
    monkeypatch.setattr("rag.service_sync.LOCK_RETRY_SECONDS", 0.05)
    index = disk.folder / "index"
    with faulty(tmp_path, monkeypatch, index=index) as made:
        check_answers(made)
    disk.remount("ro")
    (tmp_path / "keys.sqlite").unlink()
    with faulty(tmp_path, monkeypatch, HeldGenerator(SAID), index=index, cache_url="auto") as made:
        made.write("news.txt", NEWS)
        check_answers(made)
        assert not finds_news(made)
        assert sync(made) == 503 and f"{index} cannot be written" in problem(made)
        assert any("changes are not, until it can be written" in line for line in made.said)
        with made.client(made.other) as client:
            assert client.post("/api/documents?name=a.txt", content=b"x").status_code == 507
        with made.client(made.admin) as client:
            (pump,) = client.get("/api/documents?q=pump").json()["documents"]
            assert client.delete(f"/api/documents/{pump['id']}").status_code == 503
        assert "The audit log" in caplog.text and "Read-only" in caplog.text
        assert made.figure("footnote_audit_lost_total") >= 2
        disk.remount("rw")
        eventually(lambda: finds_news(made), "once it can be written, it is")
        assert problem(made) == "" and sync(made) == 202 and made.problems() == []
        assert made.entries()[-1]["outcome"] == "found"


def test_a_backup_is_restored_to_a_folder_that_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    """As in a container, where nothing can be made beside it, and it cannot be replaced."""
    with faulty(tmp_path, monkeypatch) as made:
        check_answers(made)
        told = back_up(made.settings.index, tmp_path / "backup.tar")
    inner = disk.folder / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(inner)], check=True)
    try:
        disk.remount("ro")
        assert restore(tmp_path / "backup.tar", inner) == told
        assert (inner / CATALOG_FILE).is_file()
    finally:
        subprocess.run(["umount", "--lazy", str(inner)], check=True)

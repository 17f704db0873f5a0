from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ingest.listener
from ingest.listener import Listener, is_relevant, is_remote
from ingest.touched import Touched

PATIENCE_SECONDS = 120.0


class Recorder(Touched):
    """Keeps every path that was ever noted, and lets tests wait for one."""

    def __init__(self) -> None:
        super().__init__(0.1)
        self.noted: list[str] = []
        self._more = threading.Condition()

    def note(self, paths: Any) -> None:
        paths = list(paths)
        super().note(paths)
        with self._more:
            self.noted += paths
            self._more.notify_all()

    def wait_for(self, path: Path) -> None:
        with self._more:
            found = self._more.wait_for(lambda: str(path) in self.noted, PATIENCE_SECONDS)
            assert found, f"{path} was not noted, only {self.noted}"
            self.noted.clear()

    def wait_for_ticks(self, count: int = 3) -> None:
        with self._heard:
            wanted = self._num_heard + count
            assert self._heard.wait_for(lambda: self._num_heard >= wanted, PATIENCE_SECONDS)


@contextmanager
def listening(*roots: Path, poll_seconds: float = 1e6) -> Iterator[tuple[Recorder, list[str]]]:
    changes, said = Recorder(), list[str]()
    listener = Listener(roots, changes, poll_seconds, said.append)
    listener.start()
    try:
        yield changes, said
        listener.check()
    finally:
        listener.close()


def test_folders_moved_in_are_followed_and_those_moved_out_are_not(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "a.txt").write_text("one")
    with listening(root) as (changes, _):
        outside.rename(root / "inside")
        changes.wait_for(root / "inside")
        (root / "inside" / "deep" / "a.txt").write_text("two")
        changes.wait_for(root / "inside" / "deep" / "a.txt")
        (root / "inside").rename(root / "renamed")
        changes.wait_for(root / "renamed")
        (root / "renamed" / "deep" / "b.txt").write_text("three")
        changes.wait_for(root / "renamed" / "deep" / "b.txt")
        changes.noted.clear()
        (root / "renamed").rename(outside)
        changes.wait_for(root / "renamed")
        changes.wait_for_ticks()  # what is still told of the folder
        changes.noted.clear()
        (outside / "deep" / "a.txt").write_text("four")
        (root / "last.txt").write_text("five")
        changes.wait_for_ticks()
        assert set(changes.noted) == {str(root / "last.txt")}


def test_a_root_that_is_replaced_is_followed_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with listening(root) as (changes, _):
        root.rename(tmp_path / "old")
        root.mkdir()
        changes.wait_for(root)
        changes.wait_for_ticks()
        (root / "a.txt").write_text("one")
        changes.wait_for(root / "a.txt")


def _full(*_: object, **__: object) -> Any:
    raise OSError(28, "OS file watch limit reached")


def _full_later(*_: object, **__: object) -> Iterator[set[Any]]:
    import watchfiles

    yield set()
    raise watchfiles._rust_notify.WatchfilesRustInternalError("error in underlying watcher")


@pytest.mark.parametrize("failure", [_full, _full_later])
def test_at_the_system_s_limit_it_looks_instead_and_says_so_once(
    failure: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchfiles.watch", failure)
    with listening(tmp_path, poll_seconds=0.05) as (changes, said):
        changes.wait_for_ticks()
        (tmp_path / "a.txt").write_text("one")
        changes.wait_for(tmp_path / "a.txt")
        (tmp_path / "a.txt").unlink()
        changes.wait_for(tmp_path / "a.txt")
    assert len(said) == 1 and "fs.inotify.max_user_watches" in said[0]
    assert "looking every 0.05 s" in said[0]


def test_after_a_burst_it_watches_anew_and_has_everything_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.listener, "BURST", 0)
    with listening(tmp_path) as (changes, _):
        (tmp_path / "a.txt").write_text("one")
        changes.wait_for(tmp_path)
        changes.wait_for_ticks()
        (tmp_path / "b.txt").write_text("one")
        changes.wait_for(tmp_path / "b.txt")


def test_an_unexpected_failure_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.listener, "_identity", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError), listening(tmp_path):
        pass


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ("/dev/sda / ext4 rw 0 0\n", False),
        ("/dev/sda / ext4 rw 0 0\nhost:/x /data nfs4 rw 0 0\n", True),
        ("/dev/sda / ext4 rw 0 0\nhost:/x /data nfs4 rw 0 0\n/dev/b /data/my\\040docs ext4 a\n",
         False),
        ("/dev/sda / ext4 rw 0 0\nx /data/my\\040docs fuse.sshfs rw 0 0\n", True),
        ("/dev/sda / ext4 rw 0 0\nx /dat cifs rw 0 0\n", False),
    ],
)  # fmt: skip
def test_drives_of_other_machines_are_known(
    mounts: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounts").write_text(mounts)
    monkeypatch.setattr(ingest.listener, "MOUNTS", tmp_path / "mounts")
    assert is_remote(Path("/data/my docs/deep")) is expected


def test_drives_of_other_machines_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.listener, "is_remote", lambda _: True)
    monkeypatch.setattr("watchfiles.watch", lambda *_, **__: _silent())
    with listening(tmp_path, poll_seconds=0.05) as (changes, said):
        (tmp_path / "a.txt").write_text("one")
        changes.wait_for(tmp_path / "a.txt")
        (tmp_path / "a.txt").write_text("another")
        changes.wait_for(tmp_path / "a.txt")
    assert said == []


def _silent() -> Iterator[set[Any]]:
    tick = threading.Event()
    while True:
        tick.wait(0.02)
        yield set()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", True),
        ("sub/a.txt", True),
        (".git/a.txt", False),
        ("sub/.hidden", False),
        ("~$a.docx", False),
        (".~lock.a.odt#", False),
        ("a.txt~", False),
        ("#a.txt#", False),
        ("4913", False),
        ("~WRL0001.tmp", False),
        ("film.pdf.part", False),
        ("sub/.footnoteignore", True),
        ("index/lexical/meta.json", False),
        ("../other/a.txt", False),
    ],
)
def test_what_counts_as_a_change(name: str, expected: bool, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "index").mkdir(parents=True)
    (root / "index" / "catalog.sqlite3").touch()
    assert is_relevant((root / name).resolve(), [root]) is expected

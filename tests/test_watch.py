from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ingest.watch
from ingest.watch import is_relevant, watch

PATIENCE_SECONDS = 30.0


@contextmanager
def watching(*roots: Path) -> Iterator[queue.Queue[None]]:
    """A queue that gets an item at each call; the first, at the start, is taken."""
    stop, calls = threading.Event(), queue.Queue[None]()
    thread = threading.Thread(
        target=watch,
        args=(roots,),
        kwargs={"on_change": lambda: calls.put(None), "stop": stop, "debounce_ms": 100},
    )
    thread.start()
    try:
        calls.get(timeout=PATIENCE_SECONDS)
        yield calls
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def _no_rescan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.watch, "RESCAN_SECONDS", 1e9)


def test_creating_changing_moving_and_deleting_are_seen(tmp_path: Path) -> None:
    with watching(tmp_path) as calls:
        (tmp_path / "a.txt").write_text("one")
        calls.get(timeout=PATIENCE_SECONDS)
        (tmp_path / "sub").mkdir()
        (tmp_path / "a.txt").rename(tmp_path / "sub" / "b.txt")
        calls.get(timeout=PATIENCE_SECONDS)
        (tmp_path / "sub" / "b.txt").write_text("two")
        calls.get(timeout=PATIENCE_SECONDS)
        (tmp_path / "sub" / "b.txt").unlink()
        calls.get(timeout=PATIENCE_SECONDS)


def test_a_root_that_comes_back_is_watched_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with watching(root) as calls:
        root.rename(tmp_path / "away")
        calls.get(timeout=PATIENCE_SECONDS)
        (tmp_path / "away").rename(root)
        calls.get(timeout=PATIENCE_SECONDS)
        while not calls.empty():
            calls.get()
        (root / "a.txt").write_text("one")
        calls.get(timeout=PATIENCE_SECONDS)


def test_a_single_file_is_looked_at_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.watch, "FILE_ROOT_SECONDS", 0.1)
    file = tmp_path / "a.txt"
    file.write_text("one")
    with watching(file) as calls:
        calls.get(timeout=PATIENCE_SECONDS)


def test_network_drives_are_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.watch, "RESCAN_SECONDS", 0.1)
    with watching(tmp_path) as calls:
        calls.get(timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", True),
        ("sub/a.txt", True),
        (".git/a.txt", False),
        ("sub/.hidden", False),
        ("~$a.docx", False),
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

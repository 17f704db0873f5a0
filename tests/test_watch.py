"""The real watcher over real folders; where documents matter, with a real index."""

from __future__ import annotations

import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import WordEncoder
from test_sync import DirectReader

import ingest.listener
import ingest.sync
import ingest.watch
from ingest.sync import SyncReport, sync
from ingest.touched import Busy, nothing_is_busy
from ingest.watch import watch
from rag.indexes import Indexes

PATIENCE_SECONDS = 40.0  # only a failure takes that long


@contextmanager
def watching(
    *roots: Path, on_change: Callable[[Busy], Any] | None = None, debounce_ms: int = 100
) -> Iterator[queue.Queue[Any]]:
    """A queue that gets an item after each call; the first, at the start, is taken."""
    stop, calls = threading.Event(), queue.Queue[Any]()
    thread = threading.Thread(
        target=watch,
        args=(roots,),
        kwargs={
            "on_change": lambda busy: calls.put(on_change(busy) if on_change else None),
            "stop": stop,
            "debounce_ms": debounce_ms,
        },
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
    monkeypatch.setattr(ingest.sync, "ReadingProcess", DirectReader)


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


def test_a_root_that_is_not_there_is_watched_when_it_comes(tmp_path: Path) -> None:
    with watching(tmp_path / "root") as calls:
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "a.txt").write_text("one")
        calls.get(timeout=PATIENCE_SECONDS)


def test_a_single_file_is_looked_at_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.listener, "FILE_ROOT_SECONDS", 0.05)
    file = tmp_path / "a.txt"
    file.write_text("one")
    with watching(file) as calls:
        file.write_text("one two")
        calls.get(timeout=PATIENCE_SECONDS)
        (tmp_path / "new").write_text("one two three")
        os.replace(tmp_path / "new", file)
        calls.get(timeout=PATIENCE_SECONDS)


def test_everything_is_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.watch, "RESCAN_SECONDS", 0.1)
    with watching(tmp_path) as calls:
        calls.get(timeout=PATIENCE_SECONDS)


def test_what_goes_wrong_in_the_call_comes_out(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        watch([tmp_path], on_change=lambda _: 1 / 0, stop=threading.Event())
    assert not [t for t in threading.enumerate() if t.name == "footnote-listener"]


# With an index


class Followed:
    """A folder, an index that follows it, and the sync's reports."""

    def __init__(self, base: Path) -> None:
        self.docs = base / "docs"
        self.docs.mkdir()
        self.encoder = WordEncoder(dimension=64)
        self.indexes = Indexes(base / "index", dimension=64, read_only=False)
        self.calls: queue.Queue[SyncReport] = queue.Queue()
        self.gate = threading.Lock()  # no sync starts while it is held

    def gated_sync(self, busy: Busy) -> SyncReport:
        with self.gate:
            return self.sync(busy)

    def sync(self, busy: Busy = nothing_is_busy) -> SyncReport:
        return sync(
            self.indexes, self.encoder, [self.docs],
            max_file_bytes=10**6, max_chunk_tokens=50, busy=busy,
        )  # fmt: skip

    def texts(self) -> dict[str, str]:
        catalog = self.indexes.catalog
        return {
            str(Path(document.path).relative_to(self.docs)): catalog.document_text(
                document.document_id
            )
            for document in catalog.documents()
        }

    def wait_until(self, expected: dict[str, str]) -> list[SyncReport]:
        """The reports until the index holds just that."""
        reports = []
        while self.texts() != expected:
            reports.append(self.calls.get(timeout=PATIENCE_SECONDS))
        return reports


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    made = Followed(tmp_path)
    yield made
    made.indexes.close()


@contextmanager
def following(followed: Followed, debounce_ms: int = 100) -> Iterator[None]:
    with watching(followed.docs, on_change=followed.gated_sync, debounce_ms=debounce_ms) as calls:
        followed.calls = calls
        yield


def vim(file: Path, text: str) -> None:
    (file.parent / "4913").touch()
    (file.parent / "4913").unlink()
    file.rename(file.with_name(file.name + "~"))
    file.write_text(text)
    file.with_name(file.name + "~").unlink()


def emacs(file: Path, text: str) -> None:
    (file.parent / f"#{file.name}#").write_text(text)
    file.rename(file.with_name(file.name + "~"))
    file.write_text(text)
    (file.parent / f"#{file.name}#").unlink()
    file.with_name(file.name + "~").unlink()


def office(file: Path, text: str) -> None:
    (file.parent / f"~${file.name}").write_text("owner")
    (file.parent / "~WRD0000.tmp").write_text(text)
    file.rename(file.parent / "~WRL0001.tmp")
    (file.parent / "~WRD0000.tmp").rename(file)
    (file.parent / "~WRL0001.tmp").unlink()
    (file.parent / f"~${file.name}").unlink()


def replace(file: Path, text: str) -> None:
    (file.parent / ".saving").write_text(text)
    os.replace(file.parent / ".saving", file)


def delete_first(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


EDITORS = (vim, emacs, office, replace, delete_first)


@pytest.mark.parametrize("save", EDITORS)
def test_a_save_never_shows_a_removal(
    save: Callable[[Path, str], None], followed: Followed
) -> None:
    file = followed.docs / "a.txt"
    file.write_text("apple")
    with following(followed):
        followed.wait_until({"a.txt": "apple"})
        with followed.gate:  # a stop between its steps would make it another story
            save(file, "pear")
        reports = followed.wait_until({"a.txt": "pear"})
        assert [report.removed for report in reports] == [0] * len(reports)


@pytest.mark.parametrize("save", [vim, emacs, office, delete_first])
def test_a_save_in_the_middle_of_a_look_shows_no_removal(
    save: Callable[[Path, str], None], followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look finds the file missing; it must not believe it."""
    file, scan = followed.docs / "a.txt", ingest.sync.scan
    file.write_text("apple")
    missed = []

    def scan_in_the_middle(*arguments: Any, **named: Any) -> Any:
        if missed:
            return scan(*arguments, **named)
        away = followed.docs / ".away"
        file.rename(away)
        found = scan(*arguments, **named)
        away.rename(file)
        missed.append(str(file) not in found.files)
        return found

    with following(followed, debounce_ms=300):
        followed.wait_until({"a.txt": "apple"})
        monkeypatch.setattr(ingest.sync, "scan", scan_in_the_middle)
        (followed.docs / "b.txt").write_text("plum")
        report = followed.calls.get(timeout=PATIENCE_SECONDS)
        assert missed == [True] and report.removed == 0
        assert followed.texts() == {"a.txt": "apple", "b.txt": "plum"}
        save(file, "pear")
        followed.wait_until({"a.txt": "pear", "b.txt": "plum"})


def test_a_real_removal_is_seen_and_soon(followed: Followed) -> None:
    (followed.docs / "a.txt").write_text("apple")
    with following(followed):
        followed.wait_until({"a.txt": "apple"})
        (followed.docs / "a.txt").unlink()
        reports = followed.wait_until({})
        assert [report.removed for report in reports] == [1]


def test_a_file_that_grows_does_not_keep_others_waiting(followed: Followed) -> None:
    stop = threading.Event()
    slow = followed.docs / "slow.html"

    def grow() -> None:
        with slow.open("w") as stream:
            while not stop.wait(0.02):
                stream.write("half ")
                stream.flush()
            stream.write("whole")

    with following(followed):
        writer = threading.Thread(target=grow)
        writer.start()
        (followed.docs / "quick.txt").write_text("apple")
        while "quick.txt" not in followed.texts():
            followed.calls.get(timeout=PATIENCE_SECONDS)
        stop.set()
        writer.join()
        while not followed.texts().get("slow.html", "").endswith("whole"):
            followed.calls.get(timeout=PATIENCE_SECONDS)


def test_a_file_that_cannot_be_read_while_it_is_written_keeps_its_old_text(
    followed: Followed,
) -> None:
    file = followed.docs / "a.json"
    file.write_text('{"fruit": "apple"}')
    followed.sync()
    before = followed.texts()
    file.write_text('{"fruit": ')
    report = followed.sync(busy=lambda paths, _: {path for path in paths if path == str(file)})
    assert (followed.texts(), report.failed, report.removed) == (before, [], 0)
    asked = []

    def busy(paths: Any, _: bool) -> set[str]:
        asked.extend(paths)
        return set() if len(asked) <= 1 else set(paths)  # it changes while it is read

    report = followed.sync(busy=busy)
    assert (followed.texts(), report.failed) == (before, [])
    assert asked == [str(file), str(file)]


def test_folders_moved_in_and_out(followed: Followed, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "a.txt").write_text("apple")
    with following(followed):
        outside.rename(followed.docs / "in")
        followed.wait_until({"in/deep/a.txt": "apple"})
        (followed.docs / "in").rename(followed.docs / "other")
        followed.wait_until({"other/deep/a.txt": "apple"})
        assert len(followed.encoder.documents) == 1
        (followed.docs / "other" / "deep" / "b.txt").write_text("pear")
        followed.wait_until({"other/deep/a.txt": "apple", "other/deep/b.txt": "pear"})
        (followed.docs / "other").rename(outside)
        followed.wait_until({})


def test_a_mass_change_is_a_few_syncs(followed: Followed) -> None:
    """One where the machine is quick enough to write within the rest."""
    with following(followed, debounce_ms=500):
        for number in range(300):
            folder = followed.docs / str(number % 7)
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.txt").write_text(f"apple {number}")
        expected = {f"{n % 7}/{n}.txt": f"apple {n}" for n in range(300)}
        reports = followed.wait_until(expected)
        assert sum(report.new for report in reports) == 300 and len(reports) <= 10


def test_a_root_replaced_by_another(followed: Followed, tmp_path: Path) -> None:
    (followed.docs / "a.txt").write_text("apple")
    with following(followed):
        followed.wait_until({"a.txt": "apple"})
        shutil.rmtree(followed.docs)
        followed.docs.mkdir()
        (followed.docs / "b.txt").write_text("pear")
        followed.wait_until({"b.txt": "pear"})
        (followed.docs / "c.txt").write_text("plum")
        followed.wait_until({"b.txt": "pear", "c.txt": "plum"})


def test_what_changed_while_nobody_watched_is_found_at_the_start(followed: Followed) -> None:
    (followed.docs / "a.txt").write_text("apple")
    followed.sync()
    (followed.docs / "a.txt").unlink()
    (followed.docs / "b.txt").write_text("pear")
    with following(followed):
        assert followed.texts() == {"b.txt": "pear"}

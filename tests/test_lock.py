"""Real processes, since a lock is about them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from rag.errors import IndexStateError
from rag.indexes import Indexes
from rag.lock import Holder, lock_holder, take_lock
from rag.types import Chunk

REPOSITORY = Path(__file__).resolve().parent.parent
HOLD = (
    "import sys; from pathlib import Path; from rag.lock import take_lock\n"
    "take_lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)
# In the middle of a write: one document is committed, the other is not.
WRITE = """
import sys
from pathlib import Path
import numpy as np
from rag.indexes import Indexes
from rag.types import Chunk
def put(name):
    chunk = Chunk(0, 3, name, 'title', (), None, 'en')
    catalog.put_document(name, name, 'hash', 3, 1, name, [chunk], [name], {name: np.eye(2)[0]})
with Indexes(Path(sys.argv[1]), dimension=2, read_only=False) as indexes:
    catalog = indexes.catalog
    put('one')
    indexes.catch_up()
    with catalog._writing():
        put('two')
        print('held', flush=True)
        sys.stdin.readline()
    indexes.catch_up()
    print('done', flush=True)
    sys.stdin.read()
"""


@contextmanager
def running(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has come to the point where it holds the lock; it ends with its input."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    with running(HOLD, tmp_path / "lock") as process:
        with pytest.raises(IndexStateError, match=rf"process {process.pid} \(-c .*, since 20"):
            take_lock(tmp_path / "lock")
        holder = lock_holder(tmp_path / "lock")
        assert holder is not None and holder.pid == process.pid
    assert lock_holder(tmp_path / "lock") is None


def test_the_second_says_that_it_waits_and_then_has_it(tmp_path: Path) -> None:
    said: list[str] = []
    with running(HOLD, tmp_path / "lock") as process:

        def say(line: str) -> None:
            said.append(line)
            assert process.stdin is not None
            process.stdin.close()  # the first ends when the second has told that it waits

        os.close(take_lock(tmp_path / "lock", 60, say))
        assert len(said) == 1 and f"process {process.pid}" in said[0]
        assert "Waiting for it, up to 60 s" in said[0]


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    with running(HOLD, tmp_path / "lock") as process:
        process.kill()
        process.wait()
        assert lock_holder(tmp_path / "lock") is None
        os.close(take_lock(tmp_path / "lock"))


def test_who_only_asks_never_stops_a_writer(tmp_path: Path) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            lock_holder(tmp_path / "lock")

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for _ in range(200):
            os.close(take_lock(tmp_path / "lock"))
    finally:
        stop.set()
        asker.join()


def test_readers_are_never_blocked(tmp_path: Path) -> None:
    """A reader opens, searches and verifies while another process is in the middle of a write."""
    with running(WRITE, tmp_path) as process:
        query = np.eye(2, dtype=np.float32)[0]
        with Indexes(tmp_path, dimension=2, read_only=True) as reader:
            assert [i for i, _ in reader.dense.search(query, 9)] == [1]
            assert [i for i, _ in reader.lexical.search("one two", 9)] == [1]
            assert reader.verify() == []
            with pytest.raises(IndexStateError, match=f"process {process.pid}"):
                Indexes(tmp_path, dimension=2, read_only=False)
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            reader.catch_up()
            assert [i for i, _ in reader.dense.search(query, 9)] == [1, 2]
            assert [i for i, _ in reader.lexical.search("two", 9)] == [2]


def test_a_writer_never_waits_for_readers(tmp_path: Path) -> None:
    """A reader's open snapshot keeps its state, and the writer goes on."""
    chunk = Chunk(0, 3, "one", "title", (), None, "en")
    with Indexes(tmp_path, dimension=2, read_only=False) as writer:
        with (
            Indexes(tmp_path, dimension=2, read_only=True) as reader,
            reader.catalog.snapshot(),
        ):
            assert reader.catalog.documents() == []
            vectors = {"one": np.eye(2)[0]}
            writer.catalog.put_document("one", "", "h", 3, 1, "one", [chunk], ["one"], vectors)
            writer.save()
            assert reader.catalog.documents() == []
        assert len(writer.catalog.documents()) == 1


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (b"", "another process"),
        (b"garbage\n", "another process"),
        (b"77\n", "the process 77"),
        (b"77\n2026-01-02 03:04:05\nfootnote watch\n",
         "the process 77 (footnote watch, since 2026-01-02 03:04:05)"),
    ],
)  # fmt: skip
def test_notes_of_any_version_are_read(note: bytes, expected: str, tmp_path: Path) -> None:
    descriptor = take_lock(tmp_path / "lock")
    (tmp_path / "lock").write_bytes(note)
    assert str(lock_holder(tmp_path / "lock")) == expected
    os.close(descriptor)
    assert str(Holder(0)) == "another process"

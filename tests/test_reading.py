from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ingest.reading
from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from ingest.reading import Reading, ReadingProcess, ReadingStopped
from rag.errors import ReadError
from rag.types import Document

DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture
def reader() -> Iterator[ReadingProcess]:
    with ReadingProcess() as process:
        yield process


def misbehave(path: Path, *, options: ReadOptions) -> Document:
    """In the reader's place: hangs, crashes or swells as the file's name says."""
    if path.name == "hang.txt":
        time.sleep(600)
    if path.name == "crash.txt":
        os._exit(17)
    if path.name == "memory.txt":
        raise MemoryError
    if path.name == "swell.txt":
        hoard = []
        while True:
            hoard.append(bytearray(b"x" * 10_000_000))
    if path.name == "password.txt":
        return Document(options.passwords[0], "", ())
    return read_document(path)


def serve_badly(pipe: object, options: ReadOptions) -> None:
    ingest.reading.read_document = misbehave
    _serve(pipe, options)  # type: ignore[arg-type]


_serve = ingest.reading._serve
_memory_bytes = ingest.reading._memory_bytes


def test_gives_what_the_readers_give(reader: ReadingProcess) -> None:
    for name in ("handbook/it-security-guide.md", "products/x200-user-manual.pdf"):
        assert reader.read(DATA / name) == read_document(DATA / name)


def test_errors_keep_their_reason(reader: ReadingProcess, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ReadError, match="the file is empty") as caught:
        reader.read(tmp_path / "empty.txt")
    assert caught.value.reason == "empty"


def test_a_process_serves_many_files(reader: ReadingProcess, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    reader.read(tmp_path / "a.txt")
    first = reader._process.pid
    reader.read(tmp_path / "a.txt")
    assert reader._process.pid == first


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hang.txt", "timeout"),
        ("crash.txt", "crashed"),
        ("memory.txt", "too_large"),
        ("swell.txt", "too_large"),
    ],
)
def test_what_hangs_or_crashes_is_named_and_the_next_file_is_read(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.reading, "_serve", serve_badly)
    (tmp_path / name).write_text("Text.")
    (tmp_path / "good.txt").write_text("Good text.")
    limits = Reading(seconds=8.0 if reason == "timeout" else 60.0, memory_bytes=400_000_000)
    with ReadingProcess(limits) as reader:
        with pytest.raises(ReadError, match=name) as caught:
            reader.read(tmp_path / name)
        assert caught.value.reason == reason
        assert reader.read(tmp_path / "good.txt").text == "Good text."


def test_a_process_that_keeps_much_memory_makes_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    with ReadingProcess(Reading(memory_bytes=1_000_000_000)) as reader:
        reader.read(tmp_path / "a.txt")
        assert reader._process is not None
        reader._limits = Reading(memory_bytes=2 * _memory_bytes(reader._process.pid) - 1_000_000)
        assert reader.read(tmp_path / "a.txt").text == "One."
        assert reader._process is None


def test_a_stop_ends_a_reading_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.reading, "_serve", serve_badly)
    stop = threading.Event()
    stop.set()
    with ReadingProcess(stop=stop) as reader, pytest.raises(ReadingStopped):
        reader.read(tmp_path / "hang.txt")


def test_options_reach_the_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.reading, "_serve", serve_badly)
    with ReadingProcess(Reading(options=ReadOptions(passwords=("secret",)))) as reader:
        assert reader.read(tmp_path / "password.txt").title == "secret"


def test_close_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    reader = ReadingProcess()
    reader.read(tmp_path / "a.txt")
    process = reader._process
    reader.close()
    assert not process.is_alive()

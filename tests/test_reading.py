from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ingest.reading
from ingest.readers import read_document
from ingest.reading import ReadingProcess
from rag.errors import ReadError
from rag.types import Document

DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture
def reader() -> Iterator[ReadingProcess]:
    with ReadingProcess() as process:
        yield process


def misbehave(path: Path) -> Document:
    """In the reader's place: hangs or crashes as the file's name says."""
    if path.name == "hang.txt":
        time.sleep(600)
    if path.name == "crash.txt":
        os._exit(17)
    if path.name == "memory.txt":
        raise MemoryError
    return read_document(path)


def serve_badly(pipe: object) -> None:
    ingest.reading.read_document = misbehave
    _serve(pipe)  # type: ignore[arg-type]


_serve = ingest.reading._serve


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
    [("hang.txt", "timeout"), ("crash.txt", "crashed"), ("memory.txt", "too_large")],
)
def test_what_hangs_or_crashes_is_named_and_the_next_file_is_read(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.reading, "_serve", serve_badly)
    (tmp_path / name).write_text("Text.")
    (tmp_path / "good.txt").write_text("Good text.")
    with ReadingProcess(limit_seconds=8.0 if reason == "timeout" else 60.0) as reader:
        with pytest.raises(ReadError, match=name) as caught:
            reader.read(tmp_path / name)
        assert caught.value.reason == reason
        assert reader.read(tmp_path / "good.txt").text == "Good text."


def test_close_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    reader = ReadingProcess()
    reader.read(tmp_path / "a.txt")
    process = reader._process
    reader.close()
    assert not process.is_alive()

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from fakes import WordEncoder

import ingest.pool
from ingest.chunker import chunk_document
from ingest.pool import Prepared, ReaderPool, Wanted, hash_file, prepare
from ingest.readers import read_document
from ingest.reading import ReadingStopped
from ingest.scan import UNTRUSTED_MTIME, FoundFile
from rag.errors import ReadError
from rag.types import Document

PATIENCE_SECONDS = 60.0
ENCODER = WordEncoder(dimension=16)


def write(path: Path, text: str, when: float = 1e9) -> Wanted:
    path.write_text(text, "utf-8")
    os.utime(path, (when, when))
    return wanted(path)


def wanted(path: Path, known_hash: str | None = None) -> Wanted:
    status = path.stat()
    file = FoundFile(str(path), status.st_size, status.st_mtime_ns, status.st_ino)
    return Wanted(file, known_hash)


def prepared(wanted: Wanted, read: Callable[[Path], Document] = read_document) -> Prepared:
    return prepare(wanted, read, ENCODER.token_starts, 20)


def test_a_file_is_hashed_read_and_chunked(tmp_path: Path) -> None:
    file = write(tmp_path / "a.md", "# Title\n\n" + "One two three. " * 20)
    result = prepared(file)
    assert result.file == file.file and result.content_hash == hash_file(file.file.path)
    assert result.document == read_document(tmp_path / "a.md")
    assert result.chunks == chunk_document(result.document, ENCODER.token_starts, 20)
    assert list(result.lengths) == [
        len(ENCODER.token_starts(chunk.context)) + len(ENCODER.token_starts(chunk.text))
        for chunk in result.chunks
    ]


def test_known_content_is_not_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "Text.")
    digest = hash_file(file.file.path)
    result = prepared(Wanted(file.file, digest), lambda path: pytest.fail("it was read"))
    assert (result.content_hash, result.document, result.error) == (digest, None, None)


def test_a_file_that_is_gone_is_neither_known_nor_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "Text.")
    (tmp_path / "a.txt").unlink()
    assert prepared(file) == Prepared(file.file)


def test_an_error_is_part_of_the_result(tmp_path: Path) -> None:
    result = prepared(write(tmp_path / "a.json", "{"))
    assert isinstance(result.error, ReadError) and result.error.reason == "damaged"
    assert result.file.mtime_ns == 10**18 and result.chunks == ()


@pytest.mark.parametrize("num_changes", [1, 5])
def test_a_file_that_changes_while_it_is_read_is_read_again(
    num_changes: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    file = write(path, "Text 0.")
    reads = 0

    def read(asked: Path) -> Document:
        nonlocal reads
        document = read_document(asked)
        reads += 1
        if reads <= num_changes:
            write(path, f"Text {reads}.", 1e9 + reads)
        return document

    result = prepared(file, read)
    assert result.document is not None
    if num_changes == 1:
        assert (reads, result.document.text) == (2, "Text 1.")
        assert result.file == wanted(path).file
        assert result.content_hash == hash_file(str(path))
    else:
        assert (reads, result.document.text) == (ingest.pool.MAX_TRIES, "Text 2.")
        assert result.file.mtime_ns == UNTRUSTED_MTIME


def test_a_file_just_written_is_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Text.")
    now = (tmp_path / "a.txt").stat().st_mtime_ns
    os.utime(tmp_path / "a.txt", ns=(now + 10**12, now + 10**12))
    assert prepared(wanted(tmp_path / "a.txt")).file.mtime_ns != UNTRUSTED_MTIME
    assert ingest.pool._trusted((1, 10**18, 1), 10**18 + 1) == UNTRUSTED_MTIME


class Reader:
    """Reads as it is told to, and notes who was closed."""

    closed: Sequence[Reader] = ()

    def __init__(self, read: Callable[[Path], Document] = read_document) -> None:
        self.read = read

    def close(self) -> None:
        Reader.closed = [*Reader.closed, self]


def drain(pool: ReaderPool, count: int) -> Iterator[Prepared]:
    for _ in range(count):
        result = pool.get(PATIENCE_SECONDS)
        assert result is not None
        yield result


def make_pool(
    files: Sequence[Wanted], read: Callable[[Path], Document] = read_document, threads: int = 1
) -> ReaderPool:
    return ReaderPool(files, lambda: Reader(read), ENCODER.token_starts, 20, threads)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_file_comes_once(threads: int, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.txt", f"Text {n}.") for n in range(20)]
    with make_pool(files, threads=threads) as pool:
        results = list(drain(pool, len(files)))
        assert pool.get(0.0) is None
    assert sorted(r.file.path for r in results) == sorted(f.file.path for f in files)
    assert all(r.document and r.chunks for r in results)


def test_no_reader_is_made_where_nothing_must_be_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "Text.")
    known = Wanted(file.file, hash_file(file.file.path))
    with ReaderPool(
        [known], lambda: pytest.fail("a reader was made"), ENCODER.token_starts, 20, 2
    ) as pool:
        assert next(drain(pool, 1)).content_hash


def test_reading_ahead_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.pool, "MAX_WAITING_CHARACTERS", 25)
    files = [write(tmp_path / f"{n}.txt", "Ten chars.") for n in range(6)]
    started = threading.Semaphore(0)
    num_started = 0

    def read(path: Path) -> Document:
        nonlocal num_started
        num_started += 1
        started.release()
        return read_document(path)

    with make_pool(files, read) as pool:
        for number in range(6):
            assert started.acquire(timeout=PATIENCE_SECONDS)
            assert num_started <= number + 3  # two wait, the third is in the reader's hand
            if number >= 2:
                list(drain(pool, 1))
        list(drain(pool, 2))


def test_what_is_no_read_error_reaches_the_taker(tmp_path: Path) -> None:
    def read(path: Path) -> Document:
        raise KeyboardInterrupt

    with make_pool([write(tmp_path / "a.txt", "Text.")], read) as pool:
        assert isinstance(next(drain(pool, 1)).error, KeyboardInterrupt)


def test_closing_ends_those_who_wait_and_closes_their_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.pool, "MAX_WAITING_CHARACTERS", 1)
    monkeypatch.setattr(Reader, "closed", ())
    pool = make_pool([write(tmp_path / f"{n}.txt", "Text.") for n in range(4)], threads=2)
    list(drain(pool, 1))
    pool.close()
    assert 1 <= len(Reader.closed) <= 2
    assert not any(thread.is_alive() for thread in pool._threads)


def test_a_stopped_reading_gives_nothing(tmp_path: Path) -> None:
    def read(path: Path) -> Document:
        raise ReadingStopped

    pool = make_pool([write(tmp_path / "a.txt", "Text.")], read)
    pool._threads[0].join(PATIENCE_SECONDS)
    assert pool.get(0.0) is None
    pool.close()

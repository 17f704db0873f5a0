"""Prepares files for the encoder, several at once, and no further ahead than it has room for."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ingest.chunker import TokenStarts, chunk_document
from ingest.reading import ReadingStopped
from ingest.scan import FRESH_NS, UNTRUSTED_MTIME, FoundFile
from ingest.touched import Busy, nothing_is_busy
from rag.errors import ReadError
from rag.types import Chunk, Document

HASH_BYTES = 1 << 20
MAX_WAITING_CHARACTERS = 8_000_000  # of text that is read and not taken yet
MAX_TRIES = 3  # of a file that changes while it is read


class Reader(Protocol):
    """Reads one file after another; see ReadingProcess."""

    def read(self, path: Path) -> Document:
        """Raises ReadError, or ReadingStopped."""

    def close(self) -> None:
        """Let its process go."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to open. It is read only if its hash is not `known_hash`."""

    file: FoundFile
    known_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of a file: `document` cut into `chunks`, or an `error`, or neither.

    Neither means that the content is as known, or (no `content_hash`) that the file is gone or
    being written: whoever writes it will be heard of.
    `lengths` are the chunks' token counts, contexts included. `file` is as it was when read.
    """

    file: FoundFile
    content_hash: str = ""
    document: Document | None = None
    chunks: Sequence[Chunk] = ()
    lengths: Sequence[int] = ()
    error: BaseException | None = None


class ReaderPool:
    """Threads that hash, read (each through a reader of its own) and chunk the files in order.

    They stop while MAX_WAITING_CHARACTERS of text wait to be taken. A reader is made when the
    first file must be read.
    """

    def __init__(
        self,
        files: Iterable[Wanted],
        make_reader: Callable[[], Reader],
        token_starts: TokenStarts,
        max_tokens: int,
        num_threads: int,
        busy: Busy = nothing_is_busy,
    ) -> None:
        self._files = iter(files)
        self._make_reader = make_reader
        self._token_starts = token_starts
        self._max_tokens = max_tokens
        self._busy = busy
        self._changed = threading.Condition()
        self._results: deque[Prepared] = deque()
        self._waiting_characters = 0
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"footnote-reader-{i}", daemon=True)
            for i in range(num_threads)
        ]
        for thread in self._threads:
            thread.start()

    def get(self, timeout: float) -> Prepared | None:
        """The next file that is ready, in no certain order; None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._results, timeout)
            if not self._results:
                return None
            result = self._results.popleft()
            self._waiting_characters -= _num_characters(result)
            self._changed.notify_all()
        return result

    def _put(self, result: Prepared) -> None:
        size = _num_characters(result)
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_closed
                    or not self._results
                    or self._waiting_characters + size <= MAX_WAITING_CHARACTERS
                )
            )
            self._results.append(result)
            self._waiting_characters += size
            self._changed.notify_all()

    def _next_file(self) -> Wanted | None:
        with self._changed:
            return None if self._is_closed else next(self._files, None)

    def _work(self) -> None:
        reader: Reader | None = None

        def read(path: Path) -> Document:
            nonlocal reader
            reader = reader or self._make_reader()
            return reader.read(path)

        try:
            while wanted := self._next_file():
                try:
                    self._put(self._prepare(wanted, read))
                except ReadingStopped:
                    return
                except BaseException as error:  # the taker's to handle
                    self._put(Prepared(wanted.file, error=error))
        finally:
            if reader is not None:
                reader.close()

    def _prepare(self, wanted: Wanted, read: Callable[[Path], Document]) -> Prepared:
        path = wanted.file.path
        if self._busy([path], False):
            return Prepared(wanted.file)
        result = prepare(wanted, read, self._token_starts, self._max_tokens)
        if result.error is not None and self._busy([path], True):
            return Prepared(wanted.file)
        return result

    def close(self) -> None:
        """Take up no more files, and wait for the threads; what nobody took is dropped."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def prepare(
    wanted: Wanted,
    read: Callable[[Path], Document],
    token_starts: TokenStarts,
    max_tokens: int,
) -> Prepared:
    """Hash a file, and read and chunk it unless the hash is known.

    A file that changes meanwhile is read again; one that goes on changing is taken as it was
    read, with a time that makes the next scan look again. A ReadError is part of the result.
    """
    path = wanted.file.path
    for tries_left in reversed(range(MAX_TRIES)):
        before, started_ns = _look(path), time.time_ns()
        result = _prepare_once(wanted, read)
        after = _look(path)
        if after is None:
            return Prepared(wanted.file)  # gone since the scan
        has_failed = result.error is not None
        mtime_ns = _trusted(after, time.time_ns() if has_failed else started_ns)
        if before == after or (has_failed and not tries_left):
            break
        mtime_ns = UNTRUSTED_MTIME
    assert after is not None
    size, _, inode = after
    result = replace(result, file=FoundFile(path, size, mtime_ns, inode))
    if result.document is None:
        return result
    chunks, lengths = cut_document(result.document, token_starts, max_tokens)
    return replace(result, chunks=chunks, lengths=lengths)


def _prepare_once(wanted: Wanted, read: Callable[[Path], Document]) -> Prepared:
    file = wanted.file
    digest = hash_file(file.path)
    if digest is None:
        message = f"{file.path}: cannot be opened; check that it exists and may be read"
        return Prepared(file, error=ReadError("unreadable", message))
    if digest == wanted.known_hash:
        return Prepared(file, digest)
    try:
        return Prepared(file, digest, read(Path(file.path)))
    except ReadError as error:
        return Prepared(file, digest, error=error)


def _look(path: str) -> tuple[int, int, int] | None:
    """Size, time and inode of the file as it is now; None if it is not there."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return 0, UNTRUSTED_MTIME, 0
    return status.st_size, status.st_mtime_ns, status.st_ino


def _trusted(state: tuple[int, int, int], now_ns: int) -> int:
    """The file's time, unless it may change again within the same tick of the clock."""
    return state[1] if abs(now_ns - state[1]) > FRESH_NS else UNTRUSTED_MTIME


def hash_file(path: str) -> str | None:
    """SHA-256 of a file in hex; None if it cannot be opened."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while block := stream.read(HASH_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def cut_document(
    document: Document, token_starts: TokenStarts, max_tokens: int
) -> tuple[list[Chunk], list[int]]:
    """The chunks and their token counts. Titles and headings recur, so what was counted is kept."""

    @lru_cache(maxsize=1024)
    def counted(text: str) -> npt.NDArray[np.int64]:
        return token_starts(text)

    chunks = chunk_document(document, counted, max_tokens)
    starts = counted(document.text)

    def lengths() -> Iterator[int]:
        for chunk in chunks:
            first, last = np.searchsorted(starts, (chunk.start, chunk.end))
            yield int(last - first) + len(counted(chunk.context))

    return chunks, list(lengths())


def _num_characters(result: Prepared) -> int:
    return len(result.document.text) if result.document else 0

"""Reads documents in a process of its own: what hangs, crashes or swells there harms nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from rag.errors import ReadError
from rag.types import Document

READ_SECONDS = 300.0
READ_MEMORY_BYTES = 2048 * 1024**2
STOP_SECONDS = 5.0
LOOK_SECONDS = 0.1  # how often a process at work is looked after
NICENESS = 5  # the encoder goes first: reading ahead of it gains nothing
FULL_SHARE = 0.5  # of the memory: a process that keeps so much after a file makes way for a new one
NO_OPTIONS = ReadOptions()
MAX_READERS = 4  # an encoder on a CPU is slower than one reader, on a GPU than a few


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: in how many processes (None: as fits the machine), within what limits."""

    readers: int | None = None
    seconds: float = READ_SECONDS
    memory_bytes: int = READ_MEMORY_BYTES
    options: ReadOptions = NO_OPTIONS

    @property
    def num_readers(self) -> int:
        return self.readers or min(MAX_READERS, os.cpu_count() or 1)


DEFAULT_READING = Reading()


class ReadingStopped(Exception):
    """The reading of a file was given up, because the sync ends."""


class ReadingProcess:
    """Starts its process at the first file, and anew after one that hung, crashed or swelled it.

    The memory limit is held where /proc tells a process's memory (Linux). `stop`, once set, ends
    a reading under way with ReadingStopped.
    """

    def __init__(
        self, limits: Reading = DEFAULT_READING, stop: threading.Event | None = None
    ) -> None:
        self._limits = limits
        self._stop = stop or threading.Event()
        self._process: Any = None
        self._pipe: Connection | None = None

    def read(self, path: Path) -> Document:
        """Read a file. Raises ReadError; besides the readers' reasons, `timeout` and `crashed`."""
        pipe = self._start()
        try:
            pipe.send(str(path))
            self._await(pipe, path)
            answer: Document | ReadError = pipe.recv()
        except (EOFError, ConnectionError) as error:
            code = self._kill()
            message = f"{path}: its reader crashed (exit code {code}); save the file anew"
            raise ReadError("crashed", message) from error
        if _memory_bytes(self._process.pid) > FULL_SHARE * self._limits.memory_bytes:
            self._kill()
        if isinstance(answer, ReadError):
            raise answer
        return answer

    def _await(self, pipe: Connection, path: Path) -> None:
        """Wait for the answer, and kill a process that goes beyond its limits."""
        limits = self._limits
        deadline = time.monotonic() + limits.seconds
        while not pipe.poll(max(0.0, min(LOOK_SECONDS, deadline - time.monotonic()))):
            if self._stop.is_set():
                self._kill()
                raise ReadingStopped
            if time.monotonic() >= deadline:
                self._kill()
                message = f"reading took over {limits.seconds:g} s; split it, or raise read_seconds"
                raise ReadError("timeout", f"{path}: {message}")
            if _memory_bytes(self._process.pid) > limits.memory_bytes:
                self._kill()
                megabytes = limits.memory_bytes // 1024**2
                message = f"reading needs over {megabytes} MB; split it, or raise read_memory_mb"
                raise ReadError("too_large", f"{path}: {message}")

    def _start(self) -> Connection:
        if self._pipe is not None and self._process.is_alive():
            return self._pipe
        self._kill()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._limits.options), daemon=True
        )
        self._process.start()
        theirs.close()
        return self._pipe

    def _kill(self) -> int | None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is None:
            return None
        self._process.join(0.2)  # one that is ending tells its own exit code
        self._process.kill()
        self._process.join(STOP_SECONDS)
        code: int | None = self._process.exitcode
        self._process = None
        return code

    def close(self) -> None:
        """End the process."""
        self._kill()

    def __enter__(self) -> ReadingProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _memory_bytes(pid: int) -> int:
    """What a process holds in memory; 0 where that cannot be known."""
    try:
        with open(f"/proc/{pid}/statm") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _serve(pipe: Connection, options: ReadOptions) -> None:
    """Answer with documents until the other end closes; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICENESS)
    while True:
        try:
            path = Path(pipe.recv())
        except EOFError:
            return
        try:
            answer: Document | ReadError = read_document(path, options=options)
        except ReadError as error:
            answer = error
        except (MemoryError, RecursionError) as error:
            message = f"{path}: too much for the memory ({type(error).__name__}); split it"
            answer = ReadError("too_large", message)
        pipe.send(answer)

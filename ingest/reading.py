"""Reads documents in a process of their own: what hangs or crashes there harms nothing else."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from ingest.readers import read_document
from rag.errors import ReadError
from rag.types import Document

READ_SECONDS = 300.0
STOP_SECONDS = 5.0


class ReadingProcess:
    """Starts its process at the first file, and anew after one that hung or crashed it."""

    def __init__(self, limit_seconds: float = READ_SECONDS) -> None:
        self._limit_seconds = limit_seconds
        self._process: Any = None
        self._pipe: Connection | None = None

    def read(self, path: Path) -> Document:
        """Read a file. Raises ReadError; besides the readers' reasons, `timeout` and `crashed`."""
        pipe = self._start()
        try:
            pipe.send(str(path))
            if not pipe.poll(self._limit_seconds):
                self._kill()
                raise ReadError(
                    "timeout",
                    f"{path}: reading took over {self._limit_seconds:g} s; split it into parts",
                )
            answer: Document | ReadError = pipe.recv()
        except (EOFError, ConnectionError) as error:
            code = self._kill()
            message = f"{path}: its reader crashed (exit code {code}); save the file anew"
            raise ReadError("crashed", message) from error
        if isinstance(answer, ReadError):
            raise answer
        return answer

    def _start(self) -> Connection:
        if self._pipe is not None and self._process.is_alive():
            return self._pipe
        self._kill()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
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
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
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


def _serve(pipe: Connection) -> None:
    """Answer with documents until the other end closes; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            path = Path(pipe.recv())
        except EOFError:
            return
        try:
            answer: Document | ReadError = read_document(path)
        except ReadError as error:
            answer = error
        except (MemoryError, RecursionError) as error:
            message = f"{path}: too much for the memory ({type(error).__name__}); split it"
            answer = ReadError("too_large", message)
        pipe.send(answer)

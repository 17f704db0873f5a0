"""Commits documents in a thread of its own, so that the encoder need not wait for the disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from rag.indexes import Indexes

MAX_WAITING = 64  # documents; they are complete, so that few suffice
FRESH_SECONDS = 3.0  # a commit of tantivy costs much, whatever it holds

Job = Callable[[], object]


class Writer:
    """Does jobs in order, and lets the derived indexes follow every few seconds.

    What goes wrong in its thread is raised by the next `put`, or by `finish`.
    """

    def __init__(self, indexes: Indexes) -> None:
        self._indexes = indexes
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._is_ending = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="footnote-writer", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Have a job done; waits while too many are waiting."""
        with self._changed:
            self._changed.wait_for(lambda: self._error or len(self._jobs) < MAX_WAITING)
            if self._error is None:
                self._jobs.append(job)
            self._changed.notify_all()
        self._raise()

    def finish(self) -> None:
        """Wait until every job is done and its outcome can be found."""
        self.close()
        self._raise()
        self._indexes.catch_up()

    def close(self) -> None:
        """Do the jobs that wait, and end the thread."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            self._do_jobs()
        except BaseException as error:
            with self._changed:
                self._error = error
                self._jobs.clear()
                self._changed.notify_all()

    def _do_jobs(self) -> None:
        due: float | None = None  # when the indexes must have followed; None: they have
        while True:
            job = self._next_job(None if due is None else due - time.monotonic())
            if job is not None:
                job()
                due = due or time.monotonic() + FRESH_SECONDS
            elif self._is_ending:
                return
            if due is not None and time.monotonic() >= due:
                self._indexes.catch_up()
                due = None

    def _next_job(self, timeout: float | None) -> Job | None:
        with self._changed:
            wait = None if timeout is None else max(0.0, timeout)
            self._changed.wait_for(lambda: self._jobs or self._is_ending, wait)
            job = self._jobs.popleft() if self._jobs else None
            self._changed.notify_all()
        return job

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

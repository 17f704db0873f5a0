"""What a program still waits for before it can answer, and what went wrong on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rag.errors import FootnoteError


class Readiness:
    """Ready when every part is done, or failed for good. Guarded by its owner's lock.

    `waiting` holds, for each part that is not done, a line on what is going on.
    """

    def __init__(self, lock: threading.RLock, waiting: dict[str, str]) -> None:
        self._lock = lock
        self._parts = tuple(waiting)
        self._waiting = waiting
        self._ready = threading.Event()
        self.error: FootnoteError | None = None

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set() and self.error is None

    def waits_for(self, part: str) -> bool:
        return part in self._waiting

    def tell(self, part: str, line: str) -> None:
        """What is going on with a part."""
        with self._lock:
            if part in self._waiting:
                self._waiting[part] = line

    def done(self, part: str, finish: Callable[[], None]) -> None:
        """One part less; after the last one `finish`, and then it is ready."""
        with self._lock:
            if self._waiting.pop(part, None) and not self._waiting and not self._ready.is_set():
                finish()
                self._ready.set()

    def fail(self, error: FootnoteError) -> bool:
        """Whether the error keeps it from becoming ready; False if it was ready before."""
        with self._lock:
            if self._ready.is_set():
                return False
            self.error = error
            self._ready.set()
            return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until ready; False if it was not in time. Raises what went wrong instead."""
        is_set = self._ready.wait(timeout)
        if self.error is not None:
            raise type(self.error)(*self.error.args)  # each asker gets an error of its own
        return is_set

    def components(self) -> dict[str, str]:
        """Each part with a word: ready, loading, or stopped where something went wrong."""
        with self._lock:
            missing = "loading" if self.error is None else "stopped"
            return {part: missing if part in self._waiting else "ready" for part in self._parts}

    def state(self) -> str:
        """One line: `ready`, or what is going on."""
        with self._lock:
            if self.error is not None:
                return f"stopped: {self.error}"
            if self._ready.is_set():
                return "ready"
            line = "; ".join(self._waiting.values())
        return line[:1].upper() + line[1:]

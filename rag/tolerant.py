"""Something that may fail, such as another server: then it is left alone for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

PAUSE_SECONDS = 30.0  # after a failure: not every question waits for a server that is gone


class Closable(Protocol):
    def close(self) -> None: ...


Opened = TypeVar("Opened", bound=Closable)
Result = TypeVar("Result")


class Tolerant(Generic[Opened]):
    """Opens it when it is first used. What fails counts, is said once, and gives something else.

    `on_failure` is called at each `failure`; after it `otherwise` is what goes on without it, and
    `well_again` what is said when it is back. After the pause one use tries it, while the others
    do without. Safe to share between threads.
    """

    def __init__(
        self,
        open_it: Callable[[], Opened],
        failure: type[Exception],
        *,
        otherwise: str,
        well_again: str,
        on_failure: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open, self._failure = open_it, failure
        self._otherwise, self._well_again = otherwise, well_again
        self._on_failure, self._clock = on_failure, clock
        self._lock = threading.Lock()
        self._opened: Opened | None = None
        self._paused_until = float("-inf")
        self.is_well = True  # as far as the last use tells

    def attempt(self, use: Callable[[Opened], Result], instead: Callable[[], Result]) -> Result:
        """Use it; while it fails, what is given instead."""
        if not self._may_try():
            return instead()
        try:
            with self._lock:
                opened = self._opened = self._opened or self._open()
            result = use(opened)
        except self._failure as error:
            self._fail(error)
            return instead()
        if not self.is_well:
            self.is_well = True
            self._paused_until = float("-inf")
            log.warning("%s", self._well_again)
        return result

    def close(self) -> None:
        """Raises the failure."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    def _may_try(self) -> bool:
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return False
            if not self.is_well:  # this one is the probe
                self._paused_until = now + PAUSE_SECONDS
            return True

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._paused_until = self._clock() + PAUSE_SECONDS
            was_well, self.is_well = self.is_well, False
        self._on_failure()
        if was_well:
            log.warning("%s %s", error, self._otherwise)

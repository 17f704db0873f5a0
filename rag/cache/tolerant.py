"""A store that may fail: then there is no cache for a while, and it is said once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from rag.cache.store import OpenStore, Store, StoreError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 30.0  # after a failure: not every question waits for a server that is gone

Result = TypeVar("Result")


class TolerantStore:
    """Opens a store when it is first used. Whatever fails counts, and gives nothing.

    `on_failure` is called at each failure. Safe to share between threads.
    """

    def __init__(
        self,
        open_store: OpenStore,
        *,
        on_failure: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_store, self._on_failure, self._clock = open_store, on_failure, clock
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._paused_until = float("-inf")
        self._was_said = False
        self._rejected: set[str] = set()

    def get(self, key: str) -> bytes | None:
        return self._try(lambda store: store.get(key), None)

    def put(self, key: str, value: bytes, family: str = "", vector: bytes = b"") -> None:
        self._try(lambda store: store.put(key, value, family, vector), None)

    def family(self, family: str) -> list[tuple[str, bytes]]:
        return self._try(lambda store: store.family(family), [])

    def remove(self, key: str) -> None:
        self._try(lambda store: store.remove(key), None)

    def reject(self, why: str) -> None:
        """Count that something could not be kept, and say why once."""
        self._on_failure()
        if why not in self._rejected:
            self._rejected.add(why)
            log.warning("An answer or a question could not be cached: %s", why)

    def close(self) -> None:
        with self._lock, suppress(StoreError):
            if self._store is not None:
                self._store.close()

    def _try(self, use: Callable[[Store], Result], otherwise: Result) -> Result:
        if self._clock() < self._paused_until:
            return otherwise
        try:
            with self._lock:
                store = self._store = self._store or self._open_store()
            result = use(store)
        except StoreError as error:
            self._fail(error)
            return otherwise
        if self._was_said:
            self._was_said = False
            log.warning("The cache works again.")
        return result

    def _fail(self, error: StoreError) -> None:
        self._paused_until = self._clock() + PAUSE_SECONDS
        self._on_failure()
        if not self._was_said:
            self._was_said = True
            log.warning("%s Questions are answered without it.", error)

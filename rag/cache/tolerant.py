"""A store that may fail: then there is no cache for a while, and it is said once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from rag.cache.store import OpenStore, Store, StoreError
from rag.tolerant import Tolerant

log = logging.getLogger(__name__)


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
        self._on_failure = on_failure
        self._store: Tolerant[Store] = Tolerant(
            open_store,
            StoreError,
            otherwise="Questions are answered without it.",
            well_again="The cache works again.",
            on_failure=on_failure,
            clock=clock,
        )
        self._rejected: set[str] = set()

    def get(self, key: str) -> bytes | None:
        return self._store.attempt(lambda store: store.get(key), lambda: None)

    def put(self, key: str, value: bytes, family: str = "", vector: bytes = b"") -> None:
        self._store.attempt(lambda store: store.put(key, value, family, vector), lambda: None)

    def family(self, family: str) -> list[tuple[str, bytes]]:
        return self._store.attempt(lambda store: store.family(family), list)

    def remove(self, key: str) -> None:
        self._store.attempt(lambda store: store.remove(key), lambda: None)

    def reject(self, why: str) -> None:
        """Count that something could not be kept, and say why once."""
        self._on_failure()
        if why not in self._rejected:
            self._rejected.add(why)
            log.warning("An answer or a question could not be cached: %s", why)

    def close(self) -> None:
        with suppress(StoreError):
            self._store.close()

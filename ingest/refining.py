"""Encodes the sentences of what is indexed, whenever nothing else is to be done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingest.refine import refine
from rag.encoder import Encoder
from rag.indexes import Indexes

REST_SECONDS = 2.0  # between two looks for new chunks

Current = Callable[[], tuple[Indexes, Encoder] | None]


class Refining:
    """A background task beside the syncing, which goes first. `stop` ends it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._num_busy = 0
        self._lock = threading.Lock()
        self._refined: tuple[object, int] | None = None  # an index, and how far its log went

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While the block runs, no new sentences are encoded."""
        with self._lock:
            self._num_busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_busy -= 1

    def run(self, current: Current) -> None:
        """Until stopped: refine the index that `current` gives, if there is one to write to."""
        while not self._stop.wait(REST_SECONDS):
            serving = current()
            if serving is not None and not self._must_wait():
                self._refine(*serving)

    def _refine(self, indexes: Indexes, encoder: Encoder) -> None:
        reached = (indexes, indexes.catalog.sequence())
        if self._refined == reached:
            return
        refine(indexes.catalog, encoder, should_stop=self._must_wait)
        if not self._must_wait():
            self._refined = reached

    def _must_wait(self) -> bool:
        return self._num_busy > 0 or self._stop.is_set()

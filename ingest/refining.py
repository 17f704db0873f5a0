"""Encodes the sentences of what is indexed, whenever nothing else is to be done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingest.refine import refine
from rag.disk import disk_errors
from rag.encoder import Encoder
from rag.errors import FootnoteError
from rag.indexes import Indexes

REST_SECONDS = 2.0  # between two looks for new chunks

Current = Callable[[], tuple[Indexes, Encoder] | None]


class Refining:
    """A background task beside the syncing, which goes first. `stop` ends it.

    What goes wrong is said once, and tried again.
    """

    def __init__(self, stop: threading.Event, say: Callable[[str], None]) -> None:
        self._stop = stop
        self._say = say
        self._problem = ""
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
                try:
                    self._refine(*serving)
                    self._problem = ""
                except FootnoteError as error:
                    if str(error) != self._problem:
                        self._say(f"Sentences are not encoded: {error}")
                    self._problem = str(error)

    def _refine(self, indexes: Indexes, encoder: Encoder) -> None:
        reached = (indexes, indexes.catalog.sequence())
        if self._refined == reached:
            return
        with disk_errors(indexes.folder):
            refine(indexes.catalog, encoder, should_stop=self._must_wait)
        if not self._must_wait():
            self._refined = reached

    def _must_wait(self) -> bool:
        return self._num_busy > 0 or self._stop.is_set()

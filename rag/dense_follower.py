"""Keeps a folder's dense index at the catalog's newest state, and lets it grow aside."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np

from rag.catalog import Catalog
from rag.dense import EXACT_LIMIT, DenseIndex, Precision, Vectors
from rag.dense_lists import SAMPLED_PER_LIST, num_lists_for
from rag.errors import IndexStateError

BATCH_CHUNKS = 20_000  # bounds what one step of catching up holds in memory
UNSAVED_SHARE = 0.01  # of the chunks may have changed since the snapshot: the log replays them

log = logging.getLogger(__name__)


class DenseFollower:
    """Owns the DenseIndex of a catalog: loads, follows, grows, saves. Safe to share.

    `index` is replaced when it has grown, or when a reader takes a newer snapshot: ask for it at
    each search.
    """

    def __init__(
        self,
        catalog: Catalog,
        path: Path,
        dimension: int,
        *,
        read_only: bool,
        exact_limit: int = EXACT_LIMIT,
        precision: Precision = "auto",
    ) -> None:
        self._catalog = catalog
        self._path = path
        self._dimension = dimension
        self._read_only = read_only
        self._exact_limit = exact_limit
        self._precision: Precision = precision
        self._lock = threading.RLock()
        self._growing: threading.Thread | None = None
        self._may_grow = True
        self._is_closed = False
        self._saved: DenseIndex | None = None  # whose snapshot is on disk, at that sequence
        self._saved_sequence = 0
        self._snapshot_seen = _identity(path)
        self.index = self._load()

    def _load(self) -> DenseIndex:
        """The snapshot if it can be used, else an empty index that the log fills.

        A writer does not use one of another precision than is set; a reader has no better.
        """
        empty = self._empty()
        try:
            index = DenseIndex.load(
                self._path, exact_limit=self._exact_limit, precision=self._precision
            )
        except IndexStateError:
            return empty
        if index.dimension != self._dimension or index.sequence > self._catalog.sequence():
            return empty
        if not (index.is_as_set or self._read_only):
            return empty
        self._saved, self._saved_sequence = index, index.sequence
        return index

    def _empty(self) -> DenseIndex:
        return DenseIndex(self._dimension, exact_limit=self._exact_limit, precision=self._precision)

    # Following the log

    def catch_up(self) -> None:
        """Apply what the log has beyond the index; begin to grow aside when it is time."""
        with self._lock:
            if self._read_only:
                self._take_newer_snapshot()
            self.index = self._follow(self.index)
            if self.index.is_outgrown and not self._read_only:
                self._start_growing()

    def _take_newer_snapshot(self) -> None:
        """A reader does not grow by itself: it takes what the writer saved."""
        if not self.index.is_outgrown or (now := _identity(self._path)) == self._snapshot_seen:
            return
        self._snapshot_seen = now
        index = self._load()
        if index.sequence:
            self.index = index

    def _follow(self, index: DenseIndex) -> DenseIndex:
        """The index with all changes; another one where a large one began from nothing."""
        with self._catalog.snapshot():
            newest = self._catalog.sequence()
            if newest == index.sequence:
                return index
            added, deleted, newest = self._catalog.changes_since(index.sequence, index.ids)
            if not index.sequence and len(added) > max(self._exact_limit, len(index)):
                index = index.grown(len(added), self._sample(added))
            for start in range(0, len(added), BATCH_CHUNKS):
                batch = added[start : start + BATCH_CHUNKS]
                index.apply(batch, self._catalog.vectors(batch), [])
            # Last, so that at no time a changed document is found in neither version.
            index.apply([], np.zeros((0, self._dimension), dtype=np.float32), deleted)
        index.sequence = newest  # only now: a failure above is replayed
        return index

    def _sample(self, ids: list[int]) -> Vectors:
        """Vectors (n, d) from all over the catalog, as many as training wants."""
        wanted = SAMPLED_PER_LIST * num_lists_for(len(ids))
        sampled = ids[:: max(1, len(ids) // wanted)]
        starts = range(0, len(sampled), BATCH_CHUNKS)
        return np.concatenate(
            [self._catalog.vectors(sampled[start : start + BATCH_CHUNKS]) for start in starts]
        )

    # Growing

    def _start_growing(self) -> None:
        if self._growing is None and self._may_grow:
            self._growing = threading.Thread(
                target=self._grow_aside, name="footnote-grow", daemon=True
            )
            self._growing.start()

    def _grow_aside(self) -> None:
        try:
            self.grow()
        except Exception:  # the old form still answers
            log.warning("The dense index could not grow; searches stay slower.", exc_info=True)
            self._may_grow = False
        finally:
            self._growing = None

    def grow(self) -> None:
        """Make the index anew for its size; searches and changes go on meanwhile."""
        grown = self.index.grown()
        with self._lock:
            if not self._is_closed:
                self.index = self._follow(grown)

    def wait_grown(self) -> None:
        """Wait for the growing that was begun."""
        growing = self._growing
        if growing is not None:
            growing.join()

    # Snapshots

    @property
    def saved_sequence(self) -> int:
        """The last change that the snapshot on disk holds; 0 while there is none."""
        return self._saved_sequence

    def save(self) -> None:
        """Catch up, grow if it is time, and write a snapshot if enough has changed."""
        self.wait_grown()
        with self._lock:
            self.catch_up()
        if self._may_grow:
            self.wait_grown()
        with self._lock:
            index = self.index
            num_unsaved = index.sequence - self._saved_sequence
            is_current = index is self._saved and num_unsaved <= UNSAVED_SHARE * len(index)
            if not is_current or not self._path.exists():
                index.save(self._path)
                self._saved, self._saved_sequence = index, index.sequence

    def rebuild(self) -> None:
        """Throw the index away and take everything from the catalog."""
        self.wait_grown()
        with self._lock:
            self._saved = None
            self.index = self._empty()
        self.save()

    def close(self) -> None:
        """What is growing is dropped when it is ready."""
        with self._lock:
            self._is_closed = True


def _identity(path: Path) -> tuple[int, int] | None:
    """Changes when the file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns

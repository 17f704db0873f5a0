"""Which paths are changing, which have come to rest, and when it is time to look."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

RESTLESS_RESTS = 3.0  # a path that changes for so many rests keeps nobody else waiting
MAX_RESTS = 10.0  # changes without an end are looked at after so many rests
GROWING_SECONDS = 60.0  # a file that grows line by line is read that often as it stands
GROWING_SUFFIXES = {".txt", ".log", ".md", ".rst", ".csv", ".tsv", ".jsonl", ".ndjson"}
BARRIER_SECONDS = 30.0  # a listener that does not answer by then is busy with a large tree

# Of these paths, those that are changing just now; True waits for what was not yet told.
Busy = Callable[[Iterable[str], bool], set[str]]


def nothing_is_busy(paths: Iterable[str], for_sure: bool) -> set[str]:
    """For folders that nobody watches."""
    return set()


@dataclass(slots=True)
class _Touch:
    """When a path changed, first and last, and its size and time when that was last checked."""

    first: float
    last: float
    signature: tuple[int, int, int] | None


class Touched:
    """The paths that changed and were not yet looked at. One thread notes, another looks.

    A path rests when it has not changed for `rest_seconds`. A missing one may be about to come
    back (editors save by renaming), so that its removal has to rest as well.
    """

    def __init__(self, rest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest_seconds
        self._clock = clock
        self._touched: dict[str, _Touch] = {}
        self._taken: set[str] = set()  # being looked at just now
        self._grown: set[str] = set()  # of these, those that do not rest
        self._lock = threading.Lock()
        self._heard = threading.Condition(self._lock)
        self._num_heard = 0
        self.arrived = threading.Event()  # there is something to wait for

    # The listener's side

    def note(self, paths: Iterable[str]) -> None:
        """These have just changed, come, or gone."""
        now = self._clock()
        with self._lock:
            for path in paths:
                touch = self._touched.get(path)
                if touch is None:
                    self._touched[path] = _Touch(now, now, _signature(path))
                else:
                    touch.last = now
            if self._touched:
                self.arrived.set()

    def recheck(self) -> None:
        """Note those whose size or time still changes, though nothing announced it."""
        with self._lock:
            pending = [(path, touch.signature) for path, touch in self._touched.items()]
        found = {path: now for path, old in pending if (now := _signature(path)) != old}
        self.note(found)
        with self._lock:
            for path, signature in found.items():
                if path in self._touched:
                    self._touched[path].signature = signature

    def heard(self) -> None:
        """All that happened until just now is noted."""
        with self._lock:
            self._num_heard += 1
            self._heard.notify_all()

    # The looker's side

    def is_due(self) -> bool:
        """Whether something rests, and nothing else is about to."""
        now = self._clock()
        with self._lock:
            resting = [touch for touch in self._touched.values() if self._rests(touch, now)]
            if any(now - touch.last >= self._rest * MAX_RESTS for touch in resting):
                return True
            waiting = len(self._touched) - len(resting)
            waiting -= sum(self._is_restless(touch, now) for touch in self._touched.values())
            has_grown = any(self._has_grown(*item, now) for item in self._touched.items())
            return has_grown or (bool(resting) and waiting == 0)

    def take(self) -> None:
        """Begin to look: what rests is dealt with by this look."""
        now = self._clock()
        with self._lock:
            self._taken = {
                path
                for path, touch in self._touched.items()
                if self._rests(touch, now) or self._has_grown(path, touch, now)
            }
            self._grown = {p for p in self._taken if not self._rests(self._touched[p], now)}
            for path in self._taken:
                del self._touched[path]
            if not self._touched:
                self.arrived.clear()

    def busy(self, paths: Iterable[str], for_sure: bool = False) -> set[str]:
        """Those of the paths that this look must leave alone: they change, or their folder does.

        All that changed after `take` counts, so that a file which was missing for a moment while
        the folders were searched is not taken for gone. `for_sure` waits a moment for what the
        system has yet to tell, unless this look is about the paths anyway.
        """
        asked = list(paths)
        if for_sure and not all(map(self._is_explained, asked)):
            self._wait_until_heard()
        with self._lock:
            return {path for path in asked if self._touched and self._is_busy(path)}

    def _is_busy(self, path: str) -> bool:
        """Whether it changed since the look began, or did not rest then; a clock cannot tell."""
        if path in self._grown and os.path.exists(path):
            return False
        return any(place in self._touched for place in _with_parents(path))

    def _is_explained(self, path: str) -> bool:
        """Whether what happened to a path is what this look is about."""
        with self._lock:
            return any(place in self._taken for place in _with_parents(path))

    def _wait_until_heard(self) -> None:
        """Until the listener has told what happened before now."""
        with self._heard:
            wanted = self._num_heard + 2  # the next may have been collected before now
            self._heard.wait_for(lambda: self._num_heard >= wanted, BARRIER_SECONDS)

    # Rules

    def _rests(self, touch: _Touch, now: float) -> bool:
        return now - touch.last >= self._rest

    def _is_restless(self, touch: _Touch, now: float) -> bool:
        return not self._rests(touch, now) and now - touch.first >= self._rest * RESTLESS_RESTS

    def _has_grown(self, path: str, touch: _Touch, now: float) -> bool:
        """Whether a file that never rests is to be read as it stands."""
        is_growing = Path(path).suffix.lower() in GROWING_SUFFIXES
        return is_growing and now - touch.first >= GROWING_SECONDS and _signature(path) is not None


def _signature(path: str) -> tuple[int, int, int] | None:
    """Size, time and inode; None if there is no such file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _with_parents(path: str) -> Iterator[str]:
    """The path, then the folders above it."""
    yield path
    yield from map(str, Path(path).parents)

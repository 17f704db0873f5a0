"""Fair turns for threads at what only a few can use at once, and one turn for many small tasks."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Item = TypeVar("Item")
Rows = npt.NDArray[np.float32]


class FairPool(Generic[Item]):
    """Items that are used by one at a time, handed to whoever has waited longest.

    A lock or a queue lets the thread that gives an item back take it again before the others wake,
    so that one may wait for seconds among many.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = deque(items)
        self._line: deque[queue.SimpleQueue[Item]] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def using(self) -> Iterator[Item]:
        item = self._take()
        try:
            yield item
        finally:
            self._give(item)

    def _take(self) -> Item:
        with self._lock:
            if self._items:
                return self._items.popleft()
            place: queue.SimpleQueue[Item] = queue.SimpleQueue()
            self._line.append(place)
        return place.get()

    def _give(self, item: Item) -> None:
        with self._lock:
            if not self._line:
                self._items.append(item)
                return
            place = self._line.popleft()
        place.put(item)


@dataclass(slots=True)
class _Asked:
    texts: Sequence[str]
    rows: Rows | None = None
    error: Exception | None = None
    is_done: threading.Event = field(default_factory=threading.Event)


class Together:
    """Does for all who wait what one of them asks `work` for: many short texts cost little more.

    `work` gives a row (d,) a text. At most `num_groups` run at once, each of at most `most` texts
    unless a single asker has more; who came first is served first.
    """

    def __init__(
        self, work: Callable[[list[str]], Rows], *, num_groups: int = 1, most: int = 32
    ) -> None:
        self._work = work
        self._most = most
        self._free = num_groups
        self._line: deque[_Asked] = deque()
        self._lock = threading.Condition()

    def __call__(self, texts: Sequence[str]) -> Rows:
        """(n, d). Raises what `work` raises for these texts."""
        own = _Asked(texts)
        with self._lock:
            self._line.append(own)
        while group := self._next_group(own):
            try:
                self._serve(group)
            finally:
                with self._lock:
                    self._free += 1
                    self._lock.notify_all()
        if own.error is not None:
            raise own.error
        assert own.rows is not None
        return own.rows

    def _next_group(self, own: _Asked) -> list[_Asked]:
        """Those whom this thread is to serve; empty once it is served itself."""
        with self._lock:
            while not own.is_done.is_set() and not (self._free and self._line):
                self._lock.wait()
            if own.is_done.is_set():
                return []
            self._free -= 1
            group = [self._line.popleft()]
            num_texts = len(group[0].texts)
            while self._line and num_texts + len(self._line[0].texts) <= self._most:
                group.append(self._line.popleft())
                num_texts += len(group[-1].texts)
            return group

    def _serve(self, group: Sequence[_Asked]) -> None:
        try:
            rows = self._work([text for one in group for text in one.texts])
        except Exception as error:
            if len(group) > 1:  # one of them may be at fault
                for one in group:
                    self._serve([one])
                return
            group[0].error = error
        else:
            start = 0
            for one in group:
                one.rows = rows[start : start + len(one.texts)]
                start += len(one.texts)
        for one in group:
            one.is_done.set()

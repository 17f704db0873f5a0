"""What has changed in the library since someone last looked, for a quiet notice."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rag.catalog import Catalog

KEPT_CHANGES = 50
MAX_DOCUMENTS = 200_000  # beyond, comparing takes too long for a notice


@dataclass(frozen=True, slots=True)
class Change:
    """The paths that came, changed, moved (to here) or went together. Numbers grow."""

    number: int
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.moved or self.removed)


class News:
    """Compares the catalog with how it was at the last look, whichever process writes to it.

    While a sync `is_busy` nothing is told: what it brings is told together.
    """

    def __init__(self, catalog: Catalog, is_busy: Callable[[], bool]) -> None:
        self._catalog = catalog
        self._is_busy = is_busy
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._documents: dict[str, str] | None = None
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._number = 0

    def since(self, number: int | None) -> tuple[int, list[Change]]:
        """The newest change's number, and the changes after a number; None asks for none."""
        with self._lock:
            if not self._is_busy():
                self._look()
            if number is None:
                return self._number, []
            return self._number, [one for one in self._changes if one.number > number]

    def _look(self) -> None:
        with self._catalog.snapshot():
            state = self._catalog.sequence(), self._catalog.places()
            if state == self._seen:
                return
            num_documents = self._catalog.counts()["documents"]
            now = self._catalog.content_hashes() if num_documents <= MAX_DOCUMENTS else None
        before, self._documents, self._seen = self._documents, now, state
        if before is not None and now is not None:
            change = difference(before, now, self._number + 1)
            if change:
                self._number = change.number
                self._changes.append(change)


def difference(before: dict[str, str], now: dict[str, str], number: int = 0) -> Change:
    """What lies between two states of a catalog: content hashes by path."""
    gone = {path: digest for path, digest in before.items() if path not in now}
    by_digest: dict[str, list[str]] = {}
    for path, digest in gone.items():
        by_digest.setdefault(digest, []).append(path)
    new, moved = [], []
    for path in (path for path in now if path not in before):
        if same := by_digest.get(now[path]):
            del gone[same.pop()]
            moved.append(path)
        else:
            new.append(path)
    changed = [path for path, digest in now.items() if before.get(path, digest) != digest]
    return Change(number, *(tuple(sorted(paths)) for paths in (new, changed, moved, gone)))

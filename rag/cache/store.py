"""Where a cache keeps its entries: bytes by key, in families of like entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class StoreError(Exception):
    """The store could not be read or written; the message names it and the cure."""


class Store(Protocol):
    """Keeps bytes by key. Safe to share between threads and processes. All raise StoreError."""

    def get(self, key: str) -> bytes | None:
        """The entry, if it is there and not too old."""

    def put(self, key: str, value: bytes, family: str = "", vector: bytes = b"") -> None:
        """Keep an entry; with a vector it is found among its family, too."""

    def family(self, family: str) -> list[tuple[str, bytes]]:
        """(key, vector) of the entries of a family that have one."""

    def remove(self, key: str) -> None:
        """Forget an entry; harmless if it is not there."""

    def close(self) -> None: ...


OpenStore = Callable[[], Store]

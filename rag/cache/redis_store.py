"""A cache in a Redis server, for several machines that answer from one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

from rag.cache.store import StoreError

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 1.0
PREFIX = "footnote:1:"
MAX_FAMILY = 1000


class RedisStore:
    """Entries that expire after `max_seconds`. Their size is the server's matter (`maxmemory`).

    Safe to share between threads and machines. Raises StoreError, which never tells the password.
    """

    def __init__(self, url: str, *, max_seconds: float) -> None:
        self._place = _without_password(url)
        try:
            import redis
        except ImportError as error:
            raise StoreError(
                f"The cache {self._place} needs the package redis. "
                "Install it: pip install 'footnote[redis]'"
            ) from error
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError, ValueError)
        self._milliseconds = max(1, int(max_seconds * 1000))
        with self._explained():
            self._client: Any = redis.Redis.from_url(
                url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise StoreError(
                f"The cache {self._place} cannot be used ({type(error).__name__}: "
                f'{_first_line(error)}). Start that server, or correct cache_url ("none" is off).'
            ) from error

    def get(self, key: str) -> bytes | None:
        with self._explained():
            return cast("bytes | None", self._client.get(PREFIX + key))

    def put(self, key: str, value: bytes, family: str = "", vector: bytes = b"") -> None:
        with self._explained():
            pipe = self._client.pipeline(transaction=False)
            pipe.set(PREFIX + key, value, px=self._milliseconds)
            if family and vector:
                pipe.hset(PREFIX + family, key, vector)
                pipe.pexpire(PREFIX + family, self._milliseconds)
            pipe.execute()

    def family(self, family: str) -> list[tuple[str, bytes]]:
        with self._explained():
            found: list[tuple[str, bytes]] = []
            for key, vector in self._client.hscan_iter(PREFIX + family, count=MAX_FAMILY):
                found.append((key.decode("ascii"), vector))
                if len(found) == MAX_FAMILY:
                    break
            return found

    def remove(self, key: str) -> None:
        with self._explained():
            self._client.delete(PREFIX + key)

    def close(self) -> None:
        with self._explained():
            self._client.close()


def _without_password(url: str) -> str:
    """Where it is, for people."""
    try:
        parts = urlsplit(url)
        place = parts.hostname or parts.path
        return f"{parts.scheme}://{place}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "in cache_url"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

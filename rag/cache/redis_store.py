"""A cache in a Redis server, for several machines that answer from one."""

from __future__ import annotations

from typing import cast

from rag.cache.store import StoreError
from rag.redis_server import RedisServer

PREFIX = "footnote:1:"
MAX_FAMILY = 1000


class RedisStore:
    """Entries that expire after `max_seconds`. Their size is the server's matter (`maxmemory`).

    Safe to share between threads and machines. Raises StoreError, which never tells the password.
    """

    def __init__(self, url: str, *, max_seconds: float) -> None:
        self._server = RedisServer(url, purpose="cache", setting="cache_url", failure=StoreError)
        self._client = self._server.client
        self._milliseconds = max(1, int(max_seconds * 1000))

    def get(self, key: str) -> bytes | None:
        with self._server.explained():
            return cast("bytes | None", self._client.get(PREFIX + key))

    def put(self, key: str, value: bytes, family: str = "", vector: bytes = b"") -> None:
        with self._server.explained():
            pipe = self._client.pipeline(transaction=False)
            pipe.set(PREFIX + key, value, px=self._milliseconds)
            if family and vector:
                pipe.hset(PREFIX + family, key, vector)
                pipe.pexpire(PREFIX + family, self._milliseconds)
            pipe.execute()

    def family(self, family: str) -> list[tuple[str, bytes]]:
        with self._server.explained():
            found: list[tuple[str, bytes]] = []
            for key, vector in self._client.hscan_iter(PREFIX + family, count=MAX_FAMILY):
                found.append((key.decode("ascii"), vector))
                if len(found) == MAX_FAMILY:
                    break
            return found

    def remove(self, key: str) -> None:
        with self._server.explained():
            self._client.delete(PREFIX + key)

    def close(self) -> None:
        self._server.close()

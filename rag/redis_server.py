"""A Redis server, whose failures are told with their cure and without its password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

URL_PREFIXES = ("redis://", "rediss://", "unix://")
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 1.0


class RedisServer:
    """`client` is redis-py's, safe to share between threads. Use it inside `explained`.

    What fails becomes a `failure`, whose message names what the server is for and the setting.
    """

    def __init__(self, url: str, *, purpose: str, setting: str, failure: type[Exception]) -> None:
        self._told = f"The {purpose} {_without_password(url)}"
        self._setting, self._failure = setting, failure
        try:
            import redis
        except ImportError as error:
            raise failure(
                f"{self._told} needs the package redis. Install it: pip install 'footnote[redis]'"
            ) from error
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError, ValueError)
        with self.explained():
            self.client: Any = redis.Redis.from_url(
                url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS
            )

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise self._failure(
                f"{self._told} cannot be used ({type(error).__name__}: {_first_line(error)}). "
                f'Start that server, or correct {self._setting} ("none" is off).'
            ) from error

    def close(self) -> None:
        with self.explained():
            self.client.close()


def _without_password(url: str) -> str:
    """Where it is, for people."""
    try:
        parts = urlsplit(url)
        place = parts.hostname or parts.path
        return f"{parts.scheme}://{place}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "that is set"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

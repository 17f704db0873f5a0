"""Who asks, and through what; for the records. A thread or task sets it for what it calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Client = Literal["page", "api", "cli", "mcp", "library"]


@dataclass(frozen=True, slots=True)
class Origin:
    """`who` is a name or id, "" for nobody in particular; `request_id` ties records together."""

    who: str = ""
    client: Client = "library"
    request_id: str = ""


NOBODY = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=NOBODY)


def current_origin() -> Origin:
    """Who asks in this thread or task."""
    return _current.get()


def set_origin(origin: Origin) -> None:
    """Name who asks, to the end of this thread or task."""
    _current.set(origin)


@contextmanager
def asking_as(origin: Origin) -> Iterator[None]:
    """Name who asks inside."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)

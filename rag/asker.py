"""Who asks, and through what; for the records. A thread or task sets it for what it calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Client = Literal["page", "api", "cli", "mcp", "library"]


@dataclass(frozen=True, slots=True)
class Asker:
    """`who` is a name or id, "" for nobody in particular; `request_id` ties records together."""

    who: str = ""
    client: Client = "library"
    request_id: str = ""


NOBODY = Asker()
_current: ContextVar[Asker] = ContextVar("asker", default=NOBODY)


def current_asker() -> Asker:
    """Who asks in this thread or task."""
    return _current.get()


def set_asker(asker: Asker) -> None:
    """Name who asks, to the end of this thread or task."""
    _current.set(asker)


@contextmanager
def asking_as(asker: Asker) -> Iterator[None]:
    """Name who asks inside."""
    token = _current.set(asker)
    try:
        yield
    finally:
        _current.reset(token)

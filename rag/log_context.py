"""What every log line inside is about, such as the id of a question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})
_bound: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=_NOTHING)


def log_context() -> Mapping[str, str]:
    """What is bound in this thread or task."""
    return _bound.get()


@contextmanager
def logging_about(**about: str) -> Iterator[None]:
    """Bind to the log lines of what is done inside; what is empty is left out."""
    token = _bound.set({**_bound.get(), **{name: value for name, value in about.items() if value}})
    try:
        yield
    finally:
        _bound.reset(token)

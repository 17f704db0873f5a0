"""Spans: what a question does, one inside the other. Without a tracer they cost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

Attribute = str | int | float | bool


class Span(Protocol):
    """Something that began and will end."""

    def tell(self, **attributes: Attribute) -> None:
        """Note what is known about it."""

    def end(self, error: BaseException | None = None) -> None: ...


class Tracer(Protocol):
    """Takes spans to where they are looked at."""

    def begin(self, name: str, parent: Span | None, attributes: dict[str, Attribute]) -> Span: ...


class _NoSpan:
    def tell(self, **attributes: Attribute) -> None:
        pass

    def end(self, error: BaseException | None = None) -> None:
        pass


NO_SPAN = _NoSpan()
_tracer: Tracer | None = None
_current: ContextVar[Span | None] = ContextVar("span", default=None)


def set_tracer(tracer: Tracer | None) -> None:
    """Send the spans of this process to a tracer from now on."""
    global _tracer
    _tracer = tracer


def begin(name: str, **attributes: Attribute) -> Span:
    """A span below the present one, which the caller ends; for what gives way in between."""
    return NO_SPAN if _tracer is None else _tracer.begin(name, _current.get(), attributes)


@contextmanager
def span(name: str, **attributes: Attribute) -> Iterator[Span]:
    """A span around what is done inside; no `yield` of a generator may be in there."""
    if _tracer is None:
        yield NO_SPAN
        return
    one = begin(name, **attributes)
    try:
        with under(one):
            yield one
    except BaseException as error:
        one.end(error)
        raise
    one.end()


@contextmanager
def under(parent: Span) -> Iterator[None]:
    """What begins inside stands below this span."""
    if parent is NO_SPAN:
        yield
        return
    token = _current.set(parent)
    try:
        yield
    finally:
        _current.reset(token)

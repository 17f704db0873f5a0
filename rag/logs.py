"""Log lines for people or for programs, of our code and of the libraries alike."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal, TextIO

from rag.log_context import log_context

LogFormat = Literal["console", "json"]


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to standard error as it is at the time: tests and progress bars replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure_logs(level: str, log_format: LogFormat) -> None:
    """Send all log lines of that level and above to standard error.

    A program that has set up logging before keeps what it has.
    """
    root = logging.getLogger()
    if any(not isinstance(handler, _Handler) for handler in root.handlers):
        return
    handler = _Handler()
    handler.setFormatter(make_formatter(log_format, colours=sys.stderr.isatty()))
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def make_formatter(log_format: LogFormat, *, colours: bool = False) -> logging.Formatter:
    """One line for each record: time, level, logger, text, and what is bound or told with it."""
    import structlog

    processors = structlog.processors
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_context,
        processors.TimeStamper(fmt="iso", utc=log_format == "json"),
    ]
    last: list[Any] = [structlog.dev.ConsoleRenderer(colors=colours)]
    if log_format == "json":
        last = [processors.format_exc_info, processors.JSONRenderer(ensure_ascii=False)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _add_context(logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
    for name, value in log_context().items():
        event.setdefault(name, value)
    return event

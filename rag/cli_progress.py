"""How far a command is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rag import cli_output as output

LINES_EVERY = 50  # documents between two lines of progress where there is no terminal
LINES_SECONDS = 10.0  # or so long, where large documents come first


@contextlib.contextmanager
def sync_progress() -> Iterator[Callable[[Any], None]]:
    """A bar on a terminal, a line now and then elsewhere; takes ingest's progress."""
    console = output.notes()
    if not console.is_terminal:
        yield ProgressLines(output.say)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[num_encoded]:,} passages"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Looking for documents", total=None, num_encoded=0)

        def show(now: Any) -> None:
            name = output.one_line(now.path.rsplit("/", 1)[-1], 40)
            counts = {"completed": now.done, "total": now.total, "num_encoded": now.num_encoded}
            bar.update(task, description=name, **counts)

        yield show


@contextlib.contextmanager
def count_progress(noun: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; takes how many are done."""
    console = output.notes()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    is_hidden = not console.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=is_hidden
    ) as bar:
        task = bar.add_task(noun.capitalize(), total=total)
        yield lambda done: bar.update(task, completed=done)


class ProgressLines:
    """Says a line of progress every LINES_EVERY documents, or LINES_SECONDS, and at the end."""

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._said_at = clock()
        self._said_done = 0

    def __call__(self, now: Any) -> None:
        many = now.done // LINES_EVERY > self._said_done // LINES_EVERY
        is_late = self._clock() - self._said_at >= LINES_SECONDS
        if many or is_late or now.done == now.total:
            self._said_at, self._said_done = self._clock(), now.done
            self._say(str(now))

"""A blocking generator's items on an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


async def iterate_in_thread(
    start: Callable[[], Generator[Item, None, None]],
    on_leave: Callable[[], None] = lambda: None,
) -> AsyncGenerator[Item, None]:
    """The generator's items, taken by a thread of its own.

    Leaving early (`aclose`, cancellation) makes the thread close the generator once its current
    `next()` returns; `on_leave` may make it return. An error of the generator is raised here.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Item | _End] = asyncio.Queue()
    stopped = threading.Event()

    def put(item: Item | _End) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def work() -> None:
        error: BaseException | None = None
        try:
            generator = start()
            try:
                while not stopped.is_set():
                    put(next(generator))
            finally:
                generator.close()
        except StopIteration:
            pass
        except BaseException as raised:
            error = raised
        put(_End(error))

    run = contextvars.copy_context().run  # who asks, and what the log lines are about
    threading.Thread(target=run, args=(work,), name="answer", daemon=True).start()
    try:
        while not isinstance(item := await queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        on_leave()

"""An event loop in a thread of its own, for callers that wait in threads of theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")

CLOSE_SECONDS = 10.0


class BackgroundLoop:
    """Runs coroutines; cancelling one of the futures cancels its coroutine at once."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def start(self, work: Coroutine[Any, Any, Result]) -> Future[Result] | None:
        """Begin with it; None once the loop is closed."""
        with self._lock:
            if self._is_closed:
                work.close()
                return None
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Cancel everything, do the `last` thing, and end; harmless when it has ended."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last()

        future = asyncio.run_coroutine_threadsafe(end(), self._loop)
        try:
            future.result(CLOSE_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_SECONDS)

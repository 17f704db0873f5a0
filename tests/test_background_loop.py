from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from rag.generate.background_loop import BackgroundLoop


async def nothing() -> None:
    pass


def test_work_is_done_cancelled_and_refused_after_the_end() -> None:
    loop = BackgroundLoop("test-loop")
    began, ended = threading.Event(), threading.Event()

    async def answer() -> int:
        return 42

    async def wait() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    done = loop.start(answer())
    assert done is not None and done.result(10) == 42
    for ending in ("cancel", "close"):
        began.clear()
        ended.clear()
        waiting = loop.start(wait())
        assert waiting is not None and began.wait(10)
        if ending == "cancel":
            assert waiting.cancel()
        else:
            last = threading.Event()

            async def note(last: threading.Event = last) -> None:
                last.set()

            loop.close(note)
            assert last.is_set()
        assert ended.wait(10)
        with pytest.raises(CancelledError):
            waiting.result(10)
    loop.close(nothing)
    assert loop.start(answer()) is None
    assert "test-loop" not in [thread.name for thread in threading.enumerate()]

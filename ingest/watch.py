"""Follows folders: calls back when something in them has changed and come to rest."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.listener import Listener
from ingest.touched import Busy, Touched

log = logging.getLogger(__name__)

RESCAN_SECONDS = 60.0  # a look without a cause: full queues and odd drives lose events
IDLE_SECONDS = 1.0
LOOKS_PER_REST = 8
MAX_PAUSE_SECONDS = 2.0  # between two calls


def watch(
    roots: Sequence[Path],
    *,
    on_change: Callable[[Busy], None],
    stop: threading.Event,
    debounce_ms: int = 1000,
    poll_seconds: float = 10.0,
    say: Callable[[str], None] = log.warning,
) -> None:
    """Call `on_change` once now, then after every change, until `stop` is set.

    A call comes when nothing has changed for `debounce_ms`; a file that never rests does not keep
    the others waiting. It is given a function that tells which paths are changing just now: leave
    those as they are, another call will follow. Folders that are not there are watched when they
    come. Raises what `on_change` raises.
    """
    touched = Touched(debounce_ms / 1000)
    listener = Listener(roots, touched, poll_seconds, say)
    listener.start()
    try:
        started = None
        while not stop.is_set():
            listener.check()
            if started is None or touched.is_due() or time.monotonic() - started > RESCAN_SECONDS:
                started = time.monotonic()
                touched.take()
                on_change(touched.busy)
                # Half of the time at most goes into looking, however often something changes.
                stop.wait(min(time.monotonic() - started, MAX_PAUSE_SECONDS))
            elif touched.arrived.is_set():
                stop.wait(debounce_ms / 1000 / LOOKS_PER_REST)
            else:
                touched.arrived.wait(min(IDLE_SECONDS, RESCAN_SECONDS))
    finally:
        listener.close()

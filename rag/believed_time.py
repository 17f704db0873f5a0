"""The time by which what is too old is deleted: a clock that jumps ahead is not believed at once.

A machine whose clock is wrong for an hour must not lose its audit log, conversations and files.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SLACK_SECONDS = 60.0  # that a clock may gain between two looks at it
DOUBT_SECONDS = 86_400.0  # until a jump counts


class BelievedTime:
    """Seconds since 1970 as `wall` says, but for a jump ahead, which counts a day later.

    A clock that is set back is believed, for then nothing is deleted. Safe to use from many
    threads. `steady` counts seconds that nobody can set.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._ahead = wall() - steady()
        self._jumped_at: float | None = None

    def __call__(self) -> float:
        with self._lock:
            steady = self._steady()
            ahead = self._wall() - steady
            if ahead > self._ahead + SLACK_SECONDS:
                self._jumped_at = steady if self._jumped_at is None else self._jumped_at
                if steady - self._jumped_at < DOUBT_SECONDS:
                    return steady + self._ahead
            self._ahead, self._jumped_at = ahead, None
            return steady + ahead


def steady_seconds() -> float:
    """With the time that the machine slept, where the system tells it."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


believed_time = BelievedTime(time.time, steady_seconds)

"""One answer at a time for the same question: who asks it meanwhile waits for that one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rag.cache.answers import KeptAnswer

IDLE_SECONDS = 2.0  # a leader whose answer nobody takes further holds nobody up longer than this
MAX_FAILED = 2  # leaders that one waits for; who has seen so many fail goes on beside the others

# kept: here is the answer; unkept: it came, but serves nobody else; left: it was not finished
Landing = Literal["kept", "unkept", "failed", "left"]
Lookup = Literal["hit", "near"]


class Waiter:
    """Wakes when what it waits for is over; `close`, from any thread, wakes it at once."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def close(self) -> None:
        self._woken.set()

    def wait(self, seconds: float) -> bool:
        return self._woken.wait(seconds)


@dataclass(eq=False)
class Flight:
    """An answer under way. `idle_since` is set while whoever takes its events has not asked on."""

    idle_since: float | None = None
    landing: Landing | None = None
    kept: KeptAnswer | None = None
    lookup: Lookup = "hit"
    waiters: set[Waiter] = field(default_factory=set)


class Flights:
    """The answers under way, by the key of what is asked. Safe to use from many threads.

    Whoever begins a flight must end it; a second end is harmless.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._clock, self._idle_seconds = clock, idle_seconds
        self._lock = threading.Lock()
        self._under_way: dict[str, Flight] = {}

    def begin(self, key: str) -> tuple[Flight, bool]:
        """The flight of the key, and whether it is a new one, which is the caller's to lead."""
        with self._lock:
            flight = self._under_way.get(key)
            if flight is not None:
                return flight, False
            flight = self._under_way[key] = Flight()
            return flight, True

    def end(
        self,
        key: str,
        flight: Flight,
        landing: Landing,
        kept: KeptAnswer | None = None,
        lookup: Lookup = "hit",
    ) -> None:
        """What became of it; the first word counts."""
        with self._lock:
            if flight.landing is not None:
                return
            flight.landing, flight.kept, flight.lookup = landing, kept, lookup
            waiters = list(flight.waiters)
        if landing != "kept":  # else it serves until the answer is stored: see forget
            self.forget(key, flight)
        for waiter in waiters:
            waiter.close()

    def forget(self, key: str, flight: Flight) -> None:
        """Who asks from now on begins another."""
        with self._lock:
            if self._under_way.get(key) is flight:
                del self._under_way[key]

    def hand_out(self, flight: Flight) -> None:
        """An event is out of the leader's hands: from now on it waits to be asked for the next."""
        flight.idle_since = self._clock()

    def wait(self, flight: Flight, waiter: Waiter) -> Landing | None:
        """Wait until it has landed; None where nobody leads it on, or the waiter was closed."""
        with self._lock:
            if flight.landing is not None:
                return flight.landing
            flight.waiters.add(waiter)
        try:
            while not waiter.wait(self._idle_seconds):
                idle_since = flight.idle_since
                if idle_since is not None and self._clock() - idle_since >= self._idle_seconds:
                    return None
            return flight.landing
        finally:
            with self._lock:
                flight.waiters.discard(waiter)

"""How much one name may take in a span of time, and where that is counted: here, or shared."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from rag.tolerant import Tolerant

MAX_KEPT = 10_000  # names of each kind that are remembered in memory


class RateError(Exception):
    """What is taken could not be counted; the message names the server and the cure."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in each span of time, whichever span one looks at (GCRA, ITU-T I.371); 0 is no limit.

    Of each name only the moment is kept at which all that it took would have come back. What is
    of another `kind` is counted apart.
    """

    kind: str
    number: int
    seconds: float

    @property
    def each_seconds(self) -> float:
        """After so long one comes back."""
        return self.seconds / self.number


class RateStore(Protocol):
    """Counts. All are safe to use from many threads; all may raise RateError."""

    def take(self, rate: Rate, name: str) -> float:
        """Take one, which gives 0; or none, and the seconds until there is one."""

    def wait(self, rate: Rate, name: str) -> float:
        """The seconds until there is one; takes none."""

    def spend(self, rate: Rate, name: str, amount: float) -> None:
        """Take so many, whether they are there or not: what is over is waited for."""

    def close(self) -> None: ...


class MemoryRates:
    """Of this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._back_at: defaultdict[str, OrderedDict[str, float]] = defaultdict(OrderedDict)

    def take(self, rate: Rate, name: str) -> float:
        with self._lock:
            if not (wait := self._wait(rate, name)):
                self._spend(rate, name, 1)
            return wait

    def wait(self, rate: Rate, name: str) -> float:
        with self._lock:
            return self._wait(rate, name)

    def spend(self, rate: Rate, name: str, amount: float) -> None:
        with self._lock:
            self._spend(rate, name, amount)

    def close(self) -> None: ...

    def _wait(self, rate: Rate, name: str) -> float:
        if not rate.number:
            return 0.0
        now = self._clock()
        back_at = self._back_at[rate.kind].get(name, now)
        wait = back_at + rate.each_seconds - rate.seconds - now
        return max(0.0, round(wait, 6))  # less than a microsecond comes of rounding

    def _spend(self, rate: Rate, name: str, amount: float) -> None:
        if not rate.number:
            return
        kept, now = self._back_at[rate.kind], self._clock()
        kept[name] = max(kept.get(name, now), now) + amount * rate.each_seconds
        kept.move_to_end(name)
        while len(kept) > MAX_KEPT:
            kept.popitem(last=False)


class TolerantRates:
    """Shared counts; while they fail, those of this process, in which all is counted, too.

    So a server that is gone neither lets everything through nor forgives what was taken here.
    """

    def __init__(self, shared: Tolerant[RateStore], own: RateStore | None = None) -> None:
        self._shared, self._own = shared, own or MemoryRates()

    def take(self, rate: Rate, name: str) -> float:
        if not rate.number:
            return 0.0
        wait = self._shared.attempt(lambda store: store.take(rate, name), lambda: None)
        if wait is None:
            return self._own.take(rate, name)
        if not wait:
            self._own.spend(rate, name, 1)
        return wait

    def wait(self, rate: Rate, name: str) -> float:
        if not rate.number:
            return 0.0
        return self._shared.attempt(
            lambda store: store.wait(rate, name), lambda: self._own.wait(rate, name)
        )

    def spend(self, rate: Rate, name: str, amount: float) -> None:
        if rate.number:
            self._own.spend(rate, name, amount)
            self._shared.attempt(lambda store: store.spend(rate, name, amount), lambda: None)

    def close(self) -> None:
        with suppress(RateError):
            self._shared.close()

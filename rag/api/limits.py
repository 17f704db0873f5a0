"""How much one caller, one address and all together may ask; in memory, for this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rag.api.failure import ApiError

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0
MAX_KEPT = 10_000  # callers and addresses that are remembered
BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LimitNumbers:
    """0 is no limit."""

    caller_per_minute: int = 0
    address_per_minute: int = 0
    tokens_per_day: int = 0
    max_answers: int = 0


class Rate:
    """So many in each span of time, whichever span one looks at (GCRA, ITU-T I.371).

    Of each name only the moment is kept at which all that it took would have come back.
    """

    def __init__(self, number: int, seconds: float) -> None:
        self._number, self._seconds = number, seconds
        self._back_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, name: str, now: float) -> float:
        """How many seconds until one more may be taken."""
        if not self._number:
            return 0.0
        each = self._seconds / self._number
        return max(0.0, self._back_at.get(name, now) + each - self._seconds - now)

    def take(self, name: str, now: float, amount: float = 1.0) -> None:
        if not self._number:
            return
        begun = max(self._back_at.get(name, now), now)
        self._back_at[name] = begun + amount * self._seconds / self._number
        self._back_at.move_to_end(name)
        while len(self._back_at) > MAX_KEPT:
            self._back_at.popitem(last=False)


class Limits:
    """Safe to use from many threads. What is over a limit raises ApiError 429 with the wait."""

    def __init__(self, numbers: LimitNumbers, clock: Callable[[], float] = time.monotonic) -> None:
        self._numbers, self._clock = numbers, clock
        self._lock = threading.Lock()
        self._callers = Rate(numbers.caller_per_minute, MINUTE_SECONDS)
        self._addresses = Rate(numbers.address_per_minute, MINUTE_SECONDS)
        self._tokens = Rate(numbers.tokens_per_day, DAY_SECONDS)
        self.num_answers = 0

    def admit_address(self, address: str) -> None:
        self._admit(self._addresses, address, "Too many requests from this address.")

    def admit_caller(self, name: str) -> None:
        self._admit(self._callers, name, "Too many requests.")

    def _admit(self, rate: Rate, name: str, message: str) -> None:
        with self._lock:
            now = self._clock()
            if not (wait := rate.wait(name, now)):
                rate.take(name, now)
                return
        raise ApiError(429, f"{message} Wait, then try again.", "rate_limit", retry_after=wait)

    @contextmanager
    def answering(self, name: str) -> Iterator[None]:
        """Hold a place among the answers under way. The last answer may go over a day's tokens."""
        with self._lock:
            wait = self._tokens.wait(name, self._clock())
            most = self._numbers.max_answers
            is_full = bool(most) and self.num_answers >= most
            if not wait and not is_full:
                self.num_answers += 1
        if wait:
            raise ApiError(429, "Today's tokens are used up.", "tokens_per_day", retry_after=wait)
        if is_full:
            message = f"{most} answers are under way already. Try again shortly."
            raise ApiError(429, message, "busy", retry_after=BUSY_SECONDS)
        try:
            yield
        finally:
            with self._lock:
                self.num_answers -= 1

    def spend(self, name: str, num_tokens: int) -> None:
        """Tokens that an answer has taken."""
        with self._lock:
            self._tokens.take(name, self._clock(), num_tokens)

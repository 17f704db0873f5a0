"""How much one caller, one address and all together may ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from rag.api.failure import ApiError
from rag.api.rates import MemoryRates, Rate, RateStore

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0
BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LimitNumbers:
    """0 is no limit."""

    caller_per_minute: int = 0
    address_per_minute: int = 0
    tokens_per_day: int = 0
    max_answers: int = 0


class Limits:
    """Safe to use from many threads. What is over a limit raises ApiError 429 with the wait.

    `store` counts requests and tokens; with `is_remote` it is asked in a thread. The answers under
    way are those of this process.
    """

    def __init__(
        self,
        numbers: LimitNumbers,
        store: RateStore | None = None,
        *,
        is_remote: bool = False,
        is_well: Callable[[], bool] = lambda: True,
    ) -> None:
        self._max_answers = numbers.max_answers
        self.store: RateStore = store or MemoryRates()
        self.is_remote, self.is_well = is_remote, is_well
        self._lock = threading.Lock()
        self._callers = Rate("caller", numbers.caller_per_minute, MINUTE_SECONDS)
        self._addresses = Rate("address", numbers.address_per_minute, MINUTE_SECONDS)
        self._tokens = Rate("tokens", numbers.tokens_per_day, DAY_SECONDS)
        self.num_answers = 0

    async def admit_address(self, address: str) -> None:
        await self._admit(self._addresses, address, "Too many requests from this address.")

    async def admit_caller(self, name: str) -> None:
        await self._admit(self._callers, name, "Too many requests.")

    async def admit_answer(self, name: str) -> None:
        """The last answer may go over a day's tokens."""
        if wait := await self._do(self._tokens, lambda: self.store.wait(self._tokens, name)):
            message = "Today's tokens are used up."
            raise ApiError(429, message, "tokens_per_day", retry_after=wait)

    async def spend(self, name: str, num_tokens: int) -> None:
        """Tokens that an answer has taken."""

        def spend() -> float:
            self.store.spend(self._tokens, name, num_tokens)
            return 0.0

        await self._do(self._tokens, spend)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Hold a place among the answers under way."""
        with self._lock:
            if self._max_answers and self.num_answers >= self._max_answers:
                message = f"{self._max_answers} answers are under way already. Try again shortly."
                raise ApiError(429, message, "busy", retry_after=BUSY_SECONDS)
            self.num_answers += 1
        try:
            yield
        finally:
            with self._lock:
                self.num_answers -= 1

    def close(self) -> None:
        self.store.close()

    async def _admit(self, rate: Rate, name: str, message: str) -> None:
        if wait := await self._do(rate, lambda: self.store.take(rate, name)):
            raise ApiError(429, f"{message} Wait, then try again.", "rate_limit", retry_after=wait)

    async def _do(self, rate: Rate, use: Callable[[], float]) -> float:
        """Ask the store; the event loop does not wait for another server."""
        if not rate.number:
            return 0.0
        return await run_in_threadpool(use) if self.is_remote else use()

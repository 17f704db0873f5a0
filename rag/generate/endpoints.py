"""The servers that a model runs on: which one is asked next, and which are left alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Literal

State = Literal["ready", "resting", "failing", "trying"]

FAILURES_UNTIL_OPEN = 3  # one after the other
OPEN_SECONDS = 5.0  # doubled with every try that fails
MAX_OPEN_SECONDS = 60.0
STICKY_MARGIN = 8  # so many more answers under way than the least busy one, for its prefix cache
MAX_REMEMBERED = 1000


class Endpoint:
    """One server, with a circuit breaker: after failures it is left alone, then tried again.

    ready    it is asked
    resting  it asked for a pause (Retry-After)
    failing  the breaker is open
    trying   the time of the open breaker is over: one probe decides (half-open)
    """

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self.url = url.rstrip("/")
        self.outstanding = 0
        self.unsupported: set[str] = set()  # fields of requests that it does not take
        self.is_vllm = False
        self.max_model_len: int | None = None  # if it tells
        self.failure = ""  # the last one; "" since an answer
        self._clock = clock
        self._failures = 0
        self._openings = 0
        self._open_until = self._rest_until = 0.0

    @property
    def state(self) -> State:
        if self._failures >= FAILURES_UNTIL_OPEN:
            return "failing" if self._clock() < self._open_until else "trying"
        return "resting" if self._clock() < self._rest_until else "ready"

    @property
    def seconds_left(self) -> float:
        """Until it may be asked."""
        until = self._open_until if self._failures >= FAILURES_UNTIL_OPEN else self._rest_until
        return max(0.0, until - self._clock())

    def rest(self, seconds: float) -> None:
        """It asked for a pause."""
        self._rest_until = self._clock() + seconds

    def failed(self, message: str) -> None:
        self.failure = message
        self._failures += 1
        if self._failures >= FAILURES_UNTIL_OPEN:
            pause = min(OPEN_SECONDS * 2.0**self._openings, MAX_OPEN_SECONDS)
            self._open_until = self._clock() + pause
            self._openings += 1

    def lives(self) -> None:
        """It answered a probe: it is asked again, and the next failure opens the breaker."""
        self._failures = min(self._failures, FAILURES_UNTIL_OPEN - 1)

    def succeeded(self) -> None:
        self.failure = ""
        self._failures = self._openings = 0


class Endpoints:
    """Chooses by the fewest answers under way, in turn where several have as few.

    A prompt that begins as an earlier one goes where that one went, if that server is ready.
    """

    def __init__(self, urls: Sequence[str], clock: Callable[[], float]) -> None:
        self.all = tuple(Endpoint(url, clock) for url in urls)
        self._turn = 0
        self._asked: OrderedDict[str, Endpoint] = OrderedDict()

    def choose(self, key: str, avoided: Collection[Endpoint] = ()) -> Endpoint | None:
        """The one to ask; None if none of the others is ready."""
        turned = self.all[self._turn :] + self.all[: self._turn]
        ready = [one for one in turned if one.state == "ready" and one not in avoided]
        if not ready:
            return None
        chosen = min(ready, key=lambda one: one.outstanding)
        known = self._asked.get(key)
        if known in ready and known.outstanding <= chosen.outstanding + STICKY_MARGIN:
            chosen = known
        else:
            self._turn = (self.all.index(chosen) + 1) % len(self.all)
        self._asked[key] = chosen
        self._asked.move_to_end(key)
        if len(self._asked) > MAX_REMEMBERED:
            self._asked.popitem(last=False)
        return chosen

    @property
    def is_any_open(self) -> bool:
        """Whether one may be asked, now or after a pause that it asked for."""
        return any(one.state != "failing" for one in self.all)

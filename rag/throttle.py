"""Sign-ins that fail are slowed down, by name and by address: each one doubles the wait."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE_TRIES = {"name": 3, "address": 10}  # many people may share an address
LONGEST_SECONDS = {"name": 60.0, "address": 900.0}  # a stranger must not lock a person out
FORGET_SECONDS = 3600.0  # after the last try
MAX_KEPT = 10_000


@dataclass(slots=True)
class _Tries:
    count: int = 0
    last: float = 0.0


class Throttle:
    """In memory; safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def begin(self, name: str, address: str) -> float:
        """How many seconds to wait; 0 lets this try happen, which counts as failed at once.

        So tries side by side do not slip through. Tell `succeeded` if it did not fail.
        """
        keys, now = _keys(name, address), self._clock()
        with self._lock:
            wait = max(self._wait(key, now) for key in keys)
            if wait > 0:
                return wait
            for key in keys:
                tries = self._kept.setdefault(key, _Tries())
                tries.count, tries.last = tries.count + 1, now
                self._kept.move_to_end(key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """The name starts afresh; of the address only this try is forgiven."""
        named, addressed = _keys(name, address)
        with self._lock:
            self._kept.pop(named, None)
            if tries := self._kept.get(addressed):
                tries.count -= 1

    def _wait(self, key: tuple[str, str], now: float) -> float:
        tries = self._kept.get(key)
        if tries is None:
            return 0.0
        if now - tries.last > FORGET_SECONDS:
            del self._kept[key]
            return 0.0
        over = tries.count - FREE_TRIES[key[0]]
        if over < 0:
            return 0.0
        wait = min(2.0 ** min(over, 30), LONGEST_SECONDS[key[0]])
        return max(0.0, tries.last + wait - now)


def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("name", name), ("address", _network(address))


def _network(address: str) -> str:
    """An IPv6 caller owns all addresses of a /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))

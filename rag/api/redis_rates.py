"""Counts in a Redis server, which all processes share that name it."""

from __future__ import annotations

import hashlib

from rag.api.rates import Rate, RateError
from rag.redis_server import RedisServer

PREFIX = "footnote:1:rate:"
MICROSECONDS = 1_000_000

# In one step, by the server's clock. KEYS[1] holds the moment (microseconds since 1970) at which
# all that was taken would have come back, and is gone once that has passed. ARGV: microseconds
# until one comes back, and of the span; how many to take; whether also of what is not there.
# Gives the microseconds to wait for one more; only a wait of 0, or force, takes any.
SCRIPT = """
local each, span, amount = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local back_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now) or now, now)
local wait = math.ceil(math.max(0, back_at + each - span - now))
if amount > 0 and (wait == 0 or ARGV[4] == '1') then
    back_at = back_at + amount * each
    local milliseconds = math.max(1, math.ceil((back_at - now) / 1000))
    redis.call('SET', KEYS[1], string.format('%.0f', back_at),
        'PX', string.format('%.0f', milliseconds))
end
return string.format('%.0f', wait)
"""


class RedisRates:
    """Safe to share between threads and machines. Raises RateError, without the password."""

    def __init__(self, url: str) -> None:
        self._server = RedisServer(
            url, purpose="Redis server of the limits", setting="limits_url", failure=RateError
        )
        with self._server.explained():
            self._script = self._server.client.register_script(SCRIPT)

    def take(self, rate: Rate, name: str) -> float:
        return self._run(rate, name, 1.0)

    def wait(self, rate: Rate, name: str) -> float:
        return self._run(rate, name, 0.0)

    def spend(self, rate: Rate, name: str, amount: float) -> None:
        self._run(rate, name, amount, force=True)

    def close(self) -> None:
        self._server.close()

    def _run(self, rate: Rate, name: str, amount: float, *, force: bool = False) -> float:
        """The seconds to wait for one more."""
        if not rate.number:
            return 0.0
        times = rate.each_seconds * MICROSECONDS, rate.seconds * MICROSECONDS
        with self._server.explained():
            waited = self._script(keys=[key_of(rate, name)], args=[*times, amount, int(force)])
            return int(waited) / MICROSECONDS


def key_of(rate: Rate, name: str) -> str:
    """Names and addresses of people do not stand in it to be read."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{PREFIX}{rate.kind}:{digest}"

"""Asks one of several servers for a chat completion, again or elsewhere where that may help."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.errors import GenerationError
from rag.generate import server_failure as failures
from rag.generate.endpoints import Endpoint, Endpoints
from rag.generate.server_failure import ServerFailure
from rag.generate.server_stream import DONE, Piece, event_data, read_piece

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

Take = Callable[[Piece], None]

MAX_TRIES = 4
FIRST_PAUSE_SECONDS = 0.5  # doubled with every try, and spread
MAX_PAUSE_SECONDS = 20.0  # a server that asks for more is not waited for
DRAIN_SECONDS = 0.5
ERROR_BYTES = 20_000  # of the body of an answer that is none
OPTIONAL = (  # what may be left out, in the order in which it is looked for in a complaint
    "structured_outputs",
    "json_schema",
    "response_format",
    "top_logprobs",
    "logprobs",
    "logit_bias",
    "stream_options",
    "max_completion_tokens",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a server may take: to connect, to its first token, to the next, in all."""

    connect: float = 10.0
    first_token: float = 300.0  # a long prompt may wait that long
    next_token: float = 60.0
    answer: float = 900.0


class Asker:
    """Asks servers, in an event loop. `pause` waits, `spread` gives a number from 0 to 1."""

    def __init__(
        self,
        endpoints: Endpoints,
        client: httpx.AsyncClient,
        limits: Limits,
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self.endpoints, self._client, self._limits = endpoints, client, limits
        self._pause, self._spread = pause, spread
        self._probes: dict[Endpoint, asyncio.Task[None]] = {}

    async def ask(self, body: dict[str, Any], key: str, take: Take) -> None:
        """Hand over the pieces of an answer. Raises ServerFailure.

        What fails is tried again only while nothing was taken: an answer never begins twice.
        """
        try:
            async with asyncio.timeout(self._limits.answer):
                await self._try(body, key, _Taking(take))
        except TimeoutError as error:
            raise GenerationError(
                f"The answer took longer than {self._limits.answer:g} s. "
                "Ask for less, or set answer_seconds higher."
            ) from error

    async def _try(self, body: dict[str, Any], key: str, taking: _Taking) -> None:
        avoided: set[Endpoint] = set()
        last: ServerFailure | None = None
        num_tries = 0
        while True:
            endpoint = await self._choose(key, avoided, last)
            try:
                await self._ask_one(endpoint, body, taking)
                return
            except ServerFailure as failure:
                last = failure
            if taking.has_begun:
                raise last
            if last.field:
                if last.field in endpoint.unsupported:
                    raise last
                endpoint.unsupported.add(last.field)
                log.warning("%s takes no %s: left out.", failures.shown(endpoint.url), last.field)
                continue
            num_tries += 1
            if not last.may_retry or num_tries >= max(MAX_TRIES, len(self.endpoints.all)):
                raise last
            if not self.endpoints.is_any_open:  # a pause would not help
                raise last
            avoided.add(endpoint)
            if self.endpoints.choose(key, avoided) is None:  # all were tried: wait, then again
                avoided.clear()
                await self._pause(self._pause_seconds(num_tries, last))

    def _pause_seconds(self, num_tries: int, last: ServerFailure) -> float:
        """As the server asks, else growing, and spread so that many askers do not come at once."""
        if last.wait_seconds is None:
            return FIRST_PAUSE_SECONDS * 2.0 ** (num_tries - 1) * (0.5 + self._spread())
        if last.wait_seconds > MAX_PAUSE_SECONDS:
            raise last
        return last.wait_seconds

    async def _choose(
        self, key: str, avoided: set[Endpoint], last: ServerFailure | None
    ) -> Endpoint:
        """A server that is ready; those whose pause is over are looked at beside, or first."""
        while True:
            probes = self._probe_those_due()
            if chosen := self.endpoints.choose(key, avoided) or self.endpoints.choose(key):
                return chosen
            if probes:
                await asyncio.wait(probes, return_when=asyncio.FIRST_COMPLETED)
                continue
            resting = [e.seconds_left for e in self.endpoints.all if e.state == "resting"]
            if resting and min(resting) <= MAX_PAUSE_SECONDS:
                await self._pause(min(resting))
                continue
            raise last or self._all_fail()

    def _all_fail(self) -> ServerFailure:
        soonest = min(self.endpoints.all, key=lambda one: one.seconds_left)
        why = soonest.failure or f"{failures.shown(soonest.url)} asked for a pause."
        return ServerFailure(
            f"No server of the language model answers; in {soonest.seconds_left:.0f} s it is tried "
            f"again. The last failure: {why}"
        )

    def _probe_those_due(self) -> list[asyncio.Task[None]]:
        for endpoint in self.endpoints.all:
            if endpoint.state == "trying" and endpoint not in self._probes:
                self._probes[endpoint] = asyncio.create_task(self._probe(endpoint))
        return list(self._probes.values())

    async def _probe(self, endpoint: Endpoint) -> None:
        try:
            await self.learn(endpoint)
        finally:
            del self._probes[endpoint]

    async def learn(self, endpoint: Endpoint) -> None:
        """Look whether it lives, and what it tells of itself; what fails is kept in it."""
        import httpx

        try:
            async with asyncio.timeout(self._limits.connect):
                response = await self._client.get(f"{endpoint.url}/models")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            endpoint.failed(str(failures.of_transport(endpoint.url, error)))
            return
        except TimeoutError:
            endpoint.failed(f"{failures.shown(endpoint.url)} does not answer.")
            return
        if response.status_code >= 500:
            failure = failures.of_status(endpoint.url, response.status_code, "", response.headers)
            endpoint.failed(str(failure))
            return
        endpoint.lives()
        _note_models(endpoint, response)

    async def _ask_one(self, endpoint: Endpoint, body: dict[str, Any], taking: _Taking) -> None:
        endpoint.outstanding += 1
        try:
            fitted = fit_body(body, endpoint)
            async with self._answer(endpoint, fitted) as chunks:
                await self._read(endpoint, chunks, taking)
        except ServerFailure as failure:
            if failure.is_down:
                endpoint.failed(str(failure))
            if failure.wait_seconds is not None:
                endpoint.rest(failure.wait_seconds)
            raise
        finally:
            endpoint.outstanding -= 1
        endpoint.succeeded()

    @asynccontextmanager
    async def _answer(
        self, endpoint: Endpoint, body: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an answer; leaving closes the connection unless it was read to its end."""
        import httpx

        url = f"{endpoint.url}/chat/completions"
        limit = self._limits.first_token
        try:
            request = self._client.build_request("POST", url, json=body)
            async with _within(limit, endpoint.url, "sent no answer", "first_token_seconds"):
                response = await self._client.send(request, stream=True)
            try:
                await _check(response, endpoint, body)
                yield response.aiter_bytes()
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise failures.of_transport(endpoint.url, error) from error

    async def _read(
        self, endpoint: Endpoint, chunks: AsyncIterator[bytes], taking: _Taking
    ) -> None:
        limit, what, setting = self._limits.first_token, "sent no token", "first_token_seconds"
        is_done = has_reason = False
        async with aclosing(event_data(chunks, endpoint.url)) as events:
            while not is_done:
                async with _within(limit, endpoint.url, what, setting):
                    is_done, reason = await _next_progress(events, endpoint.url, taking)
                has_reason = has_reason or reason
                limit, setting = self._limits.next_token, "next_token_seconds"
                what = "sent no further token"
            await _drain(events)
        if not has_reason:
            raise ServerFailure(
                f"The answer of {failures.shown(endpoint.url)} broke off. Ask again.",
                may_retry=True,
                is_down=True,
            )


async def _next_progress(
    events: AsyncIterator[str], url: str, taking: _Taking
) -> tuple[bool, bool]:
    """Read on until the model has; whether that is the end, and whether a reason for it came."""
    async for data in events:
        if data == DONE:
            return True, False
        piece = read_piece(data, url)
        taking(piece)
        if piece.is_progress:
            return False, piece.finish_reason is not None
    return True, False


async def _drain(events: AsyncIterator[str]) -> None:
    """Read what follows the end, if it comes at once: the connection can then be used again."""
    import httpx

    with suppress(TimeoutError, ServerFailure, httpx.HTTPError, httpx.StreamError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in events:
                pass


class _Taking:
    """Hands pieces over, and knows whether a reader has seen any."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self.has_begun = False

    def __call__(self, piece: Piece) -> None:
        self.has_begun = self.has_begun or bool(piece.text)
        self._take(piece)


@asynccontextmanager
async def _within(seconds: float, url: str, what: str, setting: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise failures.of_silence(url, what, seconds, setting) from error


async def _check(response: httpx.Response, endpoint: Endpoint, body: dict[str, Any]) -> None:
    """Raises ServerFailure unless an answer follows."""
    kind = response.headers.get("content-type", "")
    if response.status_code == 200 and not kind.startswith(("application/json", "text/html")):
        return
    text = await _beginning(response)
    if response.status_code == 200:
        raise failures.malformed(endpoint.url, text, "which is no stream of events")
    sent = tuple(n for n in OPTIONAL if n in body or n in str(body.get("response_format", "")))
    raise failures.of_status(
        endpoint.url, response.status_code, text, response.headers, may_leave_out=sent
    )


async def _beginning(response: httpx.Response) -> str:
    found = b""
    async for chunk in response.aiter_bytes():
        found += chunk
        if len(found) > ERROR_BYTES:
            break
    return found[:ERROR_BYTES].decode("utf-8", "replace")


def fit_body(body: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    """The request as the server takes it: without what it does not know, with what it does."""
    left_out = endpoint.unsupported
    shape = body.get("response_format")
    fitted = {name: value for name, value in body.items() if name not in left_out}
    if "logprobs" in left_out:
        fitted.pop("top_logprobs", None)
    if shape and "json_schema" in left_out and "response_format" not in left_out:
        fitted["response_format"] = {"type": "json_object"}
    elif shape and endpoint.is_vllm and "structured_outputs" not in left_out:
        fitted["structured_outputs"] = {"json": shape["json_schema"]["schema"]}
    return fitted


def _note_models(endpoint: Endpoint, response: httpx.Response) -> None:
    """What /models tells: vLLM signs its entries, and says how long prompts may be."""
    try:
        entries = [entry for entry in response.json()["data"] if isinstance(entry, dict)]
    except (KeyError, TypeError, ValueError):
        return  # many servers have no such list; nothing depends on it
    endpoint.is_vllm = any(entry.get("owned_by") == "vllm" for entry in entries)
    lengths = [n for entry in entries if isinstance(n := entry.get("max_model_len"), int) and n > 0]
    endpoint.max_model_len = min(lengths, default=None)

"""What every route needs: who asks, what they may see, and an answer as events on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from rag.api.failure import ApiError
from rag.api.limits import LimitNumbers, Limits
from rag.api.schemas import Narrowing
from rag.ask_options import AskOptions
from rag.chat.stream import iterate_in_thread
from rag.generate.stopping import Stopper
from rag.library import Asker, Library
from rag.origin import Origin, asking_as
from rag.types import AnswerEvent, AnswerFinished, AnswerText, Message, SourcesFound
from rag.where import Where

if TYPE_CHECKING:
    from rag.encoder import Encoder

BEAT_SECONDS = 10.0  # of silence, after which a sign of life is sent
LOADING_SECONDS = 10.0  # after which a client may ask again
SEND_SECONDS = 60.0  # that a client may leave unread what was sent
EVERYTHING = Where()

log = logging.getLogger(__name__)


class ApiService(Protocol):
    """What the API needs of a running Footnote. `wait` tells, at 0 seconds, whether it is ready."""

    @property
    def footnote(self) -> Any: ...
    @property
    def encoder(self) -> Encoder: ...
    @property
    def library(self) -> Library: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def state(self) -> str: ...
    def components(self) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Api:
    """`collections` are parts of the index by name; `origin` is how browsers reach the server.

    Beside admins the callers of `metrics_group` read the metrics.
    """

    service: ApiService
    asker_of: Callable[[Request], Asker]
    collections: Mapping[str, Where] = field(default_factory=dict)
    limits: Limits = field(default_factory=lambda: Limits(LimitNumbers()))
    answer_seconds: float = 900.0
    origin: str = ""
    beat_seconds: float = BEAT_SECONDS
    metrics_group: str = ""
    send_seconds: float = SEND_SECONDS

    def check_ready(self) -> None:
        """Raises ApiError while parts are loading, and what keeps them from it."""
        if not self.service.wait(0):
            state = f"Footnote is not ready yet: {self.service.state()}. Try again shortly."
            raise ApiError(503, state, "loading", retry_after=LOADING_SECONDS)

    def where(self, request: Request, given: Narrowing) -> Where:
        """What is asked for, of what the caller may read."""
        asker = self.asker_of(request)
        seen = asker.where.also(self.service.library.uploads.visible(asker.name))
        if given.collection is not None:
            readable = self.readable_collections(request)
            if given.collection not in readable:
                known = ", ".join(readable) or "none"
                message = f"There is no collection {given.collection!r} here. There are: {known}."
                raise ApiError(404, message, "not_found", parameter="collection")
            seen = seen.also(self.collections[given.collection])
        return seen.also(given.where())

    def readable_collections(self, request: Request) -> list[str]:
        """The names of those in which the caller may read anything."""
        asker, library = self.asker_of(request), self.service.library
        return [n for n, where in sorted(self.collections.items()) if library.has(where, asker)]

    def url(self, request: Request, document_id: int, start: int, end: int) -> str:
        """Where a browser sees the place."""
        base = self.origin or str(request.base_url).rstrip("/")
        return f"{base}/view/{document_id}?start={start}&end={end}#cite"


class AnswerStream:
    """An answer under way. Close it, and the model stops; an event None is a sign of life."""

    def __init__(
        self,
        api: Api,
        request: Request,
        question: str,
        history: Sequence[Message],
        options: AskOptions,
    ) -> None:
        self._api, self._name = api, api.asker_of(request).name
        self.send_seconds = api.send_seconds
        stopper = Stopper()
        options = replace(options, stopper=stopper)

        def start() -> Any:
            with asking_as(Origin(self._name, "api")):
                return api.service.footnote.stream(question, history, options)

        self._held = ExitStack()
        self._held.enter_context(api.limits.answering())
        self._events = iterate_in_thread(start, stopper.stop)
        self._next: asyncio.Future[AnswerEvent] | None = None
        self._num_unpaid = 0  # tokens of what has come so far
        self._ends_at = asyncio.get_running_loop().time() + api.answer_seconds

    @classmethod
    async def begin(
        cls,
        api: Api,
        request: Request,
        question: str,
        history: Sequence[Message],
        options: AskOptions,
    ) -> AnswerStream:
        """Raises ApiError where the caller, or all together, may not ask more now."""
        await api.limits.admit_answer(api.asker_of(request).name)
        return cls(api, request, question, history, options)

    async def next(self) -> AnswerEvent | None:
        """Raises StopAsyncIteration at the end, ApiError when it takes too long."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._events))
        left = self._ends_at - loop.time()
        if left <= 0:
            seconds = f"{self._api.answer_seconds:g} seconds"
            raise ApiError(504, f"The answer took longer than {seconds}.", "timeout")
        done, _ = await asyncio.wait({self._next}, timeout=min(self._api.beat_seconds, left))
        if not done:
            return None
        reached, self._next = self._next, None
        try:
            event = reached.result()
        except BaseException:
            self._num_unpaid = 0  # a failure is not the caller's to pay
            raise
        await self._count(event)
        return event

    async def _count(self, event: AnswerEvent) -> None:
        """A finished answer tells its tokens; of another, its prompt and a token each text."""
        match event:
            case SourcesFound(packing=packing, found=found):
                is_fresh = packing is not None and not (found and found.cached)
                self._num_unpaid = packing.prompt_tokens if packing and is_fresh else 0
            case AnswerText() if self._num_unpaid:
                self._num_unpaid += 1
            case AnswerFinished(answer=answer):
                self._num_unpaid = 0
                if not answer.cached:
                    spent = answer.prompt_tokens + answer.completion_tokens
                    await self._api.limits.spend(self._name, spent)

    async def close(self) -> None:
        """Who leaves early has spent what was read and written until then."""
        try:
            if self._next is not None:
                self._next.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                    await self._next
            await self._events.aclose()
        finally:
            self._held.close()
            unpaid, self._num_unpaid = self._num_unpaid, 0
            if unpaid:
                await self._api.limits.spend(self._name, unpaid)

    async def first(self, request: Request) -> AnswerEvent:
        """The first event: a question that cannot be answered gets a status of its own."""
        while True:
            if (event := await self.next()) is not None:
                return event
            if await request.is_disconnected():
                raise ClientDisconnect

    async def rest(self, first: AnswerEvent) -> AsyncGenerator[AnswerEvent | None, None]:
        yield first
        while True:
            try:
                event = await self.next()
            except StopAsyncIteration:
                return
            yield event

    async def finished(self, request: Request) -> AnswerFinished:
        """The whole answer. Raises ClientDisconnect as soon as nobody waits for it."""
        async for event in self.rest(await self.first(request)):
            if isinstance(event, AnswerFinished):
                return event
            if event is None and await request.is_disconnected():
                raise ClientDisconnect
        raise AssertionError("a stream ends with AnswerFinished")


class EventResponse(StreamingResponse):
    """Server-sent events of an answer, which ends with the connection, or when nobody reads it."""

    def __init__(self, lines: AsyncGenerator[str, None], stream: AnswerStream) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(lines, media_type="text/event-stream", headers=headers)
        self._lines, self._stream = lines, stream

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_in_time(message: Any) -> None:
            await asyncio.wait_for(send(message), self._stream.send_seconds)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            log.warning("A client left an answer unread, which is ended.")
        finally:
            await self._lines.aclose()
            await self._stream.close()

"""What every request of a program passes: how many, how large, how slow they may be (ASGI)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.access import ANONYMOUS, current_caller
from rag.api.failure import ApiError, failure_response
from rag.api.limits import Limits

BODY_SECONDS = 30.0  # between two pieces of a body
UPLOADS = ("POST", "/api/documents")  # streamed to disk, with a limit of their own
ASKED = frozenset({"/api/search", "/api/ask"})
AddressOf = Callable[[HTTPConnection], str]


def is_program(scope: Scope) -> bool:
    """Whether a program asks, and not the page, which looks around at its own pace.

    What the page never calls is a program's, whether it shows a key or not.
    """
    if scope["type"] != "http":
        return False
    path = scope["path"]
    is_asked = path.startswith("/v1/") or path in ASKED
    return is_asked or "authorization" in Headers(scope=scope)


class Intake:
    """Stands before the door: bounds requests by address, and the size and time of bodies."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        address_of: AddressOf,
        max_body_bytes: int,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self.app = app
        self._limits, self._address_of = limits, address_of
        self._max_bytes, self._seconds = max_body_bytes, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if is_program(scope):
                await self._limits.admit_address(self._address_of(HTTPConnection(scope)))
            if scope["path"].startswith(("/v1/", "/api/")):
                receive = self._bounded(scope, receive)
            await self.app(scope, receive, send_on)
        except ApiError as error:
            if started:
                raise
            await failure_response(scope["path"], error)(scope, receive, send)

    def _check_length(self, length: str) -> None:
        if not length.isdecimal():
            raise ApiError(400, "Content-Length is no number.", "invalid")
        if int(length[:20]) > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> ApiError:
        limit = f"{self._max_bytes // 1000} KB"
        return ApiError(413, f"The request is larger than {limit}. Send less.", "too_large")

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body in time, and no more of it than may be."""
        num_bytes, is_whole = 0, False
        has_limit = (scope["method"], scope["path"]) != UPLOADS
        if has_limit:
            self._check_length(Headers(scope=scope).get("content-length", "0"))

        async def receive_bounded() -> Message:
            nonlocal num_bytes, is_whole
            if is_whole:  # what comes now is that the client leaves, whenever that is
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._seconds)
            except TimeoutError:
                raise ApiError(408, "The body came too slowly. Try again.", "slow") from None
            num_bytes += len(message.get("body", b""))
            if has_limit and num_bytes > self._max_bytes:
                raise self._too_large()
            is_whole = not message.get("more_body", False)
            return message

        return receive_bounded


class CallerLimit:
    """Stands behind the door: bounds the requests of each caller."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_program(scope):
            try:
                await self._limits.admit_caller((current_caller.get() or ANONYMOUS).name)
            except ApiError as error:
                await failure_response(scope["path"], error)(scope, receive, send)
                return
        await self.app(scope, receive, send)

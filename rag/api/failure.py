"""What goes wrong, told as each API tells it: below /v1 as OpenAI does, else as {"detail"}."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rag.errors import (
    FootnoteError,
    LibraryError,
    SchemaError,
    SearchError,
    UnanswerableError,
)

log = logging.getLogger(__name__)

OPENAI_PREFIX = "/v1/"
INSIDE = "Something went wrong inside Footnote; its log says what."
CLIENT_LEFT = 499  # as nginx has it: HTTP itself has no status for it
OPENAI_TYPES = {
    401: "authentication_error", 403: "permission_error", 429: "rate_limit_error",
}  # fmt: skip


class ApiError(Exception):
    """A request that cannot be answered. `reason` is a stable word, `parameter` what is wrong."""

    def __init__(
        self,
        status: int,
        message: str,
        reason: str,
        *,
        parameter: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason
        self.parameter, self.retry_after = parameter, retry_after


class ApiRoute(APIRoute):
    """A route whose failures are all told in the API's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_tell(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:  # any: the caller gets a status and a cure
                return failure_response(request.url.path, as_api_error(error))

        return handle_or_tell


def as_api_error(error: Exception) -> ApiError:
    """The status and words for it; of what was not foreseen only the log tells."""
    match error:
        case ApiError():
            return error
        case RequestValidationError():
            first = error.errors()[0]
            if first["type"] == "json_invalid":
                return ApiError(422, f"The body is no JSON: {first['ctx']['error']}.", "invalid")
            place = ".".join(str(part) for part in first["loc"][1:]) or "body"
            return ApiError(422, f"{place}: {first['msg']}", "invalid", parameter=place)
        case HTTPException(__cause__=ApiError() as cause):  # while the body was read
            return cause
        case HTTPException():
            return ApiError(error.status_code, str(error.detail), "invalid")
        case SearchError() | SchemaError() | UnanswerableError():
            return ApiError(422, str(error), "invalid")
        case LibraryError(reason="forbidden"):
            return ApiError(403, str(error), "forbidden")
        case FootnoteError():
            return ApiError(503, str(error), "unavailable", retry_after=5)
        case ClientDisconnect():  # nobody reads this; it is no fault, so the log stays clean
            return ApiError(CLIENT_LEFT, "The client left before the answer.", "left")
    log.error("A request failed.", exc_info=error)
    return ApiError(500, INSIDE, "error")


def failure_json(path: str, error: ApiError) -> dict[str, Any]:
    if not path.startswith(OPENAI_PREFIX):
        return {"detail": str(error), "reason": error.reason}
    usual = "invalid_request_error" if error.status < 500 else "api_error"
    told = {
        "message": str(error),
        "type": OPENAI_TYPES.get(error.status, usual),
        "param": error.parameter,
        "code": error.reason,
    }
    return {"error": told}


def failure_response(path: str, error: ApiError) -> JSONResponse:
    status = 400 if error.status == 422 and path.startswith(OPENAI_PREFIX) else error.status
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(failure_json(path, error), status, headers=headers)

"""The door: who is not let in sees the page's empty shell and the sign-in form, nothing else."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.access import Caller, current_caller
from rag.accounts import SESSION_DAYS, Accounts, fold
from rag.api.failure import ApiError, failure_response
from rag.errors import FootnoteError
from rag.identity import SESSION_COOKIE, Identity, Proxies
from rag.throttle import Throttle

log = logging.getLogger(__name__)

# What the page needs to show the form. Its own routes (`/`, `/thread/...`) all give the same shell.
OPEN_PATHS = frozenset(
    {
        *("/", "/login", "/auth/config", "/favicon", "/logo", "/project/translations"),
        *("/health", "/healthz", "/readyz"),
    }
)
OPEN_FOLDERS = ("/assets/", "/public/", "/thread/")
PAGE_COOKIE = "access_token"  # the chat page's own; only what the door puts there counts
MAX_FORM_BYTES = 10_000
RETRY_SECONDS = 5.0
UNKNOWN = "Who you are cannot be looked up just now. Try again shortly; Footnote's log says why."

# The page's form has words of its own for 401 and 429, in rag/web_chainlit.py.
REFUSALS = {
    "en": {
        401: "Name or password is not right.",
        413: "The form is too large.",
        429: "Too many tries. Wait a little, then try again.",
        503: "Signing in does not work just now. Ask whoever runs this page: its log says why.",
    },
    "zh": {
        401: "用户名或密码不正确。",
        413: "表单过大。",
        429: "尝试次数过多，请稍后再试。",
        503: "暂时无法登录。请联系本页的管理者，原因见日志。",
    },
}

Token = Callable[[Caller], str]


class Door:
    """ASGI middleware: names the caller of every request, and refuses who has no name.

    `token` makes the cookie by which the chat page, behind this door, knows the caller.
    """

    def __init__(self, app: ASGIApp, identity: Identity, token: Token | None = None) -> None:
        self.app = app
        self._identity = identity
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            caller = self._identity.of(connection)
        except (FootnoteError, OSError, sqlite3.Error) as error:
            if not is_open(scope["path"]):
                await _fail(scope, error)(scope, receive, send)
                return
            caller = None
        if caller is None and not is_open(scope["path"]):
            await _refuse(connection)(scope, receive, send)
            return
        told = {**scope, "headers": self._headers(scope, caller)}
        token = current_caller.set(caller)
        try:
            await self.app(told, receive, send)
        finally:
            current_caller.reset(token)

    def _headers(self, scope: Scope, caller: Caller | None) -> list[tuple[bytes, bytes]]:
        """The request's, with our word about the caller in place of any that it brings."""
        kept: list[tuple[bytes, bytes]] = []
        cookies = [f"{PAGE_COOKIE}={self._token(caller)}"] if self._token and caller else []
        for name, value in scope["headers"]:
            if name == b"cookie":
                pairs = (pair.strip() for pair in value.decode("latin-1").split(";"))
                cookies += [pair for pair in pairs if not pair.startswith(PAGE_COOKIE)]
            else:
                kept.append((name, value))
        if cookies:
            kept.append((b"cookie", "; ".join(cookies).encode("latin-1")))
        return kept


def is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def _refuse(connection: HTTPConnection) -> ASGIApp:
    """A reader who follows a link is led to the form; a program gets a plain 401."""
    if connection.scope["type"] == "websocket":
        return _close
    is_page = "text/html" in connection.headers.get("accept", "")
    if is_page and connection.scope["method"] in ("GET", "HEAD"):
        return RedirectResponse("/login", 303)
    error = ApiError(401, "Sign in first, or show an API key that counts.", "sign_in")
    return failure_response(connection.scope["path"], error)


def _fail(scope: Scope, error: Exception) -> ASGIApp:
    """Nobody comes in while the files of accounts and keys cannot be read."""
    log.error("Who asks cannot be looked up: %s", error)
    if scope["type"] == "websocket":
        return _close
    told = ApiError(503, UNKNOWN, "unavailable", retry_after=RETRY_SECONDS)
    return failure_response(scope["path"], told)


async def _close(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})


def sign_in_router(accounts: Accounts, proxies: Proxies, throttle: Throttle) -> APIRouter:
    """POST /login and /logout, in place of the chat page's own."""
    router = APIRouter(include_in_schema=False)

    @router.post("/login")
    async def login(request: Request) -> Response:
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_FORM_BYTES:
            return _failed(request, 413)
        form = await request.form()
        name, password = str(form.get("username", "")), str(form.get("password", ""))
        address = proxies.address_of(request)
        if wait := throttle.begin(fold(name), address):
            response = _failed(request, 429)
            response.headers["Retry-After"] = str(math.ceil(wait))
            return response
        try:
            caller = await run_in_threadpool(accounts.check, name, password)
            session = await run_in_threadpool(accounts.begin_session, caller) if caller else ""
        except sqlite3.Error as error:  # the disk is full, or may not be written
            log.error("Nobody can sign in: %s", error)
            return _failed(request, 503)
        if not session:
            return _failed(request, 401)
        throttle.succeeded(fold(name), address)
        response = JSONResponse({"success": True})
        response.set_cookie(
            SESSION_COOKIE,
            session,
            max_age=SESSION_DAYS * 86_400,
            secure=proxies.is_secure(request),
            httponly=True,
            samesite="lax",
        )
        return response

    @router.post("/logout")
    def logout(request: Request) -> Response:
        if token := request.cookies.get(SESSION_COOKIE):
            try:
                accounts.end_session(token)
            except sqlite3.Error as error:  # said, since the session goes on
                log.error("Nobody can sign out: %s", error)
                return _failed(request, 503)
        response = JSONResponse({"success": True})
        response.delete_cookie(SESSION_COOKIE)
        return response

    return router


def _failed(request: Request, status: int) -> Response:
    is_chinese = request.headers.get("accept-language", "").lower().startswith("zh")
    return JSONResponse({"detail": REFUSALS["zh" if is_chinese else "en"][status]}, status)

"""What every request passes: whose Host and Origin may enter, and headers that keep the page in.

A page on another site must not reach a server on loopback: not by name (DNS rebinding, hence
Host), nor from a visitor's browser (hence Origin).
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# Chainlit's doors that Footnote does not use: MCP (an open SSRF), uploads, sharing, the copilot
# widget, signing in by other ways than rag/sign_in.py.
CLOSED_PATHS = (
    "/mcp", "/copilot", "/project/file", "/project/share", "/project/thread/share", "/auth/oauth",
    "/auth/jwt",
)  # fmt: skip
READING = frozenset({"GET", "HEAD"})
SOCKET_PATH = "/ws/"  # its polling transport writes with GET requests, too


class Guard:
    """ASGI middleware. `allowed_hosts` are names without a port; empty lets any in.

    `allowed_origins` are how browsers know the page behind a proxy; their hosts are let in, too.
    Pages of `cors_origins` may use the API with a key, and nothing else.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Iterable[str],
        policy: str,
        allowed_origins: Iterable[str] = (),
        cors_origins: Iterable[str] = (),
    ) -> None:
        self.app = app
        self.allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        allowed_origins = frozenset(allowed_origins)
        self.allowed_origins = allowed_origins
        if self.allowed_hosts:
            self.allowed_hosts |= {host_name(urlsplit(one).netloc) for one in allowed_origins}
        self.foreign_origins = frozenset(cors_origins)
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif refusal:
            status, detail = refusal
            await JSONResponse({"detail": detail}, status)(scope, receive, send)
        else:
            await self.app(scope, receive, self._with_headers(send))

    def _refusal(self, scope: MutableMapping[str, Any]) -> tuple[int, str] | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if self.allowed_hosts and host_name(host) not in self.allowed_hosts:
            return 421, "This server does not answer to that host name."
        reads = scope["type"] == "http" and scope["method"] in READING
        if not (reads and not path.startswith(SOCKET_PATH)):
            origin = headers.get("origin")
            if origin is not None and not (
                self._is_ours(origin.lower(), host.lower())
                or (origin.lower() in self.foreign_origins and "authorization" in headers)
            ):
                return 403, "Requests from another site are refused."
        if any(path == closed or path.startswith(closed + "/") for closed in CLOSED_PATHS):
            return 404, "Not found"
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        return origin in self.allowed_origins or urlsplit(origin).netloc == host

    def _with_headers(self, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", self.policy)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("X-Frame-Options", "SAMEORIGIN")
                headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        return send_with_headers


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""

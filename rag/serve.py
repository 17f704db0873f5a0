"""An ASGI application on a socket that is bound before anything else is loaded."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from rag.errors import SettingError

BACKLOG = 2048
SHUTDOWN_PATIENCE_SECONDS = 3


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingError if the address is taken or cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"Footnote cannot listen at {host}:{port} ({error}). "
            "Give another --port (0 takes any free one) or --host."
        ) from error


def url_of(bound: socket.socket) -> str:
    """Where a browser on this machine finds the socket."""
    host, port = bound.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(app: Any, bound: socket.socket, log_level: str, announce: Callable[[], None]) -> None:
    """Serve until a signal comes; `announce` is called once connections are accepted."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                announce()

    config = uvicorn.Config(
        app,
        log_config=None,  # its lines go where all go
        log_level=log_level,
        timeout_graceful_shutdown=SHUTDOWN_PATIENCE_SECONDS,
        proxy_headers=False,  # which proxies are believed, rag/identity.py knows
    )
    Server(config).run(sockets=[bound])

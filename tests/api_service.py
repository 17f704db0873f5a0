"""The application with the API over the scripted service, and callers with keys."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fakes import WordEncoder
from fastapi.testclient import TestClient
from page_service import ScriptedService

from rag import web
from rag.access import Access, Rule
from rag.api_keys import ApiKeys
from rag.bearer import ByBearer
from rag.config import Settings
from rag.identity import Nobody, Proxies
from rag.people import People
from rag.where import Where

HERE = "http://127.0.0.1:8000"
CLOSED = Rule(Where(folders=("handbook",)), frozenset({"staff"}))


class ApiService(ScriptedService):
    """With the encoder that counts words."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, pace_seconds=0.0)
        self.encoder = WordEncoder()
        self.settings = Settings(**settings)


class Callers:
    """The application behind a door that only keys open: of an `admin`, of `staff`, of `other`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.service = ApiService(folder, **settings)
        self.keys = ApiKeys(folder / "keys.sqlite")
        self.shown = {
            "admin": self.keys.create("admin", admin=True),
            "staff": self.keys.create("staff", ["staff"], admin=False),
            "other": self.keys.create("other", admin=False),
        }
        identity = ByBearer(Nobody(), self.keys)
        self.people = People(identity, Access([CLOSED]), Proxies(), None, keys=self.keys)
        self.app = web.create_app(self.service, chat=False, people=self.people)

    def headers(self, who: str = "other") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.shown[who]}"} if who else {}

    def client(self, who: str = "other") -> TestClient:
        return TestClient(
            self.app, base_url=HERE, headers=self.headers(who), follow_redirects=False,
            raise_server_exceptions=False,
        )  # fmt: skip


@contextmanager
def callers(folder: Path, **settings: Any) -> Iterator[Callers]:
    made = Callers(folder, **settings)
    try:
        yield made
    finally:
        web.set_service(None)
        made.people.close()
        made.service.close()


@contextmanager
def running(app: Any, send_buffer_bytes: int = 0) -> Iterator[str]:
    """The address of a real server on loopback; the system keeps little of what is not read."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    bound = server.config.bind_socket()
    if send_buffer_bytes:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
    bound.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()


def events(text: str) -> list[tuple[str, str]]:
    """Name and data of server-sent events; comments are passed over."""
    found = []
    for block in filter(None, text.split("\n\n")):
        fields: Mapping[str, str] = dict(
            line.split(": ", 1) for line in block.split("\n") if not line.startswith(":")
        )
        if fields:
            found.append((fields.get("event", ""), fields["data"]))
    return found

"""A real service with scripted models behind a real server on loopback, to which things happen."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_service import running
from fakes import ScriptedGeneration, ScriptedGenerator, WordEncoder
from test_sync import DirectReader

from rag import parts, web, web_api
from rag.api.intake import Intake
from rag.api.limits import Limits
from rag.api.serving import Api
from rag.api_keys import ApiKeys
from rag.audit import read_entries
from rag.config import Settings
from rag.people import open_people
from rag.service import Service

PATIENCE_SECONDS = 60.0
ASKED = "How long is the warranty of the pump?"
SAID = "The warranty of the pump lasts two years [1]."
QUOTED = "The warranty of the pump lasts two years."


class HeldGeneration(ScriptedGeneration):
    """Writes the first piece, then waits until it is let go on, or closed."""

    def __init__(self, inner: ScriptedGeneration, go_on: threading.Event) -> None:
        self.__dict__.update(inner.__dict__)
        self.closed = threading.Event()
        self._go_on = go_on

    def __iter__(self) -> Iterator[str]:
        for number, piece in enumerate(super().__iter__()):
            if number == 1:
                while not (self._go_on.wait(0.01) or self.closed.is_set()):
                    pass
            yield piece

    def close(self) -> None:
        super().close()
        self.closed.set()


class HeldGenerator(ScriptedGenerator):
    """Every answer waits after its first piece while `go_on` is not set."""

    def __init__(self, *script: str, **others: Any) -> None:
        super().__init__(*(script or (SAID,)), **others)
        self.go_on = threading.Event()
        self.go_on.set()

    def generate(self, *arguments: Any, **named: Any) -> ScriptedGeneration:
        count = len(self.generations)
        made = super().generate(*arguments, **named)
        if len(self.generations) == count:  # a check, a rewriting
            return made
        self.generations[-1] = HeldGeneration(made, self.go_on)
        return self.generations[-1]


class Faulty:
    """The service that things happen to; `generator` and `encoder` are scripted."""

    url: str
    limits: Limits
    admin: dict[str, str]  # headers that show a key
    other: dict[str, str]

    def __init__(self, folder: Path, generator: Any = None, **settings: Any) -> None:
        self.folder, self.docs = folder, folder / "docs"
        self.docs.mkdir(parents=True, exist_ok=True)
        self.write("pump.txt", f"The pump holds 1400 litres. {QUOTED}")
        self.write("cat.txt", "Cats sleep all day long in warm places.")
        self.encoder, self.generator = WordEncoder(), generator or HeldGenerator()
        given = {
            "index": folder / "index", "api_keys": folder / "keys.sqlite", "sign_in": "key",
            "history": "none", "cache_url": "none", "debounce_ms": 50,
            "requests_per_minute": 0, "address_requests_per_minute": 0,
        }  # fmt: skip
        self.settings = Settings(**(given | settings))
        self.keys = ApiKeys(self.settings.api_keys)
        self.said: list[str] = []

    def write(self, name: str, text: str) -> None:
        (self.docs / name).write_text(text)

    def key(self, name: str, *, admin: bool = False) -> dict[str, str]:
        """The header of a caller who is made now."""
        return {"Authorization": f"Bearer {self.keys.create(name, admin=admin)}"}

    def open(self) -> None:
        self.service = Service(
            self.settings, self.said.append, roots=[self.docs], is_watching=False
        )
        self.people = open_people(self.settings, self.said.append)
        self.app = web.create_app(self.service, chat=False, people=self.people)
        self.service.start()
        self.service.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        web.set_service(None)
        self.service.close()
        self.people.close()
        self.keys.close()

    # What callers see

    def client(self, headers: dict[str, str]) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS)

    # What is left behind

    def entries(self) -> list[dict[str, Any]]:
        """The lines of the audit log."""
        return list(read_entries(self.settings.index / "audit", datetime.min.replace(tzinfo=UTC)))

    def problems(self) -> list[str]:
        """What `footnote verify` would say."""
        assert self.service._indexes is not None
        return self.service._indexes.verify()

    def figure(self, name: str) -> float:
        """One of the metrics."""
        with self.client(self.admin) as client:
            lines = client.get("/metrics").text.splitlines()
        (value,) = [line.split(" ")[1] for line in lines if line.startswith(f"{name} ")]
        return float(value)

    def is_idle(self) -> bool:
        """Whether nothing is left of any answer: no place, no thread, no open generation."""
        generations = getattr(self.generator, "generations", [])
        return (
            self.limits.num_answers == 0
            and not any(thread.name == "answer" for thread in threading.enumerate())
            and all(one.is_closed or one.finish_reason for one in generations)
        )


@contextmanager
def faulty(
    folder: Path,
    patch: Any,
    generator: Any = None,
    *,
    send_buffer_bytes: int = 0,
    body_seconds: float = PATIENCE_SECONDS,
    send_seconds: float = PATIENCE_SECONDS,
    **settings: Any,
) -> Iterator[Faulty]:
    """`patch` is pytest's monkeypatch. The seconds are how long the server waits for clients."""
    made = Faulty(folder, generator, **settings)
    limits_of = web_api.limits_of

    def noted(service: Any) -> Limits:
        made.limits = limits_of(service)
        return made.limits

    patch.setattr(web_api, "limits_of", noted)
    patch.setattr(web_api, "Api", partial(Api, beat_seconds=0.05, send_seconds=send_seconds))
    patch.setattr(web_api, "Intake", partial(Intake, body_seconds=body_seconds))
    patch.setattr(parts, "open_encoder", lambda settings, say: made.encoder)
    patch.setattr(parts, "open_generator", lambda settings, say: made.generator)
    patch.setattr("ingest.sync.ReadingProcess", DirectReader)
    made.admin, made.other = made.key("admin", admin=True), made.key("other")
    made.open()
    try:
        with running(made.app, send_buffer_bytes) as made.url:
            yield made
    finally:
        made.close()


def eventually(condition: Callable[[], bool], what: str, every_seconds: float = 0.02) -> None:
    """Wait for what another thread does; fail loudly when it does not."""
    tick = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / every_seconds)):
        if condition():
            return
        tick.wait(every_seconds)
    raise AssertionError(f"it did not happen: {what}")


def num_sockets() -> int:
    """How many sockets this process holds open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # it was closed meanwhile
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return found


def connect(url: str, receive_buffer_bytes: int = 0) -> socket.socket:
    """A bare connection, of a client that reads what and when it likes."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.socket()
    if receive_buffer_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect((host, int(port)))
    return connection


def post(path: str, headers: dict[str, str], body: bytes, length: int | None = None) -> bytes:
    """A request as it goes over the wire; `length` is what it says of the body."""
    told = {"Host": "localhost", "Content-Type": "application/json", **headers}
    told["Content-Length"] = str(len(body) if length is None else length)
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def post_json(path: str, headers: dict[str, str], body: dict[str, Any]) -> bytes:
    return post(path, headers, json.dumps(body).encode())


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """What came, up to what was waited for."""
    came = b""
    while wanted not in came:
        piece = connection.recv(65_536)
        assert piece, f"the connection ended after {came!r}"
        came += piece
    return came


def main() -> None:
    """Serve until standard input ends; the first line of output is the address and the keys."""
    with (
        pytest.MonkeyPatch.context() as patch,
        faulty(Path(sys.argv[1]), patch, **json.loads(sys.argv[2])) as made,
    ):
        shown = {"admin": made.admin, "other": made.other}
        keys = {name: headers["Authorization"].split(" ")[1] for name, headers in shown.items()}
        print(json.dumps({"url": made.url, **keys}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

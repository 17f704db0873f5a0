"""The engine dies, Redis goes, clients vanish or dawdle: each caller is told, and nothing stays.

docs/faults.md is the table of them; the disk's and the clock's are in files of their own.
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api_service import events
from cache_stores import redis_server
from fakes import ScriptedGenerator
from fault_service import (
    ASKED,
    PATIENCE_SECONDS,
    QUOTED,
    SAID,
    Faulty,
    HeldGenerator,
    connect,
    eventually,
    faulty,
    num_sockets,
    post,
    post_json,
    read_until,
)

from rag import rewriter, self_check
from rag.generate import Generation
from rag.generate.vllm_engine import Delta, Request
from rag.generate.vllm_thread import EngineThread
from rag.types import Message

QUESTION = {"question": ASKED}
STREAMED = QUESTION | {"stream": True}


class SpeakingEngine:
    """Says the same to everyone, three signs a step; `gate` holds each step but the first."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.gate = threading.Semaphore(10**6)
        self.is_dying = False

    def add(self, request: Request) -> None:
        self.places[request.request_id] = 0

    def abort(self, request_id: str) -> None:
        del self.places[request_id]

    def step(self) -> list[Delta]:
        if any(self.places.values()):
            self.gate.acquire()
        if self.is_dying:
            raise RuntimeError("EngineDeadError: the process was killed")
        deltas = []
        for name, place in list(self.places.items()):
            end = place + 3
            reason = "stop" if end >= len(SAID) else None
            deltas.append(Delta(name, SAID[place:end], 1, reason))
            self.places[name] = end
            if reason:
                del self.places[name]
        return deltas

    def close(self) -> None:
        pass


class MortalGenerator(ScriptedGenerator):
    """Writes with the real thread of an engine, which may die; it is opened anew when it may."""

    def __init__(self) -> None:
        super().__init__(SAID)
        self.engines: list[SpeakingEngine] = []
        self.may_open = threading.Event()
        self.may_open.set()
        self.thread = EngineThread(self._open, delay=lambda _: 0.0)

    def _open(self) -> SpeakingEngine:
        assert self.may_open.wait(PATIENCE_SECONDS)
        self.engines.append(SpeakingEngine())
        return self.engines[-1]

    @property
    def state(self) -> str:
        return self.thread.state

    def generate(self, messages: Any, *, max_tokens: int, **others: Any) -> Generation:
        if messages[0].content in (self_check.SYSTEM, rewriter.SYSTEM):
            return super().generate(messages, max_tokens=max_tokens, **others)
        self.prompts.append(list[Message](messages))
        name = f"r{len(self.prompts)}"
        return self.thread.ask(Request(name, [1, 2, 3], max_tokens, 0.0))

    def close(self) -> None:
        self.thread.close()


def test_an_engine_that_dies_is_told_and_answers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = MortalGenerator()
    with faulty(tmp_path, monkeypatch, generator) as made, made.client(made.other) as client:
        assert client.post("/api/ask", json=QUESTION).json()["citations"][0]["quote"] == QUOTED
        engine = generator.engines[0]
        engine.gate = threading.Semaphore(0)
        generator.may_open.clear()
        with client.stream("POST", "/api/ask", json=STREAMED) as response:
            lines = response.iter_lines()
            begun = next(lines)
            assert response.status_code == 200 and begun == "event: sources"
            eventually(lambda: any(engine.places.values()), "the first words are written")
            engine.is_dying = True
            engine.gate.release()
            name, data = events("\n".join([begun, *lines, ""]))[-1]
        assert name == "error" and "being restarted" in json.loads(data)["detail"]
        for path, body in (
            ("/api/ask", QUESTION),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": ASKED}]}),
        ):
            refused = client.post(path, json=body)
            assert refused.status_code == 503 and "being restarted" in refused.text
            assert int(refused.headers["retry-after"]) >= 1
        assert client.post("/api/search", json={"query": ASKED}).status_code == 200
        assert "restart" in client.get("/readyz").json()["state"]
        generator.may_open.set()
        eventually(lambda: generator.state == "ready", "the engine is opened again")
        assert client.post("/api/ask", json=QUESTION).json()["citations"][0]["quote"] == QUOTED
        eventually(made.is_idle, "nothing is left of the answers")
        told = [(entry["kind"], entry["outcome"]) for entry in made.entries()]
        failed = [("ask", "failed")] * 3
        assert told == [("ask", "answered"), *failed, ("search", "found"), ("ask", "answered")]
        assert all("restarted" in entry["error"] for entry in made.entries()[1:4])
        assert len(generator.engines) == 2 and made.problems() == []


def test_a_redis_that_goes_or_hangs_costs_a_second_and_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rag.tolerant.PAUSE_SECONDS", 0.0)
    with (
        redis_server(tmp_path) as server,
        faulty(tmp_path, monkeypatch, cache_url=server.url) as made,
        made.client(made.other) as client,
    ):

        def ask() -> str:
            assert client.post("/api/ask", json=QUESTION).json()["answer"].startswith("The warr")
            return str(made.entries()[-1]["cache"])

        assert [ask(), ask()] == ["miss", "hit"]
        assert server._process is not None
        server._process.send_signal(signal.SIGSTOP)  # it takes connections, and never answers
        assert ask() == "miss"
        server._process.send_signal(signal.SIGCONT)
        server.stop()
        failures = made.figure("footnote_cache_failures_total")
        assert ask() == "miss" and made.figure("footnote_cache_failures_total") > failures > 0
        assert client.post("/api/search", json={"query": ASKED}).status_code == 200
        server.start()
        assert [ask(), ask()] == ["miss", "hit"]
        assert "secret" not in caplog.text and "The cache works again." in caplog.text
        assert "answered without it" in caplog.text


@pytest.fixture
def held() -> HeldGenerator:
    """Answers stay under way until they are let go on."""
    generator = HeldGenerator()
    generator.go_on.clear()
    return generator


def hang_up(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    """As when a machine or a network goes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("leave", [hang_up, reset])
@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_vanishes_stops_the_model_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    held: HeldGenerator,
    leave: Callable[[socket.socket], None],
    path: str,
    stream: bool,
) -> None:
    asked: dict[str, Any] = {"question": ASKED, "stream": stream}
    if path.startswith("/v1"):
        asked = {"messages": [{"role": "user", "content": ASKED}], "stream": stream}
    with faulty(tmp_path, monkeypatch, held, max_answers=1) as made:
        before = num_sockets()
        connection = connect(made.url)
        connection.sendall(post_json(path, made.other, asked))
        if stream:
            read_until(connection, b"data: ")
        eventually(lambda: bool(held.generations), "the model writes")
        with made.client(made.other) as client:
            busy = client.post("/api/ask", json=QUESTION)
            assert busy.status_code == 429 and int(busy.headers["retry-after"]) >= 1
        leave(connection)
        eventually(made.is_idle, "the model stops, and the place is free")
        eventually(lambda: num_sockets() <= before, "the sockets are closed")
        assert [entry["outcome"] for entry in made.entries()] == ["stopped"]
        held.go_on.set()
        with made.client(made.other) as client:
            assert client.post("/api/ask", json=QUESTION).status_code == 200
        assert made.problems() == []


def parts_of(made: Faulty) -> Iterator[Path]:
    """What is on disk of files that are on their way."""
    return made.service.uploads.folder.rglob(".part-*")


def test_an_upload_that_breaks_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(tmp_path, monkeypatch) as made:
        connection = connect(made.url)
        begun = b"x" * (1 << 20)  # as much as goes to the disk at once
        path = "/api/documents?name=a.txt"
        connection.sendall(post(path, made.other, begun, length=2 << 20))
        eventually(lambda: any(part.stat().st_size for part in parts_of(made)), "it is written")
        connection.close()
        eventually(lambda: not list(parts_of(made)), "the half file goes")
        with made.client(made.other) as client:
            assert client.post(path, content=b"Magnets attract iron.").status_code == 201
            eventually(
                lambda: "Magnets" in client.post("/api/search", json={"query": "magnets"}).text,
                "the whole file is found",
            )


@pytest.mark.parametrize("path", ["/api/ask", "/v1/embeddings", "/api/documents?name=a.txt"])
def test_a_body_that_dawdles_ends_with_408(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    with (
        faulty(tmp_path, monkeypatch, body_seconds=0.2) as made,
        closing(connect(made.url)) as connection,
        made.client(made.other) as client,
    ):
        connection.sendall(post(path, made.other, b'{"question": "', length=1000))
        assert client.post("/api/search", json={"query": ASKED}).status_code == 200  # meanwhile
        assert read_until(connection, b"\r\n").startswith(b"HTTP/1.1 408 ")
        eventually(lambda: not list(parts_of(made)), "nothing is left of a file")


def test_a_client_that_does_not_read_holds_nobody_up_and_loses_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    long = " ".join(f"word{number}" for number in range(8000))
    generator = HeldGenerator(long, SAID)
    with (
        faulty(
            tmp_path, monkeypatch, generator,
            send_buffer_bytes=4096, send_seconds=2.0, max_answers=2,
        ) as made,
        closing(connect(made.url, receive_buffer_bytes=4096)) as connection,
        made.client(made.other) as client,
    ):  # fmt: skip
        connection.sendall(post_json("/api/ask", made.other, STREAMED))
        read_until(connection, b"event: text")
        assert client.post("/api/ask", json=QUESTION).json()["citations"][0]["quote"] == QUOTED
        eventually(made.is_idle, "the place of the one who does not read is free")
        assert "left an answer unread" in caplog.text

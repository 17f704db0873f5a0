"""A scripted server of chat completions on loopback, which may misbehave in every way."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

PATIENCE_SECONDS = 30.0


def event(text: str | None = None, reason: str | None = None, **others: Any) -> str:
    """One server-sent event of a chat completion."""
    choice = {"delta": {"content": text} if text else {}, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice], **others}, ensure_ascii=False)}\n\n"


class Exchange:
    """One request, and the way to answer it. `gone` is set when the client hangs up."""

    def __init__(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.split("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        self.body: dict[str, Any] = json.loads(body) if body else {}
        self.gone = threading.Event()
        self.has_gone = asyncio.Event()
        self.keeps = False  # the connection open for the next question
        self._writer = writer

    async def answer(
        self, text: str = "", status: int = 200, kind: str = "text/event-stream", **headers: str
    ) -> None:
        """A head, and what follows it at once; `send` may go on."""
        lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join(lines) + "\r\n\r\n" + text)

    async def answer_in_chunks(self, *texts: str) -> None:
        """With an end of its own, so that the connection can be used again."""
        self.keeps = True
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked"
        await self.send(head + "\r\n\r\n")
        for text in (*texts, ""):
            await self.send(f"{len(text.encode()):x}\r\n{text}\r\n")

    async def send(self, text: str) -> None:
        self._writer.write(text.encode("utf-8"))
        await self._writer.drain()


Script = Callable[[Exchange], Awaitable[None]]


def says(*texts: str, status: int = 200, **others: str) -> Script:
    """Answers with all of it, and closes."""

    async def script(exchange: Exchange) -> None:
        await exchange.answer("".join(texts), status, **others)

    return script


GOOD = says(event("Hel"), event("lo"), event(None, "stop"), "data: [DONE]\n\n")


async def hangs(exchange: Exchange) -> None:
    """Takes the request, and never answers."""
    await exchange.has_gone.wait()


def hangs_after(*texts: str) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer("".join(texts))
        await exchange.has_gone.wait()

    return script


async def hangs_up(exchange: Exchange) -> None:
    """Closes without a word."""


class ModelServer:
    """Answers each question with the next script; the last one goes on. /models has its own."""

    def __init__(
        self, *scripts: Script, models: Script | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.scripts = list(scripts)
        self.models = models or says('{"detail": "Not Found"}', status=404, kind="application/json")
        self.asked: list[Exchange] = []
        self.looked: list[Exchange] = []
        self.arrived = threading.Semaphore(0)  # released by each question
        self.connections = 0
        self._tls = tls
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/v1"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether another one may follow."""
        begun = await reader.readexactly(4)
        if begun not in (b"POST", b"GET "):  # TLS, or whatever else
            return False
        head = (begun + await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [x for x in head.lower().split("\r\n") if x.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
        exchange = Exchange(head, body, writer)
        if exchange.method == "GET":
            self.looked.append(exchange)
            await self.models(exchange)
            return False
        self.asked.append(exchange)
        self.arrived.release()
        watching = asyncio.create_task(self._watch(reader, exchange))
        try:
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            await script(exchange)
        finally:
            watching.cancel()
        return exchange.keeps

    async def _watch(self, reader: asyncio.StreamReader, exchange: Exchange) -> None:
        with suppress(ConnectionError):
            await reader.read(1)
        exchange.has_gone.set()
        exchange.gone.set()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)

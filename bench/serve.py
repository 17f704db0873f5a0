"""Loads the HTTP API: searches, many streams at once, and a long mixed run that watches memory.

python -m bench.serve                                   # search at 1, 8 and 64; 200 streams
python -m bench.serve --soak-minutes 60 --only soak     # an hour of everything at once

`footnote serve` runs as its own process over real documents with the real encoder; the language
model is a scripted server in another, which streams at a steady pace. Clients, server and model
share this machine's cores: with clients on another machine the server would be faster.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.chat_server import API, ROOT, ChatServer, serving, wait_until_read
from rag import self_check
from rag.metrics import percentile

RESULTS = ROOT / "bench" / "results" / "serve.json"
CLIENTS = (1, 8, 64)
STREAMED_WORDS, WORDS_PER_SECOND = 60, 10.0
SAMPLE_SECONDS = 10.0
VANISH_SECONDS, TOUCH_SECONDS = 5.0, 20.0


def main() -> None:
    """Start all, load it, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, default=ROOT / "data", help="with questions.jsonl")
    parser.add_argument("--only", choices=["search", "streams", "soak"])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each number of clients")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--soak-minutes", type=float, default=0.0)
    parser.add_argument("--soak-searches", type=float, default=4.0, help="a second")
    parser.add_argument("--soak-answers", type=float, default=1.0, help="begun a second")
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="footnote-bench-"))
    try:
        with scripted_model() as model, running(base, options.docs, model) as server:
            figures = asyncio.run(measure(server, options))
    finally:
        shutil.rmtree(base)
    earlier = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    shown = {
        "command": " ".join(["python -m bench.serve", *sys.argv[1:]]),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
    }
    result = earlier | {name: shown | made for name, made in figures.items()}
    print(json.dumps(figures, indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


async def measure(server: Server, options: argparse.Namespace) -> dict[str, Any]:
    """The parts that are wanted, by name."""
    wanted = [options.only] if options.only else ["search", "streams"]
    if options.soak_minutes and "soak" not in wanted:
        wanted.append("soak")
    figures: dict[str, Any] = {}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.process.url, timeout=120.0, limits=limits
    ) as client:
        if "search" in wanted:
            figures["search"] = await search_load(client, server, options.seconds)
        if "streams" in wanted:
            figures["streams"] = await stream_load(client, server, options.streams)
        if "soak" in wanted:
            figures["soak"] = await soak(client, server, options)
    return figures


# The processes


@dataclass(frozen=True, slots=True)
class Server:
    """`footnote serve` under load, and the questions that its documents answer."""

    process: ChatServer
    docs: Path
    questions: list[str]


@contextlib.contextmanager
def scripted_model() -> Iterator[str]:
    """A server of chat completions in a process of its own; gives its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve_model, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def _serve_model(pipe: Any) -> None:
    sys.path.append(str(ROOT / "tests"))
    from model_server import Exchange, ModelServer, event

    async def writes(exchange: Exchange) -> None:
        await exchange.answer()
        if exchange.body["messages"][0]["content"] == self_check.SYSTEM:
            await exchange.send(event("Yes", "stop") + "data: [DONE]\n\n")
            return
        for number in range(STREAMED_WORDS):
            last = number == STREAMED_WORDS - 1
            await exchange.send(event("sources [1]." if last else "the "))
            await asyncio.sleep(1 / WORDS_PER_SECOND)
        await exchange.send(event(None, "stop") + "data: [DONE]\n\n")

    server = ModelServer(writes)
    pipe.send(server.url)
    pipe.recv()
    server.close()


@contextlib.contextmanager
def running(base: Path, given_docs: Path, model: str) -> Iterator[Server]:
    """The real server over a copy of the documents, ready for questions."""
    docs = base / "data"
    shutil.copytree(given_docs, docs)
    given = {
        "GENERATOR": f"openai:{model}", "GENERATOR_MODEL": "scripted", "MAX_MODEL_LEN": "8192",
        "REQUESTS_PER_MINUTE": "0", "ADDRESS_REQUESTS_PER_MINUTE": "0", "MAX_ANSWERS": "0",
        "LOG_LEVEL": "warning",
    }  # fmt: skip
    settings = {f"FOOTNOTE_{name}": value for name, value in given.items()}
    ingest = [sys.executable, "-m", "rag.cli", "ingest", str(docs), "--index", str(base / "index")]
    subprocess.run(ingest, cwd=ROOT, env=os.environ | settings, check=True)  # sentences, too
    with serving(base, program=API, settings=settings) as process:
        wait_until_read(process.url)
        yield Server(process, docs, _questions(docs))


def _questions(docs: Path) -> list[str]:
    lines = (docs / "questions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines]


# Searches


@dataclass(slots=True)
class Tally:
    """What clients saw: milliseconds by stage, and failures by their kind."""

    times: dict[str, list[float]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, stage: str, started: float) -> None:
        self.times.setdefault(stage, []).append((time.perf_counter() - started) * 1000)

    def figures(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for stage, taken in self.times.items():
            points = {f"p{p}_ms": round(percentile(taken, p / 100), 1) for p in (50, 95, 99)}
            made[stage] = {"count": len(taken), **points}
        return made | {"failures": dict(self.failures)}


async def search_load(client: httpx.AsyncClient, server: Server, seconds: float) -> dict[str, Any]:
    """Each client asks again as soon as it has its answer."""
    figures: dict[str, Any] = {}
    for number in CLIENTS:
        await search_clients(client, server, Tally(), number, 2.0)
        tally, started = Tally(), time.perf_counter()
        await search_clients(client, server, tally, number, seconds)
        rate = len(tally.times.get("search", ())) / (time.perf_counter() - started)
        made = {"per_second": round(rate, 1), **tally.figures(), "mb": server.process.megabytes()}
        figures[f"{number} clients"] = made
        print(f"{number} clients: {made}", flush=True)
    return figures


async def search_clients(
    client: httpx.AsyncClient, server: Server, tally: Tally, number: int, seconds: float
) -> None:
    ends_at = time.perf_counter() + seconds

    async def one(first: int) -> None:
        position = first
        while time.perf_counter() < ends_at:
            await search(client, server.questions[position % len(server.questions)], tally)
            position += number

    await asyncio.gather(*(one(first) for first in range(number)))


async def search(client: httpx.AsyncClient, question: str, tally: Tally) -> None:
    started = time.perf_counter()
    try:
        answer = await client.post("/api/search", json={"query": question, "top_k": 10})
    except httpx.TransportError as error:
        tally.failures[type(error).__name__] += 1
        return
    if answer.status_code != 200:
        tally.failures[str(answer.status_code)] += 1
        return
    tally.add("search", started)


# Streams


async def stream_load(client: httpx.AsyncClient, server: Server, number: int) -> dict[str, Any]:
    """All ask at once and read to the end."""
    before, tally = server.process.held(), Tally()
    started = time.perf_counter()
    midway = asyncio.create_task(_held_after(server, STREAMED_WORDS / WORDS_PER_SECOND / 2))
    questions = [server.questions[n % len(server.questions)] for n in range(number)]
    await asyncio.gather(*(answer(client, question, tally) for question in questions))
    seconds = time.perf_counter() - started
    made = {"streams": number, "seconds": round(seconds, 1), **tally.figures()}
    made |= {"written_in_seconds": STREAMED_WORDS / WORDS_PER_SECOND}
    made |= {"before": before, "midway": await midway, "after": server.process.held()}
    print(f"{number} streams: {made}", flush=True)
    return made


async def _held_after(server: Server, seconds: float) -> dict[str, float | None]:
    await asyncio.sleep(seconds)
    return server.process.held()


async def answer(
    client: httpx.AsyncClient, question: str, tally: Tally, leaves_at: str = ""
) -> None:
    """Read an answer's events; `leaves_at` hangs up at the first event of that name."""
    started, seen = time.perf_counter(), set()
    try:
        async for name in _events(client, question):
            if name not in seen:
                seen.add(name)
                tally.add(name, started)
            if name == leaves_at:
                return
    except httpx.TransportError as error:
        tally.failures[type(error).__name__] += 1
        return
    except httpx.HTTPStatusError as error:
        tally.failures[str(error.response.status_code)] += 1
        return
    if "answer" not in seen:
        tally.failures["no answer"] += 1


async def _events(client: httpx.AsyncClient, question: str) -> AsyncIterator[str]:
    body = {"question": question, "stream": True}
    async with client.stream("POST", "/api/ask", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                yield line.removeprefix("event: ")


# The long run


async def soak(
    client: httpx.AsyncClient, server: Server, options: argparse.Namespace
) -> dict[str, Any]:
    """Searches, answers, clients that vanish and a file that changes, at a steady pace."""
    tally, samples = Tally(), []
    started = time.monotonic()
    ends_at = started + options.soak_minutes * 60
    tasks: set[asyncio.Task[None]] = set()

    async def every(seconds: float, make: Any) -> None:
        number = 0
        while time.monotonic() < ends_at:
            task = asyncio.create_task(make(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            await asyncio.sleep(max(0.0, started + number * seconds - time.monotonic()))

    def question(number: int) -> str:
        return server.questions[number % len(server.questions)]

    async def touch(number: int) -> None:
        text = f"# Soak\n\nThe number of this note is {number}.\n"
        await asyncio.to_thread((server.docs / "soak.md").write_text, text, "utf-8")

    async def sample(number: int) -> None:
        minute = (time.monotonic() - started) / 60
        samples.append({"minute": round(minute, 2), **server.process.held()})
        if number % 30 == 0:
            print(samples[-1], flush=True)

    await asyncio.gather(
        every(1 / options.soak_searches, lambda n: search(client, question(n), tally)),
        every(1 / options.soak_answers, lambda n: answer(client, question(n), tally)),
        every(VANISH_SECONDS, lambda n: answer(client, question(n), Tally(), leaves_at="text")),
        every(TOUCH_SECONDS, touch),
        every(SAMPLE_SECONDS, sample),
    )
    await asyncio.gather(*tasks)
    found = await client.post("/api/search", json={"query": "number of this note", "top_k": 1})
    return {
        "minutes": options.soak_minutes,
        **tally.figures(),
        "last_change_found": found.json()["hits"][0]["path"].endswith("soak.md"),
        "mb_per_hour_in_the_second_half": _slope(samples[len(samples) // 2 :], "mb"),
        "samples": samples[:: max(1, len(samples) // 60)],
    }


def _slope(samples: list[dict[str, float]], name: str) -> float:
    minutes = [one["minute"] for one in samples]
    slope, _ = np.polyfit(minutes, [one[name] for one in samples], 1)
    return round(float(slope) * 60, 1)


if __name__ == "__main__":
    main()

"""How fast the chat page is: to load, to search, and with many conversations at once.

python -m bench.page                          # over data/, 50 conversations, a scripted model
python -m bench.page --sessions 8 --model     # the real model
python -m bench.page --parts load search      # some of the parts; --at URL for a page that runs

Loading and search mode are timed in headless Chromium, within the page; conversations are held
over the page's own socket, without a browser. `cold` is with an empty cache, `warm` the next visit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.chat_server import CHAT, ROOT, SCRIPTED, ChatServer, serving, wait_until_read

RESULT = ROOT / "bench" / "results" / "page.json"
PARTS = ("load", "search", "sessions")
VISITS = 5  # cold ones, and as many warm ones
SEARCHES = 20
PATIENCE_SECONDS = 600.0
READY = "#starters button:not([disabled])"
LOADED = f"""() => document.querySelector("#chat-input")
  && document.querySelector({READY!r}) && performance.now()"""
COUNTED = """() => {
  const all = performance.getEntriesByType("navigation")
    .concat(performance.getEntriesByType("resource")).filter((one) => one.transferSize > 0);
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return { requests: all.length, bytes: all.reduce((sum, one) => sum + one.transferSize, 0),
           first_paint_ms: paint ? paint.startTime : null };
}"""
# From the key to the frame in which the new list is drawn.
TIMED = """() => {
  const lists = () => document.querySelectorAll("[data-testid=results]").length;
  const before = lists();
  window.searched = new Promise((resolve) => {
    document.addEventListener("keydown", (event) => {
      const begun = event.timeStamp;
      new MutationObserver((_, observer) => {
        if (lists() === before) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
      }).observe(document.body, { childList: true, subtree: true });
    }, { capture: true, once: true });
  });
}"""


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--sessions", type=int, default=50, help="conversations at once")
    parser.add_argument("--visits", type=int, default=VISITS)
    parser.add_argument("--searches", type=int, default=SEARCHES)
    parser.add_argument("--model", action="store_true", help="the real language model")
    parser.add_argument("--at", metavar="URL", help="a page that runs; its memory is not known")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "data", Path(folder) / "data")
        # As a model's first words and tokens come, so that conversations overlap.
        pace = () if given.model else ("--first", "0.5", "--pace", "0.03")
        started = serving(Path(folder), *pace, program=CHAT if given.model else SCRIPTED)
        with nullcontext(ChatServer(given.at)) if given.at else started as server:
            wait_until_read(server.url)
            result = measure(server, given)
    print(json.dumps(result, indent=1))
    earlier = json.loads(RESULT.read_text("utf-8")) if RESULT.is_file() else {}
    RESULT.write_text(json.dumps(earlier | result, indent=1) + "\n", "utf-8")


def measure(server: ChatServer, given: argparse.Namespace) -> dict[str, Any]:
    """The parts that are asked for, by name."""
    command = " ".join(["python -m bench.page", *sys.argv[1:]])
    result: dict[str, dict[str, Any]] = {}
    asked = questions()
    if {"load", "search"} & set(given.parts):
        with chromium() as browser:
            if "load" in given.parts:
                result["load"] = measure_loading(browser, server.url, given.visits)
            if "search" in given.parts:
                result["search"] = measure_search(browser, server.url, asked, given.searches)
    if "search" in given.parts:
        unasked = asked[given.searches + 1 :]  # the answer to what was asked is cached
        result["search"]["sent"] = measure_sent(server.url, unasked[: given.searches])
    if "sessions" in given.parts:
        name = f"{given.sessions} sessions, {'real' if given.model else 'scripted'} model"
        result[name] = measure_sessions(server, asked, given.sessions)
    return {name: {"command": command, **figures} for name, figures in result.items()}


def questions() -> list[str]:
    lines = (ROOT / "data" / "questions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines]


@contextmanager
def chromium() -> Any:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


# Loading


def measure_loading(browser: Any, url: str, visits: int) -> dict[str, Any]:
    """Medians of so many visits with an empty cache, and of as many that follow one."""
    cold, warm = [], []
    for _ in range(visits):
        context = browser.new_context(locale="en-US")
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        cold.append(_visit(context, url))
        warm.append(_visit(context, url))
        context.close()
    return {"visits": visits, "cold": _medians(cold), "warm": _medians(warm)}


def _visit(context: Any, url: str) -> dict[str, float]:
    page = context.new_page()
    page.goto(url)
    usable = page.wait_for_function(LOADED).json_value()
    figures: dict[str, float] = page.evaluate(COUNTED)
    page.close()
    return figures | {"usable_ms": usable}


def _medians(rows: Sequence[dict[str, float]]) -> dict[str, int]:
    return {key: round(statistics.median(row[key] for row in rows)) for key in rows[0]}


# Search mode


def measure_search(browser: Any, url: str, asked: Sequence[str], count: int) -> dict[str, Any]:
    """From Enter to the ranked list; the first search, which loads what draws it, is apart."""
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    page = context.new_page()
    page.goto(url)
    page.locator(READY).first.wait_for()
    page.locator("#mode-picker-trigger-task").click()
    page.locator("#mode-picker-popover-task").get_by_text("Search", exact=True).click()
    took = []
    for n in range(count + 1):
        page.locator("#chat-submit").wait_for()  # it is the stop button while one runs
        page.fill("#chat-input", asked[n % len(asked)])
        page.evaluate(TIMED)
        page.press("#chat-input", "Enter")
        took.append(page.evaluate("() => window.searched"))
    context.close()
    first, *others = took
    return {"searches": count, "first_ms": round(first), **spread(others, 1)}


def measure_sent(url: str, asked: Sequence[str]) -> dict[str, int | None]:
    """Until the page's socket has the list; what the browser takes beyond that is its drawing."""
    heard = [asyncio.run(_converse(url, [one], 1, "search"))[0] for one in asked]
    return spread([one.source for one in heard if one.source is not None])


def spread(values: Sequence[float], factor: float = 1000) -> dict[str, int | None]:
    """Median and 95th percentile in milliseconds, of seconds; None where there are no values."""
    if not values:
        return {"p50_ms": None, "p95_ms": None}
    ranked = sorted(values)
    high = ranked[math.ceil(0.95 * len(ranked)) - 1]
    return {"p50_ms": round(statistics.median(ranked) * factor), "p95_ms": round(high * factor)}


# Conversations


@dataclass(slots=True)
class Heard:
    """Of one conversation's question, seconds after it was asked; what never came is None."""

    source: float | None = None
    token: float | None = None
    end: float | None = None
    error: str = ""


def measure_sessions(server: ChatServer, asked: Sequence[str], count: int) -> dict[str, Any]:
    """So many conversations that ask at the same moment, each something else."""
    before = server.megabytes() if server.pid else None
    heard = asyncio.run(_converse(server.url, asked, count))
    after = server.megabytes() if server.pid else None
    return {
        "answered": sum(one.end is not None and not one.error for one in heard),
        "errors": sorted({one.error for one in heard if one.error}),
        "first_source": spread([one.source for one in heard if one.source is not None]),
        "first_token": spread([one.token for one in heard if one.token is not None]),
        "whole_answer": spread([one.end for one in heard if one.end is not None]),
        "server_mb_before": before,
        "server_mb_after": after,
    }


async def _converse(
    url: str, asked: Sequence[str], count: int, task: str = "answer"
) -> list[Heard]:
    """All connect before the first asks."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        talks = [_Talk(url, asked[n % len(asked)], http) for n in range(count)]
        await asyncio.gather(*(talk.connect() for talk in talks))
        await asyncio.gather(*(talk.ask(task) for talk in talks if not talk.heard.error))
    return [talk.heard for talk in talks]


class _Talk:
    """One conversation with one question, as a browser holds it."""

    def __init__(self, url: str, question: str, http: Any) -> None:
        import socketio

        self._url, self._question = url, question
        self.heard = Heard()
        self._client = socketio.AsyncClient(http_session=http)
        self._idle = asyncio.Event()  # nothing is being answered
        self._begun, self._is_said = 0.0, False
        for name, take in {
            "element": self._element, "stream_start": self._token, "stream_token": self._token,
            "new_message": self._message, "update_message": self._message,
            "task_end": self._task_end,
        }.items():  # fmt: skip
            self._client.on(name, take)

    async def connect(self) -> None:
        """What refuses us is a figure, too."""
        session = {"sessionId": str(uuid.uuid4()), "clientType": "webapp", "threadId": ""}
        try:
            await self._client.connect(
                self._url, socketio_path="/ws/socket.io", auth=session, transports=["websocket"]
            )
            await self._client.emit("connection_successful")
            await asyncio.wait_for(self._idle.wait(), PATIENCE_SECONDS)
        except Exception as error:
            self.heard.error = f"{type(error).__name__}: {error}"[:200]

    async def ask(self, task: str) -> None:
        """To the end of the answer, or of our patience."""
        message = {
            "id": str(uuid.uuid4()), "output": self._question, "type": "user_message",
            "name": "me", "createdAt": "2026-01-01T00:00:00Z", "modes": {"task": task},
        }  # fmt: skip
        self._idle.clear()
        self._begun = time.perf_counter()
        await self._client.emit("client_message", {"message": message, "fileReferences": []})
        try:
            await asyncio.wait_for(self._idle.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            self.heard.error = f"no end within {PATIENCE_SECONDS:.0f} s"
        await self._client.disconnect()

    def _since(self) -> float:
        return time.perf_counter() - self._begun

    async def _element(self, element: dict[str, Any]) -> None:
        if element.get("name") in ("Sources", "Results") and self.heard.source is None:
            self.heard.source = self._since()

    async def _token(self, _: Any) -> None:
        if self.heard.token is None:
            self.heard.token = self._since()

    async def _message(self, step: dict[str, Any]) -> None:
        """An answer has its plain text with it once it is over (rag/chat/kept.py)."""
        if step.get("isError"):
            self.heard.error = str(step.get("output"))[:200]
        self._is_said |= bool(self.heard.error) or "plain" in (step.get("metadata") or {})

    async def _task_end(self, *_: Any) -> None:
        """Of the answer, or of what the page does when it is opened."""
        if not self._begun:
            self._idle.set()
        elif self._is_said:
            self.heard.end = self._since()
            self._idle.set()


if __name__ == "__main__":
    main()

"""The page's server as a page's socket sees it: what a browser is not needed for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
import socketio
from browser_page import serve
from page_service import FAULT_QUESTION, FAULT_QUOTE

WAIT_SECONDS = 60


class Visitor:
    """A page without a browser. `heard` is what it was told: events with their data."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = str(uuid.uuid4())
        self.heard: list[tuple[str, Any]] = []
        self._arrived = asyncio.Condition()
        self._client = socketio.AsyncClient()
        self._client.on("*", self._hear)

    async def _hear(self, event: str, *data: Any) -> None:
        async with self._arrived:
            self.heard.append((event, data[0] if data else None))
            self._arrived.notify_all()

    async def come(self, thread: str = "") -> None:
        """Open the page, or a conversation that was kept, until one can ask."""
        about = {"sessionId": self.session, "clientType": "webapp", "threadId": thread}
        await self._client.connect(self.address, socketio_path="/ws/socket.io", auth=about)
        await self._client.emit("connection_successful")
        await self.until("window_message", lambda data: True)  # it is greeted last

    async def leave(self, *, for_good: bool = False) -> None:
        """Close the page, or begin a new conversation in it."""
        if for_good:
            await self._client.call("clear_session")  # heard, before this client drops its line
        await self._client.disconnect()

    async def ask(self, question: str, *, task: str = "answer") -> str:
        """The id of the question."""
        message = question_of(question) | {"modes": {"task": task}}
        await self._client.emit("client_message", {"message": message, "fileReferences": []})
        return str(message["id"])

    async def emit(self, event: str, data: Any = None) -> None:
        await self._client.emit(event, data)

    async def until(self, event: str, sign: Callable[[Any], bool], since: int = 0) -> Any:
        """The first such event's data, once it has come."""

        def found() -> list[Any]:
            return [data for name, data in self.heard[since:] if name == event and sign(data)]

        return (await self._until(found))[0]

    async def until_shown(self, text: str, since: int = 0) -> dict[str, Any]:
        """A message that holds the text."""

        def shown() -> list[dict[str, Any]]:
            events = ("new_message", "update_message")
            told = [data for name, data in self.heard[since:] if name in events]
            return [data for data in told if text in data["output"]]

        return (await self._until(shown))[0]

    async def _until(self, found: Callable[[], list[Any]]) -> list[Any]:
        async with self._arrived:
            waiting = self._arrived.wait_for(found)
            try:
                return list(await asyncio.wait_for(waiting, WAIT_SECONDS))
            except TimeoutError:
                told = [(name, str(data)[:300]) for name, data in self.heard]
                raise AssertionError(f"It did not come. What came: {told}") from None


def question_of(text: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "output": text, "type": "user_message", "name": "me",
        "createdAt": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def converse(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page that keeps conversations."""
    yield from serve(tmp_path_factory, "--people", "local", "--pace", "0.15")


async def begin_and_leave(address: str, question: str, **how: bool) -> str:
    """Ask, go while the answer is written, and the conversation's id."""
    first = Visitor(address)
    await first.come()
    await first.ask(question)
    thread = (await first.until("first_interaction", lambda data: True))["thread_id"]
    await first.until("stream_token", lambda data: True)
    await first.leave(**how)
    return str(thread)


def test_a_page_that_is_loaded_anew_gets_the_answer_that_is_still_written(kept: str) -> None:
    async def work() -> None:
        thread = await begin_and_leave(kept, FAULT_QUESTION)
        page = Visitor(kept)
        await page.come(thread)
        resumed = await page.until("resume_thread", lambda data: True)
        (answer,) = [one for one in resumed["steps"] if one["type"] == "assistant_message"]
        assert answer["output"] == "*This answer is still being written …*"
        done = await page.until_shown(FAULT_QUOTE[:20])
        assert done["id"] == answer["id"]
        sources = await page.until("element", lambda data: data["name"] == "Sources")
        assert sources["forId"] == answer["id"]
        await page.until("task_end", lambda data: True, page.heard.index(("element", sources)))
        await page.ask("history")
        await page.until_shown(f"user={FAULT_QUESTION} / assistant=")
        await page.leave(for_good=True)

    converse(work)


def test_an_answer_that_a_page_waits_for_can_be_stopped(kept: str) -> None:
    async def work() -> None:
        thread = await begin_and_leave(kept, "endless")
        page = Visitor(kept)
        await page.come(thread)
        resumed = await page.until("resume_thread", lambda data: True)
        since = page.heard.index(("resume_thread", resumed))
        await page.until("task_start", lambda data: True, since)
        await page.emit("stop")
        assert "word word" in (await page.until_shown("*Stopped.*"))["output"]
        await page.leave(for_good=True)

    converse(work)


def test_who_begins_a_new_conversation_has_not_lost_the_connection(kept: str) -> None:
    async def work() -> None:
        thread = await begin_and_leave(kept, "endless", for_good=True)
        page = Visitor(kept)
        await page.come(thread)
        resumed = await page.until("resume_thread", lambda data: True)
        (answer,) = [one for one in resumed["steps"] if one["type"] == "assistant_message"]
        if answer["metadata"].get("unfinished"):
            answer = await page.until_shown("*Stopped")
        assert answer["output"].endswith("*Stopped.*")
        await page.leave(for_good=True)

    converse(work)


def test_an_edited_question_that_the_server_does_not_know_is_asked(kept: str) -> None:
    async def work() -> None:
        page = Visitor(kept)
        await page.come()
        question = question_of("options")
        await page.emit("edit_message", {"message": question})
        told = await page.until("update_message", lambda data: data["output"] == "options")
        assert told["id"] == question["id"]
        await page.until_shown("mode=hybrid")
        await page.leave(for_good=True)

    converse(work)


def test_only_another_answer_is_worded_more_freely(open_to_all: str) -> None:
    async def press(page: Visitor, action: dict[str, Any]) -> None:
        async with httpx.AsyncClient(base_url=page.address) as client:
            given = {"sessionId": page.session, "action": action}
            answered = await client.post("/project/action", json=given, timeout=WAIT_SECONDS)
        assert answered.status_code == 200

    async def work() -> None:
        page = Visitor(open_to_all)
        await page.come()
        await page.ask("options", task="search")
        first = await page.until("action", lambda data: data["name"] == "again")
        await press(page, first)
        assert "temperature=0.0" in (await page.until_shown("mode=hybrid"))["output"]
        since = len(page.heard)
        second = await page.until(
            "action", lambda data: data["name"] == "again" and data["id"] != first["id"]
        )
        await press(page, second)
        assert "temperature=0.6" in (await page.until_shown("mode=hybrid", since))["output"]
        since = len(page.heard)
        await page.ask("fail")
        failed = await page.until("action", lambda data: not data["payload"]["anew"], since)
        assert failed["payload"]["message_id"]
        await page.leave(for_good=True)

    converse(work)


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page that strangers may use, and that keeps nothing."""
    yield from serve(tmp_path_factory, "--people", "anonymous", "--pace", "0.005")


def test_one_strangers_settings_are_not_the_next_ones(open_to_all: str) -> None:
    async def work() -> None:
        first, second = Visitor(open_to_all), Visitor(open_to_all)
        await first.come()
        await first.emit("chat_settings_change", {"general": True, "top_k": 7})
        await first.ask("options")
        assert "top_k=7" in (await first.until_shown("general=True"))["output"]
        await second.come()
        await second.ask("options")
        assert "general=False" in (await second.until_shown("top_k=10"))["output"]
        await first.leave(for_good=True)
        await second.leave(for_good=True)

    converse(work)

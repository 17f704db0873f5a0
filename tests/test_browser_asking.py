"""Asking in a real browser: anew, with settings, without an answer, and over a broken network."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import socketio
from browser_page import (
    ANSWERED,
    PHONE,
    SOURCES,
    address,
    ask,
    browser,
    needs_browser,
    open_page,
    page,
    scripted,
    serve,
)
from page_service import FAULT_QUESTION

__all__ = ["address", "browser", "page"]  # fixtures
pytestmark = [*needs_browser, scripted]

ANSWERS = "[data-step-type=assistant_message]"
TRACE = "[data-testid=trace]"
RESULTS = "[data-testid=results]"
AGAIN = f"{ANSWERS} button:has(svg.lucide-rotate-ccw)"


def choose_task(page: Any, name: str) -> None:
    page.locator("#mode-picker-trigger-task").click()
    page.locator("#mode-picker-popover-task").get_by_text(name, exact=True).click()


def answer_of(page: Any, question: str, pattern: str) -> str:
    ask(page, question)
    found = page.get_by_text(re.compile(pattern)).last
    found.wait_for()
    page.locator("#chat-submit").wait_for()
    return str(found.inner_text())


def test_an_edited_question_takes_the_place_of_all_that_came_after(page: Any) -> None:
    answer_of(page, "stopped?", r"stopped=\d+")
    answer_of(page, "options", "mode=hybrid")
    answer_of(page, "history", "user=stopped.*user=options")
    question = page.locator("[data-step-type=user_message]").nth(1)
    question.hover()
    question.locator(".edit-message").click()
    page.fill("#edit-chat-input", "history")
    page.locator(".confirm-edit").click()
    told = page.locator(ANSWERS).nth(1)
    told.get_by_text(re.compile(r"^user=stopped\? / assistant=stopped=\d+$")).wait_for()
    page.locator("#chat-submit").wait_for()
    assert page.locator(ANSWERS).count() == page.locator("[data-step-type=user_message]").count()
    assert page.locator(ANSWERS).count() == 2


def test_answering_again_wants_other_words(page: Any) -> None:
    answer_of(page, "options", "temperature=0.0")
    page.locator(AGAIN).click()
    page.get_by_text("temperature=0.6").wait_for()
    page.locator("#chat-submit").wait_for()
    assert page.locator(ANSWERS).count() == page.locator(AGAIN).count() == 1
    told = answer_of(page, "history", "user=options")
    assert told.count("user=") == 1  # the first try is forgotten
    assert page.locator(AGAIN).count() == 1  # of the last answer alone


def test_a_first_answer_after_a_search_is_worded_as_the_settings_say(page: Any) -> None:
    choose_task(page, "Search")
    ask(page, "options")
    page.get_by_role("button", name="Answer this").click()
    page.get_by_text("temperature=0.0").wait_for()


@pytest.mark.parametrize(
    ("locale", "send", "stop", "edit", "again"),
    [
        ("en-US", "Send", "Stop", "Edit the question", "Answer again"),
        (
            "zh-CN",
            "发送",
            "停止",
            "修改问题",
            "Answer again",
        ),  # its word is in the question's language
    ],
)
def test_buttons_have_names_and_a_question_is_edited_by_keyboard(
    browser: Any, address: str, locale: str, send: str, stop: str, edit: str, again: str
) -> None:
    for page in open_page(browser, address, locale=locale):
        page.get_by_role("button", name=send, exact=True).wait_for()
        ask(page, "endless")
        page.get_by_role("button", name=stop, exact=True).click()
        page.get_by_role("button", name=send, exact=True).wait_for()
        button = page.get_by_role("button", name=again, exact=True)
        button.wait_for()
        assert button.bounding_box()["width"] < 60  # an icon all the same
        nameless = page.locator("button:visible").evaluate_all(
            "all => all.filter(one => !one.ariaLabel && !one.innerText.trim()).map(one => one.id)"
        )
        assert nameless == []
        pencil = page.get_by_role("button", name=edit, exact=True)
        page.mouse.move(0, 0)
        pencil.focus()
        page.keyboard.press("Enter")
        page.locator("#edit-chat-input").wait_for()


def test_stopping_frees_a_model_that_still_reads(page: Any) -> None:
    before = answer_of(page, "stopped?", r"stopped=\d+")
    ask(page, "prompt")
    page.get_by_text("The model reads 1,432 tokens").wait_for()
    page.get_by_text(re.compile(r"tokens … \d+ s")).wait_for()  # it is counted aloud
    page.locator("#stop-button").click()
    page.get_by_text("Stopped.").wait_for()
    count = int(before.split("=")[1]) + 1
    assert answer_of(page, "stopped?", r"stopped=\d+") == f"stopped={count}"


def test_how_the_answer_came_about_is_folded_below_it(page: Any) -> None:
    ask(page, FAULT_QUESTION)
    page.locator(ANSWERED).wait_for()
    page.get_by_text("58 written").wait_for()
    summary = page.locator(f"{TRACE} summary")
    assert re.fullmatch(
        r"4 passages found in [\d<]+ ms · 1,432 tokens read · 58 written · 2.3 s · scripted",
        summary.inner_text().strip(),
    )
    assert page.get_by_text("Not read").is_hidden()
    summary.click()
    page.get_by_text("it takes 900 tokens where 12 are left").wait_for()


def test_a_search_lists_what_it_finds_without_the_model(page: Any) -> None:
    choose_task(page, "Search")
    ask(page, "lamp switch off minutes")
    first = page.locator("[data-testid=result-1]")
    first.wait_for()
    assert {"Lamp", "minutes"} & set(first.locator("mark").all_inner_texts())
    assert page.locator(f"{RESULTS} li").count() == 4
    assert page.locator(SOURCES).count() == 0
    first.locator("a").click()
    viewer = page.frame_locator("[data-testid=viewer-frame]")
    viewer.locator("#cite").wait_for(state="attached")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Answer this").click()
    page.locator(ANSWERED).wait_for()
    assert page.locator(RESULTS).count() == 0


def test_settings_reach_the_question_and_stay(browser: Any, address: str) -> None:
    for page in open_page(browser, address, locale="zh-CN", viewport=PHONE):
        page.locator("#chat-settings-open-modal").click()
        page.locator("#chat-settings").get_by_text("语言模型").wait_for()
        page.locator("#language").click()
        page.get_by_role("option", name="German").click()
        page.locator("#general").click()
        page.locator("#confirm").click()
        told = "mode=hybrid scope=auto top_k=10 temperature=0.0 language=de general=True"
        answer_of(page, "options", re.escape(told))
        page.locator("#new-chat-button").click()
        page.locator("#starters button:not([disabled])").first.wait_for()
        answer_of(page, "options", "language=de")
        page.locator("#chat-settings-open-modal").click()
        page.locator("#language").click()
        page.get_by_role("option", name="与问题相同").click()
        page.locator("#general").click()
        page.locator("#confirm").click()
        answer_of(page, "options", "language=- general=False")


def test_an_error_says_what_to_do_and_can_be_tried_again(page: Any) -> None:
    ask(page, "fail")
    told = page.get_by_text("Set a smaller max_model_len. Search still works")
    told.wait_for()
    step = page.locator(f"{ANSWERS} [id^=step-]").last.get_attribute("id")
    page.locator(AGAIN).click()
    page.locator(f"#{step}").wait_for(state="detached")
    told.wait_for()
    page.locator("#chat-submit").wait_for()
    assert told.count() == 1


def test_without_documents_it_says_how_to_add_some(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for empty in serve(tmp_path_factory, "--empty"):
        for page in open_page(browser, empty):
            ask(page, FAULT_QUESTION)
            page.get_by_text("Nothing is indexed yet").wait_for()


class Cable:
    """A way to a server that can be cut."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self.is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.is_cut = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._listener.close()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def cable(address: str) -> Iterator[Cable]:
    cable = Cable(address)
    yield cable
    cable.close()


def test_an_answer_goes_on_over_a_broken_network(browser: Any, cable: Cable) -> None:
    for page in open_page(browser, cable.address):
        ask(page, "slow")
        page.get_by_text("word3 ").wait_for()
        cable.cut()
        page.locator("#session-error").wait_for()
        cable.is_cut = False
        page.locator("#session-error").wait_for(state="hidden")
        page.get_by_text("word39").wait_for()
        page.locator("#chat-submit").wait_for()
        page.locator(ANSWERED).wait_for()
        content = page.locator(".message-content").last.inner_text()
        assert re.findall(r"word\d+", content) == [f"word{n}" for n in range(40)]
        ask(page, "history")
        page.get_by_text("user=slow").wait_for()


def test_a_question_while_another_is_answered_takes_its_turn(address: str) -> None:
    async def converse() -> None:
        client = socketio.AsyncClient()
        told: asyncio.Queue[str] = asyncio.Queue()

        async def hear(step: dict[str, Any]) -> None:
            await told.put(step["output"])

        client.on("update_message", hear)
        session = {"sessionId": str(uuid.uuid4()), "clientType": "webapp", "threadId": ""}
        await client.connect(address, socketio_path="/ws/socket.io", auth=session)
        await client.emit("connection_successful")

        async def ask(question: str, sign: str) -> str:
            message = {
                "id": str(uuid.uuid4()), "output": question, "type": "user_message", "name": "me",
                "createdAt": "2026-01-01T00:00:00Z",
            }  # fmt: skip
            await client.emit("client_message", {"message": message, "fileReferences": []})
            while sign not in (output := await asyncio.wait_for(told.get(), 30)):
                pass
            return output

        before = await ask("stopped?", "stopped=")
        await ask("endless", "reads 1,432 tokens")
        after = await ask("stopped?", "stopped=")
        assert int(after.split("=")[1].split()[0]) == int(before.split("=")[1].split()[0]) + 1
        await client.disconnect()

    with ThreadPoolExecutor(1) as pool:  # the browser has a loop in this thread
        pool.submit(asyncio.run, converse()).result()

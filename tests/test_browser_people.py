"""Signing in, and conversations that are kept, in a real browser over a scripted service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_page import (
    ANSWERED,
    CITATION,
    DESKTOP,
    WAIT_MS,
    ask,
    browser,
    needs_browser,
    scripted,
    serve,
)
from page_service import FAULT_QUESTION, PASSWORD

pytestmark = [*needs_browser, scripted]
READY = "#starters button:not([disabled])"
THREADS = "#thread-history [id^=thread-]:not(#thread-options)"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, kept: Path) -> Iterator[str]:
    """People sign in with a password."""
    yield from serve(
        tmp_path_factory, "--people", "password", "--kept", str(kept), "--pace", "0.005"
    )


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Any]:
    """Makes a page of a browser of its own, signed in or not, in a language."""
    contexts = []

    def visited(name: str = "", locale: str = "en-US", at: str = address) -> Any:
        context = browser.new_context(viewport=DESKTOP, locale=locale, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto(at)
        if name:
            sign_in(page, name, PASSWORD)
            page.locator(READY).first.wait_for()
        return page

    yield visited
    for context in contexts:
        context.close()


def sign_in(page: Any, name: str, password: str) -> None:
    page.locator("#email").wait_for()
    page.fill("#email", name)
    page.fill("#password", password)
    page.click("button[type=submit]")


def is_sign_in(response: Any) -> bool:
    return bool(response.request.method == "POST" and response.url.endswith("/login"))


def open_thread(page: Any, address: str, thread: str) -> None:
    page.goto(f"{address}/thread/{thread}")
    page.locator("#chat-submit").wait_for()


def thread_of(page: Any) -> str:
    """The id of the conversation that the page shows."""
    page.wait_for_url(re.compile("/thread/"))
    return str(page.url.rpartition("/")[2])


def test_who_is_not_signed_in_sees_the_form_alone(visit: Any, address: str) -> None:
    page = visit(locale="zh-CN")
    page.get_by_text("登录 Footnote").wait_for()
    assert page.get_by_label("用户名").is_visible()
    assert page.request.get(f"{address}/file/1").status == 401
    page.goto(f"{address}/view/1")
    assert page.url == f"{address}/login"


def test_a_wrong_password_is_told_and_then_slowed_down(visit: Any) -> None:
    page = visit(locale="zh-CN")
    for _ in range(3):
        with page.expect_response(is_sign_in) as answered:
            sign_in(page, "guessed", "wrong wrong")
        assert answered.value.status == 401
    page.get_by_text("用户名或密码不正确。", exact=True).wait_for()
    with page.expect_response(is_sign_in) as answered:
        sign_in(page, "guessed", "wrong wrong")
    assert answered.value.status == 429
    page.get_by_text("尝试次数过多，请稍后再试。", exact=True).wait_for()


def test_a_conversation_is_resumed_with_its_sources_and_memory(visit: Any, address: str) -> None:
    page = visit("anna")
    ask(page, FAULT_QUESTION)
    page.locator(ANSWERED).wait_for()
    thread = thread_of(page)
    later = visit("anna")  # another browser
    later.locator(THREADS).filter(has_text=FAULT_QUESTION).first.wait_for()
    open_thread(later, address, thread)
    later.locator(ANSWERED).wait_for()
    assert later.locator("[data-testid=source-1]").inner_text().startswith("1")
    later.locator(CITATION).first.click()
    viewer = later.frame_locator("[data-testid=viewer-frame]")
    viewer.locator("#cite").wait_for(state="attached")
    later.keyboard.press("Escape")
    ask(later, "history")
    later.get_by_text(f"user={FAULT_QUESTION}").wait_for()
    told = later.locator(".message-content").last.inner_text()
    assert "[1]" in told and "/view/" not in told and "unfinished" not in told


def test_a_conversation_is_renamed_exported_and_deleted(
    visit: Any, address: str, kept: Path
) -> None:
    page = visit("anna")
    ask(page, FAULT_QUESTION)
    page.locator(ANSWERED).wait_for()
    thread = thread_of(page)
    row = page.locator(f"#thread-{thread}")
    row.hover()
    row.locator("#thread-options").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("The lamp 灯")
    page.get_by_role("dialog").get_by_role("button").filter(has_text="Confirm").click()
    row.get_by_text("The lamp 灯").wait_for()

    page.get_by_role("link", name="Conversations").click()
    page.get_by_role("heading", name="Your conversations").wait_for()
    assert page.get_by_role("link", name="The lamp 灯").get_attribute("href") == f"/thread/{thread}"
    with page.expect_download() as saved:
        page.locator(f'a[href="/conversations/{thread}.md"]').click()
    assert saved.value.suggested_filename == "The-lamp-灯.md"
    text = Path(saved.value.path()).read_text("utf-8")
    assert text.startswith("# The lamp 灯") and "[^1]: Lantern X200 User Manual" in text
    with page.expect_download() as saved:
        page.locator(f'a[href="/conversations/{thread}.json"]').click()
    messages = json.loads(Path(saved.value.path()).read_text("utf-8"))["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant"]

    open_thread(page, address, thread)
    row.hover()
    row.locator("#thread-options").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button").filter(has_text="Confirm").click()
    row.wait_for(state="detached")
    assert page.request.get(f"{address}/conversations/{thread}.md").status == 404
    for path in kept.glob("conversations*"):
        assert thread.encode() not in path.read_bytes() and "灯".encode() not in path.read_bytes()


def test_feedback_with_a_comment_is_kept(visit: Any, address: str) -> None:
    page = visit("anna")
    ask(page, FAULT_QUESTION)
    page.locator(ANSWERED).wait_for()
    thread = thread_of(page)
    page.locator(".negative-feedback-off").last.click()
    page.get_by_role("dialog").locator("textarea").fill("the wrong page")
    with page.expect_response("**/feedback") as answered:
        page.get_by_role("button", name="Submit feedback").click()
    assert answered.value.status == 200
    exported = page.request.get(f"{address}/conversations/{thread}.json").json()
    assert exported["messages"][1]["feedback"] == {"value": "down", "comment": "the wrong page"}
    page.reload()
    page.locator(".negative-feedback-on").wait_for()


def test_others_see_neither_conversations_nor_closed_documents(visit: Any, address: str) -> None:
    anna = visit("anna")
    ask(anna, "How many days of annual leave does an employee get?")
    anna.locator(ANSWERED).wait_for()
    thread = thread_of(anna)
    shown = anna.locator("[data-testid^=source-]").evaluate_all("all => all.map(a => a.href)")
    handbook = [url for url in shown if "handbook" in anna.request.get(url).text()]
    assert handbook
    bo = visit("bo")
    assert bo.locator(THREADS).count() == 0
    for path in (f"/conversations/{thread}.md", f"/project/thread/{thread}"):
        assert bo.request.get(address + path, headers={"Accept": "*/*"}).status == 404
    rename = {"threadId": thread, "name": "mine"}
    assert bo.request.put(f"{address}/project/thread", data=rename).status == 404
    assert bo.request.delete(f"{address}/project/thread", data=rename).status == 404
    assert [bo.request.get(url).status for url in handbook] == [404] * len(handbook)
    ask(bo, "How many days of annual leave does an employee get?")
    bo.locator(ANSWERED).wait_for()
    own = bo.locator("[data-testid^=source-]").evaluate_all("all => all.map(a => a.href)")
    assert own and not set(own) & set(handbook)
    bo.goto(f"{address}/thread/{thread}")
    bo.locator("#chat-input").or_(bo.get_by_text("not found")).first.wait_for()
    assert "annual leave" not in bo.locator("main").first.inner_text()
    assert f"/thread/{thread}" not in bo.request.get(f"{address}/conversations").text()
    assert anna.request.get(f"{address}/conversations/{thread}.md").status == 200


def test_signing_out_ends_the_session(visit: Any, address: str) -> None:
    page = visit("bo")
    cookies = page.context.cookies()
    (session,) = [one for one in cookies if one["name"] == "footnote_session"]
    assert session["httpOnly"] and session["sameSite"] == "Lax"
    assert not any(one["name"].startswith("access_token") for one in cookies)
    page.locator("#user-nav-button").click()
    page.get_by_role("menuitem", name="Logout").click()
    page.locator("#email").wait_for()
    page.context.add_cookies([session])
    assert page.request.get(f"{address}/user").status == 401


def test_what_a_conversation_is_narrowed_to_is_told_after_a_restart(
    visit: Any, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    options = ("--people", "local", "--kept", str(tmp_path), "--pace", "0.005")
    thread, name = "", ""
    for address in serve(tmp_path_factory, *options):
        page = visit(at=address)
        page.locator(READY).first.wait_for()
        ask(page, FAULT_QUESTION)
        page.locator(ANSWERED).wait_for()
        thread = thread_of(page)
        page.get_by_test_id("open-library").click()
        page.get_by_test_id("ask-one").first.click()
        name = page.get_by_test_id("chip-only").locator(".fl-label").inner_text()
    for address in serve(tmp_path_factory, *options):
        page = visit(at=f"{address}/thread/{thread}")
        page.get_by_test_id("fl-notice").get_by_text(f"only: {name}").wait_for()
        assert page.get_by_test_id("chip-only").locator(".fl-label").inner_text() == name
        page.get_by_test_id("chip-only").get_by_role("button").click()
        page.get_by_test_id("chip-only").wait_for(state="detached")
    for address in serve(tmp_path_factory, *options):
        page = visit(at=f"{address}/thread/{thread}")
        page.locator(ANSWERED).wait_for()
        assert page.get_by_test_id("chip-only").count() == 0


def test_without_sign_in_conversations_are_kept_over_a_restart(
    visit: Any, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    options = ("--people", "local", "--kept", str(tmp_path), "--pace", "0.2")
    thread = ""
    for address in serve(tmp_path_factory, *options):
        page = visit(at=address)
        page.locator(READY).first.wait_for()
        assert not page.locator("#user-nav-button").is_visible()
        ask(page, "endless")
        page.get_by_text("word word").wait_for()
        thread = thread_of(page)
    for address in serve(tmp_path_factory, *options):
        page = visit(at=f"{address}/thread/{thread}")
        page.get_by_text("endless", exact=True).first.wait_for()
        page.get_by_text(re.compile("word word|cut off when the program ended")).wait_for()

"""The library in a real browser, over the real service with the real encoder and no model."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_page import PHONE, ask, browser, needs_browser, open_page, sync_api
from page_service import REPOSITORY

pytestmark = needs_browser
PATIENCE_MS = 60_000  # a busy machine reads, encodes and draws at the same time
SAMPLES = ("handbook", "products", "人事")
QUESTION = "Which colour is the zebra pump?"
ZEBRA = "The zebra pump of the Kestrel line is painted turquoise."
HOLD_CONVERSATION = """
    const held = [];
    const keep = (event) => {
        if (!event.data?.footnote?.conversation) return;
        event.stopImmediatePropagation();
        held.push(event.data);
    };
    window.addEventListener("message", keep, true);
    window.tellHeld = () => {
        window.removeEventListener("message", keep, true);
        for (const data of held) window.postMessage(data);
        return held.length;
    };
"""
HOLD_LAST = """() => {
    const send = XMLHttpRequest.prototype.send;
    const gate = new Promise((open) => { window.letLastGo = open; });
    XMLHttpRequest.prototype.send = function (body) {
        if (body?.name === "last.txt") gate.then(() => send.call(this, body));
        else send.call(this, body);
    };
}"""
SHOTS = os.environ.get("PAGE_SHOTS", "")  # a folder for pictures, to look at


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real") / "docs"
    for name in SAMPLES:
        shutil.copytree(REPOSITORY / "data" / name, folder / name)
    (folder / "broken.pdf").write_text("%PDF-1.4 and no more")
    return folder


@pytest.fixture(scope="module")
def address(docs: Path, encoder_folder: str) -> Iterator[str]:
    """Of a page that has read its folder."""
    environment = os.environ | {"FOOTNOTE_GENERATOR": "none", "FOOTNOTE_SENTENCE_VECTORS": "false"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    command = [sys.executable, "-m", "rag.cli", "chat", "--docs", str(docs), "--port", "0"]
    command += ["--index", str(docs.parent / "index")]
    with subprocess.Popen(
        command, cwd=docs.parent, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        url, said = "", []
        for line in server.stderr:
            said.append(line)
            if found := re.search(r"is at (http://\S+)", line):
                url = found[1]
            if line.startswith("Ready"):
                break
        try:
            assert url, "".join(said)
            yield url
        finally:
            server.terminate()
            server.communicate(timeout=60)


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    for page in open_page(browser, address):
        page.set_default_timeout(PATIENCE_MS)
        page.get_by_test_id("open-library").wait_for()
        yield page


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(400)  # for the pictures alone
        page.screenshot(path=Path(SHOTS) / f"manage-{name}.png")


def drop(page: Any, zone: str, *files: tuple[str, str]) -> None:
    """Drop files on one of the two places that show when files are dragged over the page."""
    page.evaluate(
        """(files) => {
            window.dropped = new DataTransfer();
            for (const [name, text] of files) window.dropped.items.add(new File([text], name));
            const options = { dataTransfer: window.dropped, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent("dragenter", options));
        }""",
        files,
    )
    page.get_by_test_id("drop-overlay").wait_for()
    shoot(page, f"{zone}")
    page.get_by_test_id(zone).evaluate(
        """(zone) => zone.dispatchEvent(new DragEvent(
            "drop", { dataTransfer: window.dropped, bubbles: true, cancelable: true }))"""
    )
    page.get_by_test_id("drop-overlay").wait_for(state="detached")


def answer(page: Any, question: str) -> str:
    """Ask, and what is answered."""
    before = page.locator("[data-testid=sources]").count()
    ask(page, question)
    page.locator("[data-testid=sources]").nth(before).wait_for()
    page.locator("#chat-submit").wait_for()
    return str(page.locator(".message-content").last.inner_text())


def open_library(page: Any) -> Any:
    page.get_by_test_id("open-library").click()
    page.get_by_test_id("library-document").first.wait_for()
    return page.get_by_test_id("library-rows")


def test_a_question_right_after_a_drop_finds_the_file_and_other_chats_do_not(page: Any) -> None:
    page.evaluate(HOLD_LAST)
    drop(page, "drop-here", ("zebra.txt", ZEBRA), ("last.txt", "The last pump is painted grey."))
    zebra = page.locator("[data-testid=chip-reading], [data-testid=chip-ready]")
    zebra.get_by_text("zebra.txt").wait_for()
    ask(page, QUESTION)
    page.get_by_text("Reading the files that you added").wait_for()
    shoot(page, "waiting")
    page.evaluate("letLastGo()")
    page.locator("[data-testid=sources]").wait_for()
    assert "zebra" in page.locator("[data-testid=source-1]").inner_text()
    ready = page.get_by_test_id("chip-ready").filter(has_text="zebra.txt")
    ready.get_by_text("only this").click()
    page.get_by_test_id("chip-only").wait_for()
    answer(page, QUESTION)
    last = page.locator("[data-testid=sources]").last
    assert last.locator("[data-testid^=source-]").count() == 1
    shoot(page, "answered")
    page.locator("#new-chat-button").click()
    page.get_by_role("button", name=re.compile("confirm", re.I)).or_(
        page.locator("#starters button:not([disabled])")
    ).first.wait_for()
    page.get_by_test_id("chip-only").wait_for(state="detached")
    answer(page, QUESTION)
    assert "zebra.txt" not in page.locator("[data-testid=sources]").last.inner_html()
    assert "turquoise" not in page.inner_text("body")


def test_a_drop_before_the_page_knows_its_conversation_is_kept_for_it(
    browser: Any, address: str
) -> None:
    """The page is drawn before its server has told which conversation is open."""
    for page in open_page(browser, address, before=HOLD_CONVERSATION):
        page.get_by_test_id("open-library").wait_for()
        drop(page, "drop-here", ("early.txt", "The early pump opens at 9 bar."))
        assert page.get_by_text("early.txt").count() == 0
        assert page.evaluate("tellHeld()") == 1
        page.get_by_test_id("chip-ready").get_by_text("early.txt").wait_for()


def test_a_kept_file_stays_until_it_is_deleted(page: Any) -> None:
    drop(page, "drop-kept", ("kept lemon.txt", "The lemon valve opens at 7 bar."))
    page.get_by_test_id("chip-kept").get_by_text("kept lemon.txt").wait_for()
    rows = open_library(page)
    page.get_by_test_id("library-search").fill("lemon")
    row = rows.locator("li").filter(has_text="kept lemon.txt")
    row.get_by_text("added, kept").wait_for()
    shoot(page, "kept")
    row.get_by_test_id("remove-document").click()
    row.get_by_text("Delete? Click again").click()
    page.get_by_text("kept lemon.txt was deleted").wait_for()
    page.get_by_text("No document fits").or_(page.get_by_text("No documents yet")).wait_for()


def test_what_cannot_be_taken_or_read_says_why(page: Any) -> None:
    drop(page, "drop-here", ("tool.exe", "MZ"), ("empty.txt", ""), ("torn.pdf", "%PDF-1.4 torn"))
    page.get_by_text("tool.exe: files of this type are not read").wait_for()
    page.get_by_text("empty.txt: the file is empty").wait_for()
    chip = page.get_by_test_id("chip-failed")
    chip.wait_for()
    assert "torn.pdf" in chip.inner_text() and "save it anew" in chip.inner_text()
    shoot(page, "refused")
    chip.get_by_role("button").click()
    chip.wait_for(state="detached")


def test_the_library_lists_searches_and_opens(page: Any) -> None:
    rows = open_library(page)
    shoot(page, "library")
    count = rows.locator("li[data-id]").count()
    assert count >= 8
    page.get_by_test_id("library-search").fill("x200 manual")
    rows.locator("li").nth(1).wait_for(state="detached")
    assert "7 pages" in rows.inner_text()
    page.get_by_test_id("library-document").click()
    viewer = page.frame_locator("[data-testid=viewer-frame]")
    assert "X200" in viewer.locator("h1").inner_text()
    page.get_by_test_id("close-viewer").click()
    page.get_by_test_id("library-search").fill("")
    page.get_by_test_id("library-type").select_option("pdf")
    sync_api.expect(rows.locator("li[data-id]")).to_have_count(2)
    page.get_by_test_id("ask-shown").click()
    page.get_by_test_id("chip-only").get_by_text("PDF").wait_for()
    page.get_by_test_id("tab-failures").click()
    rows.get_by_text("broken.pdf", exact=True).wait_for()
    assert "save it anew" in rows.inner_text()
    shoot(page, "failures")
    page.keyboard.press("Escape")
    page.locator("#fl-panel").wait_for(state="hidden")
    answer(page, "国内出差的餐饮补助是多少？")
    files = page.locator("[data-testid=sources]").last.inner_text()
    assert "差旅报销" not in files
    page.get_by_test_id("chip-only").get_by_role("button").click()
    page.get_by_test_id("chip-only").wait_for(state="detached")


def test_commands_narrow_and_chips_show_it(page: Any) -> None:
    ask(page, "/only handbook/ .md")
    page.get_by_text("answered from these only").wait_for()
    sync_api.expect(page.get_by_test_id("chip-only")).to_have_count(2)
    shoot(page, "command")
    answer(page, "What does fault code E12 mean?")
    assert "X200" not in page.locator("[data-testid=sources]").last.inner_text()
    ask(page, "/only lemons/")
    page.get_by_text("No document is left by").wait_for()
    ask(page, "/all")
    page.get_by_text("from all documents again").wait_for()
    page.get_by_test_id("chip-only").first.wait_for(state="detached")


def test_a_document_is_left_out_and_taken_back(page: Any, docs: Path) -> None:
    rows = open_library(page)
    row = rows.locator("li").filter(has_text="it-security-guide.md")
    row.get_by_test_id("remove-document").click()
    page.get_by_text("it-security-guide.md is left out of answers").wait_for()
    shoot(page, "left-out")
    row.wait_for(state="detached")
    page.get_by_test_id("tab-leftOut").click()
    rows.get_by_text("it-security-guide.md", exact=True).wait_for()
    rows.get_by_test_id("take-back").click()
    rows.get_by_text("Nothing is left out").wait_for()
    page.get_by_test_id("tab-documents").click()
    row.wait_for()
    assert (docs / "handbook" / "it-security-guide.md").exists()


def test_changes_in_the_folder_are_told_quietly(page: Any, docs: Path) -> None:
    with page.expect_response(re.compile("/api/news\\?after=")):
        pass  # the page knows from here on what is new
    (docs / "news.txt").write_text("The heron valve is new.")
    page.get_by_text("1 file added: news.txt").wait_for()
    shoot(page, "news")
    assert page.locator(".message-content").count() == 0  # nothing of it is in the conversation
    (docs / "news.txt").unlink()
    page.get_by_text("1 file removed: news.txt").wait_for()
    open_library(page)
    page.get_by_test_id("sync-now").click()
    page.get_by_text(re.compile("Up to date")).wait_for()


def test_a_document_that_one_asks_alone_is_found_after_an_edit(page: Any, docs: Path) -> None:
    with page.expect_response(re.compile("/api/news\\?after=")):
        pass
    heron = docs / "heron.txt"
    heron.write_text("The heron pump of the Kestrel line is painted grey.")
    page.get_by_text("1 file added: heron.txt").wait_for()
    rows = open_library(page)
    rows.locator("li").filter(has_text="heron.txt").get_by_test_id("ask-one").click()
    page.get_by_test_id("chip-only").get_by_text("heron.txt").wait_for()
    page.keyboard.press("Escape")
    heron.write_text("The heron pump of the Kestrel line is painted scarlet by now.")
    page.get_by_text("1 file updated: heron.txt").wait_for()
    assert "scarlet" in answer(page, "Which colour is the heron pump?")
    heron.unlink()


def begin_anew(page: Any) -> None:
    page.locator("#new-chat-button").click()
    page.locator("#starters button:not([disabled])").first.wait_for()


def test_a_file_of_another_conversation_is_not_offered_to_be_asked(page: Any) -> None:
    drop(page, "drop-here", ("elsewhere.txt", ZEBRA))
    page.get_by_test_id("chip-ready").get_by_text("elsewhere.txt").wait_for()
    rows = open_library(page)
    page.get_by_test_id("library-search").fill("elsewhere")
    row = rows.locator("li").filter(has_text="elsewhere.txt")
    sync_api.expect(rows.locator("li")).to_have_count(1)
    sync_api.expect(row.get_by_test_id("ask-one")).to_have_count(1)
    begin_anew(page)
    sync_api.expect(row.get_by_test_id("ask-one")).to_have_count(0)
    assert row.locator("input[type=checkbox]").is_disabled()
    row.get_by_test_id("remove-document").wait_for()  # it can be deleted all the same


def test_files_that_wait_go_into_the_conversation_they_were_dropped_on(page: Any) -> None:
    held: list[Any] = []
    page.route("**/api/documents?name=first*", lambda route: held.append(route))
    with page.expect_request(re.compile(r"/api/documents\?name=first")) as first:
        drop(page, "drop-here", ("first.txt", "one"), ("second.txt", "two"))
    page.get_by_test_id("chip-sending").nth(1).wait_for()
    begin_anew(page)
    sync_api.expect(page.get_by_test_id("chip-sending")).to_have_count(0)
    with page.expect_response(re.compile(r"/api/documents\?name=second")) as second:
        held[0].continue_()
    asked = [parse_qs(urlsplit(url).query) for url in (first.value.url, second.value.url)]
    assert asked[0]["conversation"] == asked[1]["conversation"]
    with page.expect_response(re.compile("/api/news\\?after=")):
        pass
    sync_api.expect(page.get_by_test_id("fl-bar")).to_be_hidden()


def test_a_drop_that_cannot_be_taken_just_now_says_so(page: Any) -> None:
    told = {"detail": "The library is being opened.", "reason": "unavailable"}
    page.route("**/api/library", lambda route: route.fulfill(status=503, json=told))
    drop(page, "drop-here", ("first.txt", "one"))
    page.get_by_test_id("fl-notice").get_by_text("The library is being opened.").wait_for()


def test_the_library_works_in_chinese_on_a_phone_by_keyboard(browser: Any, address: str) -> None:
    for page in open_page(browser, address, locale="zh-CN", viewport=PHONE, color_scheme="dark"):
        page.set_default_timeout(PATIENCE_MS)
        opener = page.get_by_test_id("open-library")
        opener.focus()
        page.keyboard.press("Enter")
        page.get_by_test_id("library-document").first.wait_for()
        assert page.locator("#fl-panel").get_attribute("aria-label") == "资料库"
        assert page.evaluate("document.activeElement.type") == "search"
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        shoot(page, "phone")
        page.keyboard.press("Escape")
        page.locator("#fl-panel").wait_for(state="hidden")
        assert opener.evaluate("one => one === document.activeElement")

"""The page in a real browser, over a scripted service."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from browser_page import (
    ANSWERED,
    CITATION,
    PHONE,
    SOURCES,
    address,
    ask,
    browser,
    highlighted,
    needs_browser,
    open_page,
    page,
    scripted,
    serve,
    sync_api,
)
from page_service import FAULT_QUESTION, FAULT_QUOTE, HOSTILE_TITLE, PAYLOADS
from PIL import Image

pytestmark = needs_browser


def test_a_question_is_answered_with_sources_that_open(page: Any, tmp_path: Path) -> None:
    ask(page, FAULT_QUESTION)
    page.locator(SOURCES).wait_for()
    page.locator(ANSWERED).wait_for()
    citation = page.locator(CITATION).first
    assert re.fullmatch(r"\[\d+\??\]", citation.inner_text())
    citation.click()
    viewer = page.frame_locator("[data-testid=viewer-frame]")
    viewer.locator("#cite").wait_for(state="attached")
    assert viewer.locator("h1").inner_text()
    for picture in viewer.locator("img").all():  # a page of a PDF
        assert picture.evaluate("async image => (await image.decode(), image.naturalWidth)") > 0
    page.screenshot(path=tmp_path / "page.png")
    page.keyboard.press("Escape")
    page.locator("#fn-panel").wait_for(state="hidden")


@scripted
def test_sources_come_first_and_the_answer_streams(page: Any) -> None:
    ask(page, "endless")
    page.locator(f"{SOURCES}[data-state=found]").wait_for()
    assert page.locator("[data-testid^=source-]").count() == 4
    page.get_by_text("word word word").wait_for()
    page.locator("#stop-button").click()
    page.get_by_text("Stopped.").wait_for()
    assert "manually" not in page.inner_text("body")  # Chainlit's own words for it
    ask(page, "stopped?")
    page.get_by_text(re.compile(r"stopped=[1-9]")).wait_for()


@scripted
def test_a_new_chat_stops_the_old_answer(page: Any) -> None:
    ask(page, "stopped?")
    text = page.get_by_text(re.compile(r"stopped=\d+")).inner_text()
    ask(page, "endless")
    page.get_by_text("word word word").wait_for()
    page.locator("#new-chat-button").click()
    page.locator("#starters button:not([disabled])").first.wait_for()
    ask(page, "stopped?")
    page.get_by_text(f"stopped={int(text.split('=')[1]) + 1}", exact=True).wait_for()


@scripted
def test_waiting_for_a_model_is_told(page: Any) -> None:
    ask(page, "loading")
    page.get_by_text("Please wait: loading the language model (12 s)").wait_for()
    page.locator(ANSWERED).wait_for()
    assert "Please wait" not in page.inner_text("body")


@scripted
def test_a_pdf_citation_shows_the_quote_on_itsopen_page(page: Any, tmp_path: Path) -> None:
    ask(page, FAULT_QUESTION)
    page.locator(ANSWERED).wait_for()
    assert FAULT_QUOTE in page.locator(".message-content").last.inner_text()
    page.locator("[data-testid=source-1]").click()
    viewer = page.frame_locator("[data-testid=viewer-frame]")
    rectangle = viewer.locator("#cite rect").first
    rectangle.wait_for()
    sync_api.expect(rectangle).to_be_in_viewport()
    viewer.locator("svg.sheet image").evaluate("picture => picture.decode()")
    shot = viewer.locator("svg.sheet").screenshot(path=tmp_path / "sheet.png")
    assert highlighted(shot) > 300
    darkest, lightest = Image.open(io.BytesIO(shot)).convert("L").getextrema()
    assert darkest < 80 and lightest == 255
    viewer.get_by_role("link", name="Next page").click()
    viewer.get_by_text("Page 6 of 7").wait_for()
    viewer.get_by_text("Cited page").click()
    rectangle.wait_for()


@scripted
def test_the_console_is_quiet(browser: Any, address: str) -> None:
    context = browser.new_context()
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.locator("#starters button:not([disabled])").first.click()
    page.locator(ANSWERED).wait_for()
    page.locator(CITATION).first.hover()
    page.locator("#fn-card").wait_for()
    page.locator(CITATION).first.click()
    viewer = page.frame_locator("[data-testid=viewer-frame]")
    viewer.locator("#cite").first.wait_for(state="attached")
    page.keyboard.press("Escape")
    page.get_by_test_id("open-library").click()
    page.get_by_test_id("library-document").first.wait_for()
    context.close()
    # Chainlit's own, before it has read that nothing is uploaded its way.
    assert [text for text in said if not text.startswith('Skipped "application/*"')] == []


@scripted
def test_model_text_is_shown_as_text(page: Any) -> None:
    ask(page, FAULT_QUESTION)
    page.locator(ANSWERED).wait_for()
    content = page.locator(".message-content").last
    assert "note:important <b>bold</b> ![x]" in content.inner_text()
    assert content.locator("img").count() == 0 and content.locator("b").count() == 0
    assert content.locator("code").all_inner_texts() == ["https://outside.example/x.png", "a:b"]


@scripted
def test_what_is_not_supported_is_marked_and_the_rest_is_folded(page: Any) -> None:
    ask(page, "unsupported")
    page.locator(ANSWERED).wait_for()
    doubted = page.locator(CITATION).nth(1)
    assert doubted.inner_text() == "[2?]"
    assert doubted.get_attribute("title") == "not borne out by the source"
    assert page.locator("[data-testid=source-3]").is_hidden()
    page.locator("[data-testid=also-found] summary").click()
    page.locator("[data-testid=source-3]").wait_for()


@scripted
def test_errors_are_told_safely_and_the_chat_goes_on(page: Any) -> None:
    ask(page, "fail")
    page.get_by_text("Set a smaller max_model_len").wait_for()
    ask(page, "crash")
    page.get_by_text("Something went wrong").wait_for()
    assert "secret" not in page.inner_text("body")
    ask(page, FAULT_QUESTION)
    page.locator(ANSWERED).wait_for()


@scripted
def test_follow_ups_know_what_was_said(page: Any) -> None:
    ask(page, "stopped?")
    page.get_by_text(re.compile(r"stopped=\d")).wait_for()
    ask(page, FAULT_QUESTION)
    page.locator(CITATION).wait_for()
    ask(page, "history")
    page.get_by_text(f"user={FAULT_QUESTION}").wait_for()
    told = page.locator(".message-content").last.inner_text()
    assert re.match(r"user=stopped\? / assistant=stopped=\d / user=What", told)
    assert "[1]" in told and "/view/" not in told


@scripted
def test_questions_are_shown_as_typed(page: Any) -> None:
    ask(page, "note:important *x* <b>")
    page.get_by_text("note:important *x* <b>").first.wait_for()
    page.locator(ANSWERED).wait_for()


@scripted
def test_starters_and_words_are_in_the_readers_language(browser: Any, address: str) -> None:
    for page in open_page(browser, address, locale="zh-CN", viewport=PHONE, color_scheme="dark"):
        page.get_by_role("button", name="国内出差每天的餐饮补助").click()
        page.locator(ANSWERED).wait_for()
        assert page.locator(ANSWERED).get_attribute("aria-label") == "来源"
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.locator(CITATION).first.click()
        viewer = page.frame_locator("[data-testid=viewer-frame]")
        assert "95元" in viewer.locator("mark#cite").inner_text()
        assert viewer.locator("html").get_attribute("data-theme") == "dark"
        page.locator("[data-testid=close-viewer]").click()
        page.locator("#fn-panel").wait_for(state="hidden")


@scripted
def test_the_viewer_works_without_javascript(browser: Any, address: str) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/view/4?start=100&end=260#cite")
    sync_api.expect(page.locator("mark#cite")).to_be_in_viewport()
    context.close()


@scripted
def test_documents_and_answers_run_nothing_and_load_nothing(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stopped: list[str] = []
    for address in serve(tmp_path_factory, "--hostile"):
        for page in open_page(browser, address):  # fails on any request to another host
            page.on("requestfailed", lambda request: stopped.append(request.url))
            ask(page, "hostile")
            page.locator(ANSWERED).wait_for()
            content = page.locator(".message-content").last
            for payload in PAYLOADS:
                shown = " ".join(payload.split())
                assert shown in " ".join(content.inner_text().split())
            links = content.locator("a").evaluate_all("all => all.map(one => one.href)")
            assert all(link.startswith(f"{address}/view/") for link in links)
            assert content.locator("img, svg, iframe, object, script, style").count() == 0
            page.locator("[data-testid=source-1]").click()
            viewer = page.frame_locator("[data-testid=viewer-frame]")
            assert viewer.locator("h1").inner_text() == HOSTILE_TITLE
            assert PAYLOADS[1] in viewer.locator("body").inner_text()
            assert [frame.evaluate("window.__pwned") for frame in page.frames] == [None] * 2
            assert stopped == []  # there was nothing for the policy to stop


def test_the_page_cannot_reach_other_hosts(page: Any) -> None:
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (e) => resolve(e.blockedURI));
            document.body.append(Object.assign(new Image(), {src: "https://outside.example/x"}));
        })"""
    )
    assert blocked.startswith("https://outside.example")

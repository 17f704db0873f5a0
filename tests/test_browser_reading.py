"""Reading an answer in a real browser: markers and their card, the panel, copying, the viewer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser_page import (
    ANSWERED,
    CITATION,
    PHONE,
    address,
    ask,
    browser,
    needs_browser,
    open_page,
    page,
    scripted,
    serve,
    sync_api,
)
from page_service import CITE, FAULT_QUESTION, FAULT_QUOTE, PAYLOADS

pytestmark = [*needs_browser, scripted]

CARD = "#fn-card:visible"
PANEL = "#fn-panel:visible"
VIEWER = "[data-testid=viewer-frame]"
ROW = "| Nordics | Q2 | 53 |"
expect = sync_api.expect


def answered(page: Any, question: str) -> Any:
    """Ask, wait for the whole answer, and return its markers."""
    ask(page, question)
    page.locator(ANSWERED).wait_for()
    page.locator("#chat-submit").wait_for()
    return page.locator(CITATION)


def marked_ranges(page: Any, name: str) -> list[str]:
    return page.evaluate(
        "name => [...(CSS.highlights.get(name) ?? [])].map(range => range.toString())", name
    )


def test_a_card_shows_the_quote_and_its_place(page: Any) -> None:
    marker = answered(page, f"{CITE}A password has at least 14 characters").first
    marker.hover()
    card = page.locator(CARD)
    expect(card.locator("blockquote")).to_have_text("A password has at least 14 characters")
    expect(card).to_contain_text("IT Security Guide")
    expect(card).to_contain_text("Accounts and passwords")
    assert marker.get_attribute("aria-describedby") == card.get_attribute("id")
    assert marked_ranges(page, "fn-statement") == ["A password has at least 14 characters"]
    page.mouse.move(5, 5)
    card.wait_for(state="hidden")
    assert marked_ranges(page, "fn-statement") == []


def test_a_card_can_be_entered_and_escaped_from(page: Any) -> None:
    answered(page, FAULT_QUESTION).first.hover()
    card = page.locator(CARD)
    card.locator("dd").first.hover()
    expect(card).to_contain_text("Page 5 · 4 Messages and faults")
    page.keyboard.press("Escape")
    card.wait_for(state="hidden")


def test_a_row_of_a_sheet_is_shown_cell_by_cell_and_in_its_table(page: Any) -> None:
    marker = answered(page, f"{CITE}{ROW}").first
    marker.hover()
    card = page.locator(CARD)
    expect(card.locator("dd").nth(2)).to_have_text("53")
    expect(card).to_contain_text("Quarterly sales · Row 3")
    marker.click()
    viewer = page.frame_locator(VIEWER)
    row = viewer.locator("tr.cited")
    expect(row.locator("mark").first).to_be_in_viewport()
    assert row.locator("th").inner_text() == "3"
    assert row.locator("mark").all_inner_texts() == ["Nordics", "Q2", "53"]
    expect(viewer.locator("thead th", has_text="Units sold").first).to_be_in_viewport()


@pytest.mark.parametrize(
    ("quote", "place", "around"),
    [
        ("Extra hours are recorded in the time system TallyBoard", "1 Working time", "h2, h3"),
        ("Distributors in 23 countries", "Slide 2", ".label"),
        ("gain_db: 4.5", "$.camera", "dl.record"),
    ],
)
def test_other_documents_show_the_passage_in_context(
    page: Any, quote: str, place: str, around: str
) -> None:
    answered(page, f"{CITE}{quote}").first.click()
    viewer = page.frame_locator(VIEWER)
    expect(viewer.locator("mark").first).to_be_in_viewport()
    marked = "".join(viewer.locator("mark").all_inner_texts())
    assert "".join(marked.split()) == "".join(quote.split())
    expect(viewer.locator("header")).to_contain_text(place)
    assert viewer.locator(around).count() > 1


def test_what_is_not_borne_out_is_underlined_and_says_why(page: Any) -> None:
    markers = answered(page, "unsupported")
    assert markers.all_inner_texts() == ["[1]", "[2?]", "[?]"]
    doubted = ["Pigs can fly", "Nobody has ever seen one."]
    assert [text.strip() for text in marked_ranges(page, "fn-doubted")] == doubted
    expect(page.locator("[data-testid=checked]")).to_contain_text("2 of 3 statements")
    markers.nth(1).hover()
    expect(page.locator(f"{CARD} .fn-card-doubt")).to_have_text("not borne out by the source")
    page.mouse.move(5, 5)
    page.locator(CARD).wait_for(state="hidden")
    markers.nth(2).hover()
    expect(page.locator(CARD)).to_have_text("nothing that was read bears this statement out")
    markers.nth(1).click()
    note = page.frame_locator(VIEWER).locator(".note")
    expect(note).to_contain_text("does not bear the statement out")
    expect(note).to_be_in_viewport()
    page.locator("[data-testid=next-citation]").click()
    expect(page.frame_locator(VIEWER).locator("h1")).to_have_text("No source")


def test_the_panel_steps_through_the_citations(page: Any) -> None:
    markers = answered(page, "unsupported")
    markers.first.click()
    viewer, bar = page.frame_locator(VIEWER), page.locator(".fn-bar")
    expect(bar).to_contain_text("1 of 3")
    expect(page.locator("[data-testid=previous-citation]")).to_be_disabled()
    first = viewer.locator("h1").inner_text()
    page.locator("[data-testid=next-citation]").click()
    expect(bar).to_contain_text("2 of 3")
    expect(viewer.locator("h1")).not_to_have_text(first)
    assert markers.nth(1).get_attribute("aria-current") == "true"
    page.locator("[data-testid=previous-citation]").click()
    expect(viewer.locator("h1")).to_have_text(first)
    page.locator("[data-testid=close-viewer]").click()
    expect(markers.first).to_be_focused()
    assert page.locator("[aria-current=true]").count() == 0


def test_by_keyboard_alone(page: Any) -> None:
    marker = answered(page, FAULT_QUESTION).first
    page.locator("#chat-input").focus()
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if marker.evaluate("link => link === document.activeElement"):
            break
    expect(page.locator(CARD)).to_contain_text("Lamp over 85 degrees Celsius")
    page.keyboard.press("Enter")
    viewer = page.frame_locator(VIEWER)
    viewer.locator("#cite rect").first.wait_for()
    page.wait_for_function("document.activeElement.tagName === 'IFRAME'")
    page.keyboard.press("ArrowRight")
    viewer.get_by_text("Page 6 of 7").wait_for()
    page.keyboard.press("ArrowLeft")
    viewer.get_by_text("Page 5 of 7").wait_for()
    page.locator("#fn-panel:not(.fn-loading)").wait_for()
    page.keyboard.press("Escape")
    page.locator(PANEL).wait_for(state="hidden")
    expect(marker).to_be_focused()


def test_a_middle_click_opens_a_tab_that_works_alone(page: Any) -> None:
    marker = answered(page, FAULT_QUESTION).first
    with page.context.expect_page() as opened:
        marker.click(button="middle")
    tab = opened.value
    tab.locator("#cite rect").first.wait_for()
    assert page.locator(PANEL).count() == 0
    tab.keyboard.press("ArrowRight")
    tab.get_by_text("Page 6 of 7").wait_for()
    tab.get_by_role("link", name="Cited page").click()
    tab.get_by_role("link", name="Larger").click()
    tab.locator("main.large #cite rect").first.wait_for()
    tab.keyboard.press("ArrowRight")  # moves over the large page
    tab.get_by_role("link", name="Fit to width").click()
    tab.get_by_text("Page 5 of 7").wait_for()
    original = tab.get_by_role("link", name="Open the original file").get_attribute("href")
    assert re.fullmatch(r"/file/\d+#page=5", original or "")


def test_on_a_phone_the_panel_is_the_page(browser: Any, address: str) -> None:
    for page in open_page(browser, address, viewport=PHONE, has_touch=True, locale="zh-CN"):
        marker = answered(page, FAULT_QUESTION).first
        marker.tap()
        page.frame_locator(VIEWER).locator("#cite rect").first.wait_for()
        box = page.locator(PANEL).bounding_box()
        assert (box["x"], box["width"]) == (0, PHONE["width"])
        assert page.locator(PANEL).get_attribute("aria-modal") == "true"
        assert page.locator("#root").evaluate("root => root.inert")
        assert page.locator(CARD).count() == 0  # a finger does not hover
        inside = page.frames[-1].evaluate("document.documentElement.scrollWidth")
        assert inside <= PHONE["width"]
        page.get_by_role("button", name="关闭").click()
        page.locator(PANEL).wait_for(state="hidden")
        assert not page.locator("#root").evaluate("root => root.inert")


def test_the_panel_follows_the_theme(browser: Any, address: str) -> None:
    for page in open_page(browser, address, color_scheme="dark"):
        answered(page, FAULT_QUESTION).first.click()
        html = page.frame_locator(VIEWER).locator("html")
        expect(html).to_have_attribute("data-theme", "dark")
        page.evaluate("document.documentElement.classList.remove('dark')")
        expect(html).to_have_attribute("data-theme", "light")


def test_an_answer_is_copied_with_its_citations(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answered(page, FAULT_QUESTION)
    button = page.locator("[data-testid=copy-answer]")
    button.click()
    expect(button).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{FAULT_QUOTE}[1]") and "/view/" not in copied
    place = "- [1] Lantern X200 User Manual, Page 5, 4 Messages and faults: “E12 · Lamp over"
    assert f"**Sources**\n\n{place}" in copied
    assert page.locator(".message-content ~ div .lucide-copy:visible").count() == 0


def test_without_the_clipboard_a_selection_is_copied(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answered(page, FAULT_QUESTION)
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no TLS')); }"
    )
    page.locator("[data-testid=copy-answer]").click()
    expect(page.locator("[data-testid=copy-answer]")).to_have_text("Copied")
    assert FAULT_QUOTE in page.evaluate("navigator.clipboard.readText()")


def test_a_card_tells_what_is_gone_or_out_of_reach(page: Any) -> None:
    markers = answered(page, "unsupported")
    page.route("**/api/passage/**", lambda route: route.fulfill(status=404, body="{}"))
    markers.first.hover()
    expect(page.locator(CARD)).to_have_text("This document is no longer in the index")
    page.mouse.move(5, 5)
    page.locator(CARD).wait_for(state="hidden")
    page.route("**/api/passage/**", lambda route: route.abort())
    markers.nth(1).hover()
    expect(page.locator(CARD)).to_contain_text("cannot be read")
    page.mouse.move(5, 5)
    page.locator(CARD).wait_for(state="hidden")
    page.unroute("**/api/passage/**")
    markers.nth(1).hover()  # the network is back
    expect(page.locator(CARD).locator("blockquote")).to_be_visible()


def test_a_card_runs_nothing(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    for address in serve(tmp_path_factory, "--hostile"):
        for page in open_page(browser, address):
            answered(page, "hostile").last.hover()
            expect(page.locator(CARD)).to_contain_text(PAYLOADS[0])
            assert page.locator(CARD).locator("script, img, svg, iframe").count() == 0
            assert page.evaluate("window.__pwned") is None

"""Make the pictures of the chat page in docs/pictures, in headless Chromium.

Usage: python -m scripts.screenshots [NAME...]         # all of them without a name
       python -m scripts.screenshots --at URL NAME...   # of a page that runs already

The page is the real one over data/, the language model scripted (bench/scripted_chat.py). Pictures
are made small: a palette in place of all colours.
"""

from __future__ import annotations

import argparse
import io
import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from bench.chat_server import ROOT, ChatServer, serving, wait_until_read
from rag.accounts import Accounts

PICTURES = ROOT / "docs" / "pictures"
MAX_BYTES = 120_000
COLOURS = (256, 128, 64, 32)  # fewer until a picture is small enough
PATIENCE_MS = 180_000
GLIDE_MS = 700  # for what still moves when it is there
FAULT = "What does fault code E12 on the X200 control panel mean?"
BACKUPS = "How long are backup copies kept?"
BUDGET = "What is the 2026 budget of the Field service department?"
MEALS = "国内出差每天的餐饮补助是多少？"
SEARCHED = "how long the lamp must cool down"
ANSWERED = "[data-testid=sources]:not([data-state=found])"
CITATION = '.message-content a[href^="/view/"]:not(.fn-source)'

Page = Any


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: what is done before it is taken, and in which kind of browser."""

    act: Callable[[Page], None]
    kind: str = "desktop"


def start(page: Page) -> None:
    """An empty page."""
    page.keyboard.press("Escape")
    if page.locator("[data-step-type=user_message]").count():
        page.locator("#new-chat-button").click()
    page.locator("#starters button:not([disabled])").first.wait_for()


def answer(page: Page, question: str) -> None:
    """The answered question with nothing open over it."""
    asked = page.locator("[data-step-type=user_message]").get_by_text(question, exact=True)
    if not asked.count():
        start(page)
        page.fill("#chat-input", question)
        page.click("#chat-submit")
        page.locator(ANSWERED).wait_for()
        page.locator("#chat-submit").wait_for()
    page.keyboard.press("Escape")
    page.mouse.move(5, 400)


def card(page: Page) -> None:
    answer(page, FAULT)
    page.locator(CITATION).nth(1).hover()
    page.locator("#fn-card").wait_for()


def pdf_panel(page: Page) -> None:
    answer(page, FAULT)
    page.locator(CITATION).first.click()
    viewer = page.frame_locator("[data-testid=viewer-frame]")
    viewer.locator("#cite rect").first.wait_for()
    viewer.locator("svg.sheet image").evaluate("picture => picture.decode()")
    page.mouse.move(5, 400)


def trace(page: Page) -> None:
    answer(page, FAULT)
    page.locator("[data-testid=trace] summary").click()
    page.mouse.move(760, 400)
    page.mouse.wheel(0, 5000)


def sheet_panel(page: Page) -> None:
    answer(page, BUDGET)
    page.locator(CITATION).first.click()
    page.frame_locator("[data-testid=viewer-frame]").locator("#cite").first.wait_for()
    page.mouse.move(5, 400)


def doubt(page: Page) -> None:
    answer(page, BACKUPS)
    page.locator(f'{CITATION}[href*="doubt"]').first.hover()
    page.locator("#fn-card").wait_for()


def search(page: Page) -> None:
    start(page)
    page.locator("#mode-picker-trigger-task").click()
    page.locator("#mode-picker-popover-task").get_by_text("Search", exact=True).click()
    page.fill("#chat-input", SEARCHED)
    page.click("#chat-submit")
    page.locator("[data-testid=result-1]").wait_for()


def library(page: Page) -> None:
    start(page)
    page.get_by_test_id("open-library").click()
    page.get_by_test_id("tab-documents").click()
    page.get_by_test_id("library-document").first.wait_for()


def failures(page: Page) -> None:
    library(page)
    page.get_by_test_id("tab-failures").click()
    page.locator(".fl-failed").first.wait_for()


def sign_in(page: Page) -> None:
    page.locator("#email").wait_for()


KINDS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"},
    "phone": {
        "viewport": {"width": 390, "height": 844}, "locale": "zh-CN", "color_scheme": "dark",
    },
    "sign-in": {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"},
}  # fmt: skip
SHOTS: dict[str, Shot] = {  # in this order, on one page of each kind
    "start": Shot(start),
    "answer": Shot(lambda page: answer(page, FAULT)),
    "card": Shot(card),
    "panel-pdf": Shot(pdf_panel),
    "trace": Shot(trace),
    "doubt": Shot(doubt),
    "panel-sheet": Shot(sheet_panel),
    "library": Shot(library),
    "library-failed": Shot(failures),
    "search": Shot(search),
    "phone-start": Shot(start, "phone"),
    "phone": Shot(lambda page: answer(page, MEALS), "phone"),
    "sign-in": Shot(sign_in, "sign-in"),
}


def prepare(folder: Path, *, signs_in: bool) -> dict[str, str]:
    """A copy of data/ with a file that is broken, and who may sign in; the settings for it."""
    docs = folder / "data"
    if not docs.exists():
        shutil.copytree(ROOT / "data", docs)
        manual = (docs / "products" / "x200-user-manual.pdf").read_bytes()
        (docs / "products" / "c50-user-manual.pdf").write_bytes(manual[:2000])
    if not signs_in:
        return {}
    accounts = folder / "accounts.sqlite"
    with closing(Accounts(accounts)) as opened:
        opened.add("anna", secrets.token_hex(16), (), admin=False)  # who never comes
    return {"FOOTNOTE_SIGN_IN": "password", "FOOTNOTE_ACCOUNTS": str(accounts)}


def take(browser: Any, url: str, kind: str, names: list[str]) -> None:
    """Pictures of one page; what its console says is said here."""
    context = browser.new_context(**KINDS[kind])
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", lambda message: print(f"console: {message.type}: {message.text}"))
    page.on("pageerror", lambda error: print(f"error: {error}"))
    page.goto(url)
    for name in names:
        SHOTS[name].act(page)
        page.wait_for_timeout(GLIDE_MS)
        path = PICTURES / f"{name}.png"
        path.write_bytes(small(page.screenshot()))
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB", flush=True)
    context.close()


def small(png: bytes) -> bytes:
    """The picture with as many colours as fit into MAX_BYTES."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        packed = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
        if packed.tell() <= MAX_BYTES:
            break
    return packed.getvalue()


def main() -> None:
    """Take the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(SHOTS)}")
    parser.add_argument("--at", metavar="URL", help="a page that runs, with the real model, say")
    given = parser.parse_args()
    names = [name for name in SHOTS if not given.names or name in given.names]
    if unknown := [name for name in given.names if name not in SHOTS]:
        parser.error(f"there is no picture {unknown[0]!r}; there are: {', '.join(SHOTS)}")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for signs_in, kinds in ((False, ("desktop", "phone")), (True, ("sign-in",))):
            wanted = {k: [n for n in names if SHOTS[n].kind == k] for k in kinds}
            if not any(wanted.values()):
                continue
            settings = prepare(Path(folder), signs_in=signs_in)
            started = serving(Path(folder), settings=settings)
            with nullcontext(ChatServer(given.at)) if given.at else started as server:
                if not signs_in:
                    wait_until_read(server.url)
                for kind, chosen in wanted.items():
                    if chosen:
                        take(browser, server.url, kind, chosen)
        browser.close()


if __name__ == "__main__":
    main()

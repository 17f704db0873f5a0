"""What tests of the page in a real browser share: the scripted page's address, the browser, a page.

A test module imports the fixtures by name, and takes `pytestmark = needs_browser`.
FOOTNOTE_PAGE_URL names a page that already runs (with the real service, say): then only the tests
that do not need the script are run, against that page.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from page_service import REPOSITORY
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium"),
]
sync_api = pytest.importorskip("playwright.sync_api")

RUNNING = os.environ.get("FOOTNOTE_PAGE_URL", "").rstrip("/")
scripted = pytest.mark.skipif(bool(RUNNING), reason="needs the scripted service")
WAIT_MS = 120_000 if RUNNING else 30_000
SOURCES = "[data-testid=sources]"
ANSWERED = f"{SOURCES}:not([data-state=found])"
CITATION = '.message-content a[href^="/view/"]:not(.fn-source)'
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if RUNNING:
        yield RUNNING
        return
    yield from serve(tmp_path_factory)


def serve(tmp_path_factory: pytest.TempPathFactory, *options: str) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("elsewhere")  # the page must work from any folder
    script = str(REPOSITORY / "tests" / "page_service.py")
    command = [sys.executable, script, "--port", "0", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait(20)
    assert list(folder.iterdir()) == []  # nothing was written where it was started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    yield from open_page(browser, address)


def open_page(browser: Any, address: str, *, before: str = "", **options: Any) -> Iterator[Any]:
    """A fresh page, ready for a question, that fails on any request to another host.

    `before` is a script that runs before those of the page.
    """
    context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-US"} | options)
    if before:
        context.add_init_script(before)
    context.set_default_timeout(WAIT_MS)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on(  # what the policy stops never leaves the browser
        "requestfailed", lambda request: request.failure == "csp" and asked.remove(request.url)
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(address)
    page.locator("#starters button:not([disabled])").first.wait_for()
    yield page
    context.close()
    outside = [url for url in asked if url_host(url) not in (url_host(address), "")]
    assert len(asked) > 5 and outside == []
    assert errors == []


def url_host(url: str) -> str:
    return urlsplit(url).netloc if not url.startswith(("data:", "blob:")) else ""


def ask(page: Any, question: str) -> None:
    page.locator("#chat-submit").wait_for()  # it is the stop button while an answer runs
    page.fill("#chat-input", question)
    page.click("#chat-submit")


def highlighted(png: bytes) -> int:
    """How many pixels have the highlight's colour."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)  # (H, W, 3)
    return int((abs(pixels - (255, 216, 77)) < 12).all(axis=2).sum())

"""Chainlit inside our own application: its folder, its page without outside links, its stop.

Everything that leans on Chainlit's inner workings stands here; its version is pinned.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import logging
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from rag.access import Caller
from rag.chat.data_layer import Forget, data_layer
from rag.chat.store import Store
from rag.errors import FootnoteError

APP_FOLDER = Path(__file__).resolve().parent.parent  # holds app.py, public/ and .chainlit/
ROOT_VARIABLE = "CHAINLIT_APP_ROOT"
_OUTSIDE = re.compile(r"\s*<(?:link|meta|script)\b[^>]*[\"'](?:https?:)?//[^>]*>(?:\s*</script>)?")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

# Chainlit's own texts that need another wording here, by language and path.
_ERRORS = ("auth", "login", "errors")
_DELETE, _RENAME = (("threadHistory", "thread", "actions", one) for one in ("delete", "rename"))
TRANSLATIONS = {
    "en-US": {
        ("chat", "input", "placeholder"): "Ask about your documents …",
        ("chat", "watermark"): "Answers are written by a model. Check the footnotes.",
        ("auth", "login", "title"): "Sign in to Footnote",
        ("auth", "login", "form", "email", "label"): "Name",
        ("auth", "login", "form", "email", "placeholder"): "",
        ("auth", "login", "form", "email", "required"): "Give your name.",
        (*_ERRORS, "unauthorized"): "Name or password is not right.",
        (*_ERRORS, "too many requests"): "Too many tries. Wait a little, then try again.",
        ("threadHistory", "sidebar", "empty"): "No conversations yet",
        (*_DELETE, "description"): "This deletes the conversation, its sources and the files that "
        "were added to it alone. It cannot be undone.",
        (*_RENAME, "title"): "Rename the conversation",
        (*_RENAME, "description"): "Give it a new name",
        (*_RENAME, "inProgress"): "Renaming …",
        (*_RENAME, "success"): "Renamed.",
    },
    "zh-CN": {
        ("chat", "input", "placeholder"): "就您的文档提问……",
        ("chat", "watermark"): "回答由模型写成，请核对脚注。",
        ("auth", "login", "title"): "登录 Footnote",
        ("auth", "login", "form", "email", "label"): "用户名",
        ("auth", "login", "form", "email", "placeholder"): "",
        ("auth", "login", "form", "email", "required"): "请输入用户名。",
        (*_ERRORS, "unauthorized"): "用户名或密码不正确。",
        (*_ERRORS, "too many requests"): "尝试次数过多，请稍后再试。",
        ("threadHistory", "sidebar", "empty"): "还没有对话",
        (*_DELETE, "description"): "将删除这段对话、它的来源和只属于它的文件，无法撤销。",
        (*_RENAME, "title"): "重命名对话",
        (*_RENAME, "description"): "请输入新名称",
        (*_RENAME, "inProgress"): "正在重命名……",
        (*_RENAME, "success"): "已重命名。",
    },
}


# In the page's header, where conversations are kept.
CONVERSATIONS_LINK = """
[[UI.header_links]]
name = "Conversations"
icon_url = "/public/conversations.svg"
url = "/conversations"
target = "_self"
"""


# The sign-in form alone, without the page's icon as large as the window beside it.
PLAIN_FORM = """
.grid.min-h-svh { grid-template-columns: 1fr; }
.grid.min-h-svh > .bg-muted { display: none; }
"""
NO_USER_MENU = "\n#user-nav-button { display: none; }\n"  # there is nothing to sign out from


def prepare_folder(*, keeps_conversations: bool = False, signs_out: bool = False) -> Path:
    """Give Chainlit a folder of its own to write to; call before anything imports it.

    It reads its configuration from there, and writes translations and files beside it.
    """
    folder = Path(tempfile.mkdtemp(prefix="footnote-page-"))
    shutil.copytree(APP_FOLDER / "public", folder / "public")
    with (folder / "public" / "footnote.css").open("a", encoding="utf-8") as style:
        style.write(PLAIN_FORM if signs_out else NO_USER_MENU)
    (folder / ".chainlit" / "translations").mkdir(parents=True)
    config = (APP_FOLDER / ".chainlit" / "config.toml").read_text("utf-8")
    if keeps_conversations:
        config += CONVERSATIONS_LINK
    (folder / ".chainlit" / "config.toml").write_text(config, "utf-8")
    (folder / "chainlit.md").touch()  # left out, Chainlit writes a greeting of its own
    for language in TRANSLATIONS:
        text = json.dumps(translation(language), ensure_ascii=False)
        path = folder / ".chainlit" / "translations" / f"{language}.json"
        path.write_text(text, encoding="utf-8")
    os.environ[ROOT_VARIABLE] = str(folder)
    return folder


def translation(language: str) -> dict[str, Any]:
    """Chainlit's texts in a language, with ours in their places."""
    spec = importlib.util.find_spec("chainlit")
    if spec is None or not spec.submodule_search_locations:
        raise FootnoteError("Chainlit is not installed. Run `make setup`.")
    path = Path(spec.submodule_search_locations[0]) / "translations" / f"{language}.json"
    texts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for (*parents, key), text in TRANSLATIONS[language].items():
        place = texts
        for parent in parents:
            place = place[parent]
        place[key] = text
    return texts


def let_in(store: Store | None, forget: Forget, *, with_form: bool) -> Any:
    """Make Chainlit believe the door's cookies, and keep conversations in the store, if any.

    Returns what it writes them with, to be closed before the store. `with_form` shows its sign-in
    form, whose answers rag/sign_in.py takes. `forget` is called with a person's name and the
    conversation that they have deleted. Call after `prepare_folder` and before `mount`.
    """
    os.environ["CHAINLIT_CUSTOM_AUTH"] = "true"
    os.environ["CHAINLIT_AUTH_SECRET"] = secrets.token_hex(32)  # for this process alone
    from chainlit.config import config

    if with_form:
        config.code.password_auth_callback = _refuse
    if store is None:
        return None
    layer = data_layer(store, forget)
    config.code.data_layer = lambda: layer
    return layer


async def _refuse(name: str, password: str) -> None:
    """Nobody signs in here: the door's own /login stands before Chainlit's."""


def token_of(caller: Caller) -> str:
    """The cookie by which Chainlit knows the caller."""
    from chainlit.auth import create_jwt
    from chainlit.user import User

    token: str = create_jwt(User(identifier=caller.name, display_name=caller.name))
    return token


def mount(app: FastAPI) -> str:
    """Put the chat page at `/`, behind the routes that `app` has; return the page's policy."""
    from chainlit.utils import mount_chainlit

    mount_chainlit(app, str(APP_FOLDER / "app.py"), path="/")
    logging.getLogger("chainlit").setLevel(logging.ERROR)  # it warns of each untranslated readme
    return keep_page_inside()


def keep_page_inside() -> str:
    """Make Chainlit serve a page that loads nothing from outside, and return its policy."""
    import chainlit.server

    page = with_library(without_outside(chainlit.server.get_html_template("")))
    chainlit.server.get_html_template = lambda root_path: page
    return content_policy(page)


def without_outside(html: str) -> str:
    """The page without its links to other hosts (fonts, KaTeX, preview pictures)."""
    return _OUTSIDE.sub("", html)


def with_library(html: str) -> str:
    """The page with the library's own script and looks: Chainlit's settings name one file each.

    Scripts of modules run in the order of the page, and Chainlit's tells the window which
    conversation is open as soon as it is connected: before it, so that the library is there to
    hear. The looks come last, after those that they change.
    """
    script = '<script type="module" src="/public/library.js"></script>'
    looks = '<link rel="stylesheet" href="/public/library.css">'
    return html.replace("<head>", f"<head>{script}", 1).replace("</head>", f"{looks}</head>", 1)


def content_policy(html: str) -> str:
    """A Content-Security-Policy under which the page loads from its own server alone.

    Custom elements are compiled in the browser, hence 'unsafe-eval'.
    """
    digests = [hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(html)]
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'self'; script-src 'self' 'unsafe-eval' {hashes};"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:;"
        " connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; object-src 'none';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )

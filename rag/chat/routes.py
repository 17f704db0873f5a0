"""The caller's conversations over HTTP: a list to take them along from, exports, and feedback."""

from __future__ import annotations

import re
from html import escape
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from rag.access import current_caller
from rag.chat.export import as_json, as_markdown
from rag.chat.store import Store, Thread, moment
from rag.viewer import reader_language
from rag.viewer_style import PAGE_POLICY, STYLE

MAX_COMMENT_CHARACTERS = 4000
WORDS = {
    "en": {
        "title": "Your conversations",
        "lead": "Take one along with its footnotes, or all of them. To rename or delete one, use "
        "the list beside the chat.",
        "all": "All as JSON",
        "none": "There are none yet.",
        "back": "← Back to the chat",
        "untitled": "Untitled",
    },
    "zh": {
        "title": "您的对话",
        "lead": "可以带脚注导出其中一个，或导出全部。改名或删除请用聊天页旁边的列表。",
        "all": "全部导出为 JSON",
        "none": "还没有对话。",
        "back": "← 返回聊天",
        "untitled": "未命名",
    },
}


class Given(BaseModel):
    """Feedback as the chat page sends it; more fields come with it."""

    forId: str = Field(max_length=100)
    value: Literal[0, 1]
    comment: str | None = Field(None, max_length=MAX_COMMENT_CHARACTERS)


class FeedbackBody(BaseModel):
    feedback: Given


class FeedbackName(BaseModel):
    feedbackId: str = Field(max_length=100)


def conversations_router(store: Store) -> APIRouter:
    """Everyone sees their own alone; what is another's is a 404, like what is not there.

    The chat page's own routes for feedback do not look whose it is: these stand before them.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/conversations")
    def page(request: Request) -> Response:
        html = _page(store.threads(_caller_name()), reader_language(request))
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "private, no-store"}
        return HTMLResponse(html, headers=headers)

    @router.get("/conversations.json")
    def everything() -> Response:
        owner = _caller_name()
        found = [as_json(store.conversation(owner, one.id)) for one in store.threads(owner)]
        return _download(JSONResponse({"conversations": found}), "conversations", "json")

    @router.get("/conversations/{thread}.{form}")
    def export(request: Request, thread: str, form: Literal["md", "json"]) -> Response:
        try:
            found = store.conversation(_caller_name(), thread)
        except KeyError:
            return _no_such("conversation")
        if form == "json":
            return _download(JSONResponse(as_json(found)), found.thread.name, form)
        text = as_markdown(found, reader_language(request))
        body = text.encode("utf-8", "replace")
        response = Response(body, media_type="text/markdown; charset=utf-8")
        return _download(response, found.thread.name, form)

    @router.put("/feedback")
    def give(body: FeedbackBody) -> Response:
        given = body.feedback
        try:
            made = store.put_feedback(_caller_name(), given.forId, given.value, given.comment or "")
        except KeyError:
            return _no_such("message")
        return JSONResponse({"success": True, "feedbackId": made})

    @router.delete("/feedback")
    def withdraw(body: FeedbackName) -> Response:
        if not store.delete_feedback(_caller_name(), body.feedbackId):
            return _no_such("feedback")
        return JSONResponse({"success": True})

    return router


def _caller_name() -> str:
    caller = current_caller.get()
    return caller.name if caller else ""


def _no_such(what: str) -> Response:
    return JSONResponse({"detail": f"There is no such {what}."}, 404)


def _download(response: Response, name: str, suffix: str) -> Response:
    """Saved under a name that every system takes."""
    plain = re.sub(r"[^\w.-]+", "-", name)[:60].strip("-.") or "conversation"
    file_name = quote(f"{plain}.{suffix}".encode("utf-8", "replace"))
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{file_name}"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _page(threads: list[Thread], language: str) -> str:
    words = WORDS[language]
    rows = "".join(_row(one, words) for one in threads)
    every = f'<nav><a href="/conversations.json">{words["all"]}</a></nav>' if threads else ""
    body = rows or f"<p>{words['none']}</p>"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{words['title']}</title><style>{STYLE}</style></head><body>"
        f'<header><h1>{words["title"]}</h1><nav><a href="/">{words["back"]}</a></nav></header>'
        f'<main><p class="note">{words["lead"]}</p>{every}{body}</main></body></html>'
    )


def _row(thread: Thread, words: dict[str, Any]) -> str:
    address = f"/conversations/{quote(thread.id, safe='')}"
    name = escape(thread.name or words["untitled"])
    return (
        f'<h2>{moment(thread.changed)[:10]}</h2><a href="/thread/{quote(thread.id, safe="")}">'
        f'{name}</a><nav><a href="{address}.md">Markdown</a><a href="{address}.json">JSON</a></nav>'
    )

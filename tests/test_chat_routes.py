from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from test_app import citation
from test_chat_kept import answered, said

from rag.access import Caller
from rag.chat.routes import conversations_router
from rag.chat.store import Store
from rag.identity import Fixed
from rag.sign_in import Door


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "c.sqlite")
    opened.put_step("anna", "t1", said("What <colour>?"))
    opened.put_thread("anna", "t1", "What <colour>?")
    opened.put_step("anna", "t1", answered(citation()))
    yield opened
    opened.close()


def client_of(store: Store, name: str) -> TestClient:
    app = FastAPI()
    app.include_router(conversations_router(store))
    app.add_middleware(Door, identity=Fixed(Caller(name)))
    return TestClient(app)


def test_a_list_to_take_conversations_along_from(store: Store) -> None:
    page = client_of(store, "anna").get("/conversations", headers={"Accept-Language": "zh-CN"})
    assert "您的对话" in page.text and "What &lt;colour&gt;?" in page.text
    assert 'href="/conversations/t1.md"' in page.text and 'href="/thread/t1"' in page.text
    assert "no-store" in page.headers["cache-control"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "There are none yet" in client_of(store, "bo").get("/conversations").text


def test_exports_are_files(store: Store) -> None:
    client = client_of(store, "anna")
    markdown = client.get("/conversations/t1.md")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    disposition = markdown.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''What-colour.md"
    assert "Blue.[^1]" in markdown.text and "[^1]: Title" in markdown.text
    assert client.get("/conversations/t1.json").json()["messages"][1]["text"] == "Blue.[1]"
    (one,) = client.get("/conversations.json").json()["conversations"]
    assert one["id"] == "t1"


@pytest.mark.parametrize("path", ["t1.md", "t1.json", "none.md", "t1.exe", "..%2Ft1.md"])
def test_anothers_conversation_is_not_there(store: Store, path: str) -> None:
    response = client_of(store, "bo").get(f"/conversations/{path}")
    assert response.status_code in (404, 422)
    assert "colour" not in response.text


def test_feedback_is_given_and_withdrawn_by_its_owner_alone(store: Store) -> None:
    anna, bo = client_of(store, "anna"), client_of(store, "bo")
    body = {"feedback": {"forId": "a", "value": 1, "comment": "good", "threadId": "t1"},
            "sessionId": "s"}  # fmt: skip
    made = anna.put("/feedback", json=body).json()["feedbackId"]
    worse = {"feedback": {"forId": "a", "value": 0, "id": made}, "sessionId": "s"}
    assert bo.put("/feedback", json=worse).status_code == 404
    assert bo.request("DELETE", "/feedback", json={"feedbackId": made}).status_code == 404
    assert store.conversation("anna", "t1").steps[1]["feedback"]["value"] == 1
    too_long = {"feedback": {"forId": "a", "value": 1, "comment": "x" * 5000}}
    assert anna.put("/feedback", content=json.dumps(too_long)).status_code == 422
    assert anna.request("DELETE", "/feedback", json={"feedbackId": made}).status_code == 200
    assert store.conversation("anna", "t1").steps[1]["feedback"] is None

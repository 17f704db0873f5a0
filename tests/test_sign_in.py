"""The door and the sign-in form, over the application without Chainlit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from page_service import ScriptedService
from starlette.websockets import WebSocket, WebSocketDisconnect
from test_accounts import CHEAP, PASSWORD

from rag import web
from rag.access import LOCAL, Access, Rule, current_caller
from rag.accounts import Accounts
from rag.chat.store import Store
from rag.identity import SESSION_COOKIE, ByPassword, Fixed, Proxies
from rag.people import People
from rag.sign_in import PAGE_COOKIE, Door, is_open
from rag.small_database import SmallDatabase
from rag.where import Where

HERE = "http://127.0.0.1:8000"
CLOSED = Rule(Where(folders=("handbook",)), frozenset({"staff"}))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> ScriptedService:
    return ScriptedService(tmp_path_factory.mktemp("service"))


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    accounts = Accounts(tmp_path / "accounts.sqlite", cost=CHEAP)
    accounts.add("anna", PASSWORD, ["staff"], admin=False)
    accounts.add("bo", PASSWORD, admin=False)
    store = Store(tmp_path / "conversations.sqlite")
    proxies = Proxies(["10.0.0.5"])
    made = People(ByPassword(accounts), Access([CLOSED]), proxies, store)
    yield made
    made.close()


@pytest.fixture
def client(service: ScriptedService, people: People) -> Iterator[TestClient]:
    app = web.create_app(service, chat=False, people=people)

    @app.get("/assets/who")
    def who(request: Request) -> dict[str, Any]:
        caller = current_caller.get()
        return {"caller": caller and caller.name, "cookies": request.cookies}

    @app.websocket("/ws/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    yield TestClient(app, base_url=HERE, follow_redirects=False)
    web.set_service(None)


def sign_in(client: TestClient, name: str = "anna", password: str = PASSWORD, **headers: str):  # type: ignore[no-untyped-def]
    return client.post("/login", data={"username": name, "password": password}, headers=headers)


def document_ids(service: ScriptedService, folder: str) -> list[int]:
    return [d.document_id for d in service.catalog.documents() if f"/{folder}/" in d.path]


def test_strangers_see_nothing_but_health(client: TestClient) -> None:
    for path in ("/view/1", "/view/1/page/1.png", "/file/1", "/api/passage/1", "/conversations",
                 "/conversations/x.md", "/api/x", "/nowhere"):  # fmt: skip
        assert client.get(path).status_code == 401, path
    page = client.get("/view/1", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 303 and page.headers["location"] == "/login"
    assert client.put("/feedback", json={}).status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/echo"):
        pass
    assert client.get("/health").status_code == 200
    assert client.get("/assets/who").json() == {"caller": None, "cookies": {}}


def test_who_signs_in_is_known_until_they_sign_out(client: TestClient) -> None:
    assert sign_in(client).json() == {"success": True}
    assert client.get("/assets/who").json()["caller"] == "anna"
    assert client.get("/view/1?start=0&end=5").status_code == 200
    token = client.cookies[SESSION_COOKIE]
    assert client.post("/logout").status_code == 200
    client.cookies.set(SESSION_COOKIE, token)  # a copy of the cookie is worth nothing
    assert client.get("/view/1").status_code == 401


def test_the_cookie_is_out_of_reach(client: TestClient) -> None:
    cookie = sign_in(client).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
    assert "path=/" in cookie and "domain" not in cookie
    app = client.app
    behind = TestClient(app, base_url=HERE, client=("10.0.0.5", 1))
    assert (
        "secure" in sign_in(behind, **{"X-Forwarded-Proto": "https"}).headers["set-cookie"].lower()
    )


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_password_is_a_401(client: TestClient, name: str, password: str) -> None:
    response = sign_in(client, name, password)
    assert response.status_code == 401 and "not right" in response.json()["detail"]
    assert "set-cookie" not in response.headers


def test_guessing_is_slowed_down(client: TestClient) -> None:
    for _ in range(3):
        assert sign_in(client, password="guess").status_code == 401
    response = sign_in(client)  # even the right one has to wait
    assert response.status_code == 429 and int(response.headers["retry-after"]) >= 1
    assert sign_in(client, "bo").status_code == 200


def test_a_disk_that_is_full_is_told_and_leaves_who_is_in_in(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client)

    def full(self: SmallDatabase) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SmallDatabase, "writing", full)
        assert sign_in(client, "bo").status_code == 503
        assert sign_in(client, "bo", **{"Accept-Language": "zh-CN"}).json()["detail"][:2] == "暂时"
        assert client.post("/logout").status_code == 503
        assert client.get("/assets/who").json()["caller"] == "anna"
    assert "disk is full" in caplog.text
    assert sign_in(client, "bo").status_code == 200


def test_nobody_comes_in_while_accounts_cannot_be_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client)

    def broken(self: SmallDatabase, sql: str, *values: object) -> None:
        raise sqlite3.OperationalError("disk I/O error in /secret/place")

    with monkeypatch.context() as patch:
        patch.setattr(SmallDatabase, "rows", broken)
        response = client.get("/view/1")
        assert response.status_code == 503 and response.headers["retry-after"] == "5"
        assert "secret" not in response.text and "/secret/place" in caplog.text
        assert client.get("/health").json() == {"status": "ok"}
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/echo"):
            pass
    assert client.get("/view/1").status_code == 200


def test_the_address_behind_a_proxy_is_the_callers(client: TestClient) -> None:
    behind = TestClient(client.app, base_url=HERE, client=("10.0.0.5", 1))
    for n in range(10):
        assert (
            sign_in(behind, f"u{n}", "x", **{"X-Forwarded-For": "203.0.113.9"}).status_code == 401
        )
    assert sign_in(behind, "v", "x", **{"X-Forwarded-For": "203.0.113.9"}).status_code == 429
    assert sign_in(behind, "v", "x", **{"X-Forwarded-For": "203.0.113.8"}).status_code == 401
    # who is no proxy cannot choose an address
    for n in range(10):
        sign_in(client, f"w{n}", "x", **{"X-Forwarded-For": f"198.51.100.{n}"})
    assert sign_in(client, "z", "x", **{"X-Forwarded-For": "198.51.100.99"}).status_code == 429


def test_other_sites_cannot_sign_anyone_in(client: TestClient) -> None:
    assert sign_in(client, Origin="https://evil.example").status_code == 403


def test_a_huge_form_is_refused(client: TestClient) -> None:
    assert sign_in(client, password="x" * 20_000).status_code == 413


def test_documents_of_others_do_not_exist(client: TestClient, service: ScriptedService) -> None:
    closed, open_ = document_ids(service, "handbook"), document_ids(service, "products")
    sign_in(client, "bo")
    missing = client.get("/view/99999", headers={"Accept-Language": "en"})
    for number in closed:
        for path in ("/view/{}", "/file/{}", "/api/passage/{}", "/view/{}/page/1.png"):
            told = client.get(path.format(number), headers={"Accept-Language": "en"})
            none = client.get(path.format(99999), headers={"Accept-Language": "en"})
            assert (told.status_code, told.content) == (404, none.content), path
    assert missing.status_code == 404
    for number in open_:
        assert client.get(f"/view/{number}").status_code == 200
        assert client.get(f"/file/{number}").status_code == 200
    client.post("/logout")
    sign_in(client, "anna")
    assert all(client.get(f"/file/{number}").status_code == 200 for number in closed)


def test_a_removed_user_is_out_at_once(client: TestClient, people: People) -> None:
    sign_in(client)
    assert web.caller_named("anna").groups == {"staff"}
    accounts = people.identity.signs_in
    assert accounts is not None
    accounts.remove("anna")
    assert client.get("/view/1").status_code == 401
    with pytest.raises(web.FootnoteError, match="sign in"):
        web.caller_named("anna")


def test_questions_are_narrowed_to_what_the_caller_may_read(client: TestClient) -> None:
    assert web.asker_named("bo").where == Where(none_of=(CLOSED.where,))
    assert not web.asker_named("anna").where
    shown = {d.path for d in web.readable_catalog(web.caller_named("bo")).documents()}
    assert shown and not any("/handbook/" in path for path in shown)


def test_the_page_believes_the_door_alone(service: ScriptedService) -> None:
    async def seen(scope: Any, receive: Any, send: Any) -> None:
        heard.append([value for name, value in scope["headers"] if name == b"cookie"])

    heard: list[list[bytes]] = []
    door = Door(seen, Fixed(LOCAL), lambda caller: f"token-of-{caller.name}")
    brought = b"a=1; access_token=forged; access_token_0=forged; b=2"
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", brought)]}
    with suppress(StopIteration):
        door(scope, None, None).send(None)  # type: ignore[arg-type]
    (cookies,) = heard[0]
    assert cookies == f"{PAGE_COOKIE}=token-of-local; a=1; b=2".encode()
    assert current_caller.get() is None


@pytest.mark.parametrize("path", ["/view/1", "/user", "/project/threads", "/ws/socket.io/", "/api",
                                  "/threads", "/logout", "/auth/header"])  # fmt: skip
def test_what_is_closed(path: str) -> None:
    assert not is_open(path)


def test_without_sign_in_everyone_is_local(service: ScriptedService, tmp_path: Path) -> None:
    people = People(Fixed(LOCAL), Access([CLOSED]), Proxies(), Store(tmp_path / "c.sqlite"))
    try:
        client = TestClient(web.create_app(service, chat=False, people=people), base_url=HERE)
        assert client.get("/conversations").status_code == 200
        assert client.get(f"/view/{document_ids(service, 'handbook')[0]}").status_code == 200
        assert client.post("/login").status_code == 404
        assert web.caller_named("local") == LOCAL and web.caller_named("local").is_admin
    finally:
        web.set_service(None)
        people.close()


def test_without_people_anyone_may_do_everything() -> None:
    web.set_service(None)
    assert web.caller_named(None) == LOCAL and not web.asker_named("x").where

"""The web application apart from Chainlit, and what guards it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from page_service import FILES, ScriptedService
from starlette.websockets import WebSocket, WebSocketDisconnect

from rag import web
from rag.access import ANONYMOUS, LOCAL, Access, Caller
from rag.errors import FootnoteError
from rag.identity import Fixed, Proxies
from rag.people import People
from rag.web_chainlit import (
    TRANSLATIONS,
    content_policy,
    prepare_folder,
    translation,
    without_outside,
)
from rag.web_guard import host_name

HERE = "http://127.0.0.1:8000"
CHAT = str(uuid.uuid4())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> ScriptedService:
    return ScriptedService(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def client(service: ScriptedService) -> Iterator[TestClient]:
    app = web.create_app(service, chat=False)

    @app.websocket("/ws/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    yield TestClient(app, base_url=HERE)
    web.set_service(None)


def test_the_service_lives_as_long_as_the_application(tmp_path: Path) -> None:
    service = ScriptedService(tmp_path)
    with TestClient(web.create_app(service, chat=False), base_url=HERE):
        assert service.started and not service.closed
        assert web.current_service() is service
    assert service.closed


def test_without_a_service_the_page_says_how_to_start_it() -> None:
    held = web._current
    web.set_service(None)
    try:
        assert not web.has_service()
        with pytest.raises(FootnoteError, match="footnote chat"):
            web.current_service()
    finally:
        web.set_service(held)


def test_health_counts_what_is_indexed(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ok" and health["state"] == "ready"
    assert health["documents"] == len(FILES)
    assert health["indexing"] is None


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_api_path_is_a_json_404(client: TestClient, method: str) -> None:
    response = client.request(method, "/api/nothing/here")
    assert response.status_code == 404 and "nothing/here" in response.json()["detail"]


def test_the_viewer_is_there(client: TestClient) -> None:
    assert client.get("/view/1?start=0&end=5").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""]
)
def test_other_host_names_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_loopback_names_are_let_in(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_starters_come_of_what_a_new_conversation_finds(
    client: TestClient, service: ScriptedService
) -> None:
    for name, kept in (("zebra.txt", False), ("heron.txt", True)):
        with service.conversations.receive(name, 4, CHAT, is_kept=kept) as coming:
            coming.write(b"text")
            coming.finish()
    web.set_service(service)
    names = {Path(one.path).name for one in web.readable_catalog(LOCAL).documents()}
    assert "heron.txt" in names and "zebra.txt" not in names
    assert len(names) == len(FILES) + 1
    for path in service.uploads.folder.rglob("*.txt"):
        path.unlink()
    service.sync_now()


def test_strangers_are_not_told_apart(service: ScriptedService) -> None:
    here = People(Fixed(LOCAL), Access(), Proxies(), None)
    strangers = People(Fixed(ANONYMOUS), Access(), Proxies(), None, is_anonymous=True)
    for people, are_told in ((None, True), (here, True), (strangers, False)):
        web.set_service(service, people)
        assert web.tells_people_apart() is are_told
    web.set_service(service)


def test_any_host_name_where_the_owner_says_so(service: ScriptedService) -> None:
    app = web.create_app(service, chat=False, allowed_hosts=())
    assert TestClient(app).get("/health", headers={"Host": "docs.example"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_other_sites_cannot_write(client: TestClient, origin: str) -> None:
    headers = {"Origin": origin}
    assert client.post("/api/x", headers=headers).status_code == 403
    assert client.get("/ws/socket.io/", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/echo", headers=headers):
        pass


def test_a_page_behind_a_proxy_is_ours(service: ScriptedService) -> None:
    people = People(Fixed(LOCAL), Access(), Proxies(), None, ("https://docs.example",))
    client = TestClient(web.create_app(service, chat=False, people=people), base_url=HERE)
    ours = {"Origin": "https://docs.example"}
    assert client.post("/api/x", headers=ours).status_code == 404
    assert client.post("/api/x", headers={**ours, "Host": "docs.example"}).status_code == 404
    assert client.post("/api/x", headers={"Origin": "http://docs.example"}).status_code == 403
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 421
    web.set_service(None)


def test_our_own_page_can(client: TestClient) -> None:
    assert client.post("/api/x", headers={"Origin": HERE}).status_code == 404
    headers = {"Origin": HERE, "Host": "127.0.0.1:8000"}
    with client.websocket_connect(f"{HERE.replace('http', 'ws')}/ws/echo", headers=headers) as ws:
        assert ws.receive()["type"] == "websocket.close"


@pytest.mark.parametrize("path", ["/mcp", "/project/file", "/copilot/index.js", "/auth/oauth/x"])
def test_chainlits_unused_doors_are_closed(client: TestClient, path: str) -> None:
    assert client.post(path, headers={"Origin": HERE}).status_code == 404


def test_every_answer_has_a_policy(client: TestClient) -> None:
    for path in ("/health", "/view/1", "/file/1", "/api/x", "/nowhere"):
        headers = client.get(path).headers
        assert "content-security-policy" in headers and headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["x-content-type-options"] == "nosniff"


def test_outside_links_go_and_ours_stay() -> None:
    html = """<link rel="preconnect" href="https://fonts.example" crossorigin />
    <link
      href='//cdn.example/x.css'
      rel="stylesheet"
    />
    <meta property="og:image" content="https://x.example/a.png">
    <script src="https://x.example/a.js"></script>
    <link rel="stylesheet" href="/assets/a.css"><script src="/assets/a.js"></script>"""
    kept = without_outside(html)
    assert "example" not in kept
    assert '<link rel="stylesheet" href="/assets/a.css"><script src="/assets/a.js">' in kept


def test_the_policy_knows_the_inline_scripts() -> None:
    policy = content_policy("<script>\nalert(1)\n</script><script src='/a.js'></script>")
    assert policy.count("sha256-") == 1
    assert "'unsafe-inline'" not in re.search(r"script-src[^;]*", policy)[0]


def test_chainlit_gets_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setenv("CHAINLIT_APP_ROOT", "")
    folder = prepare_folder()
    try:
        assert (folder / ".chainlit" / "config.toml").is_file()
        assert (folder / "public" / "elements" / "Sources.jsx").is_file()
        assert (folder / "chainlit.md").read_text() == ""
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("language", list(TRANSLATIONS))
def test_our_words_stand_in_chainlits_texts(language: str) -> None:
    texts = translation(language)
    for path, text in TRANSLATIONS[language].items():
        place = texts
        for key in path:
            place = place[key]
        assert place == text


def test_host_names() -> None:
    assert host_name("[::1]:80") == "::1"
    assert host_name("a.b:1") == "a.b"
    assert host_name("[bad") == ""


CHAT = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


def as_caller(service: ScriptedService, caller: Caller) -> TestClient:
    """The page as one person's browser gets it."""
    people = People(Fixed(caller), Access(), Proxies(), None)
    return TestClient(web.create_app(service, chat=False, people=people), base_url=HERE)


def test_what_someone_added_is_nobody_elses(tmp_path: Path) -> None:
    service = ScriptedService(tmp_path)
    anna, bo = (as_caller(service, Caller(name)) for name in ("anna", "bo"))
    place = {"name": "mine.txt", "conversation": CHAT}
    assert anna.post("/api/documents", params=place, content=b"A zebra.").status_code == 201
    (mine,) = anna.get(f"/api/conversations/{CHAT}/files").json()["files"]
    for way in (f"/view/{mine['id']}", f"/file/{mine['id']}", f"/api/passage/{mine['id']}"):
        assert (anna.get(way).status_code, bo.get(way).status_code) == (200, 404), way
    assert bo.get(f"/api/conversations/{CHAT}/files").json()["files"] == []
    assert bo.get("/api/documents", params={"q": "mine.txt"}).json()["total"] == 0
    web.set_service(None)


def test_strangers_add_nothing_and_manage_nothing(tmp_path: Path) -> None:
    stranger = as_caller(ScriptedService(tmp_path), ANONYMOUS)
    place = {"name": "mine.txt", "conversation": CHAT}
    assert stranger.post("/api/documents", params=place, content=b"A").status_code == 403
    assert stranger.post("/api/sync").status_code == 403
    assert stranger.get("/api/documents").json()["total"] == len(FILES)
    web.set_service(None)

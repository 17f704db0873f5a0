"""The library's routes, over a scripted service."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from page_service import FILES, ScriptedService
from starlette.requests import ClientDisconnect

from rag import web
from rag.errors import LibraryError
from rag.library import Asker
from rag.web_library import STATUS, library_router, refusal
from rag.where import Where

HERE = "http://127.0.0.1:8000"
CHAT = str(uuid.uuid4())
NUM_SAMPLES = len(FILES)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ScriptedService]:
    service = ScriptedService(tmp_path)
    yield service
    service.close()


@pytest.fixture
def client(service: ScriptedService) -> TestClient:
    return TestClient(web.create_app(service, chat=False), base_url=HERE)


def client_of(service: ScriptedService, asker: Asker) -> TestClient:
    """A page whose visitors are all this one."""
    app = FastAPI()

    def asker_of(request: Request) -> Asker:
        return asker

    app.include_router(library_router(service.library, service.conversations, asker_of))
    return TestClient(app, base_url=HERE)


def add(
    client: TestClient, name: str, data: bytes = b"A zebra.", **query: object
) -> tuple[int, str]:
    """The status, and the name or the reason."""
    params = {"name": name, "conversation": CHAT, **query}
    answer = client.post("/api/documents", params=params, content=data)
    told = answer.json()
    return answer.status_code, told.get("reason", told.get("name"))


def test_the_library_is_told_in_short(client: TestClient) -> None:
    told = client.get("/api/library").json()
    assert (told["documents"], told["failures"], told["left_out"]) == (NUM_SAMPLES, 1, 0)
    assert told["types"]["pdf"] == 2 and sum(told["types"].values()) == NUM_SAMPLES
    assert {"products", "人事"} <= {folder["name"].rpartition("/")[2] for folder in told["folders"]}
    assert ".pdf" in told["uploads"]["suffixes"] and ".exe" not in told["uploads"]["suffixes"]
    assert told["may_manage"] and told["last_sync"] and told["indexing"] is None


def test_documents_are_listed_by_pages(client: TestClient) -> None:
    first = client.get("/api/documents", params={"limit": 5}).json()
    rest = client.get("/api/documents", params={"limit": 5, "offset": 5}).json()
    assert first["total"] == NUM_SAMPLES
    assert [len(one["documents"]) for one in (first, rest)] == [5, NUM_SAMPLES - 5]
    (manual,) = client.get("/api/documents", params={"q": "x200"}).json()["documents"]
    assert manual["pages"] == 7 and manual["type"] == "pdf" and manual["url"].startswith("/view/")
    assert client.get(manual["url"]).status_code == 200
    for query, status in (
        ({"sort": "colour"}, 422),
        ({"type": "spell"}, 422),
        ({"q": "lemon"}, 200),
    ):
        assert client.get("/api/documents", params=query).status_code == status
    assert "name" in client.get("/api/documents", params={"sort": "colour"}).json()["detail"]


def test_what_could_not_be_read_is_told_with_its_cure(client: TestClient) -> None:
    (failed,) = client.get("/api/documents/failures").json()["failures"]
    assert (failed["name"], failed["reason"]) == ("scan.pdf", "notext")
    assert "run OCR" in failed["message"]
    assert client.post("/api/left-out", params={"path": failed["path"]}).status_code == 200
    assert client.get("/api/documents/failures").json()["failures"] == []
    assert client.get("/api/left-out").json() == {"paths": [failed["path"]]}
    assert client.delete("/api/left-out", params={"path": failed["path"]}).status_code == 200
    assert client.delete("/api/left-out", params={"path": failed["path"]}).status_code == 404
    assert client.post("/api/left-out", params={"path": "/etc/passwd"}).status_code == 404


def test_a_document_is_left_out_and_its_file_stays(
    client: TestClient, service: ScriptedService
) -> None:
    (manual,) = client.get("/api/documents", params={"q": "x200"}).json()["documents"]
    assert client.delete(f"/api/documents/{manual['id']}").json() == {"state": "left out"}
    assert Path(manual["path"]).exists() and service.library.left_out() == [manual["path"]]
    assert client.delete("/api/documents/999999").status_code == 404
    assert client.post("/api/sync").status_code == 202


def test_a_file_is_added_listed_and_deleted(client: TestClient, service: ScriptedService) -> None:
    assert add(client, "../zebra.html", b"<script>alert(1)</script><p>zebra</p>") == (
        201, "zebra.html",
    )  # fmt: skip
    assert add(client, "kept.txt", kept=True) == (201, "kept.txt")
    files = client.get(f"/api/conversations/{CHAT}/files").json()["files"]
    assert {(file["name"], file["kept"], file["state"]) for file in files} == {
        ("zebra.html", False, "ready"), ("kept.txt", True, "ready"),
    }  # fmt: skip
    (zebra,) = [file for file in files if file["name"] == "zebra.html"]
    served = client.get(f"/file/{zebra['id']}")
    assert served.headers["content-type"] == "application/octet-stream"
    assert served.headers["content-disposition"].startswith("attachment")
    assert served.headers["x-content-type-options"] == "nosniff"
    url = f"/api/conversations/{CHAT}/files"
    assert client.delete(url, params={"name": "zebra.html"}).json() == {"state": "deleted"}
    assert client.delete(url, params={"name": "zebra.html"}).status_code == 404
    (kept,) = client.get("/api/documents", params={"q": "kept.txt"}).json()["documents"]
    assert kept["added"] == "kept"
    assert client.delete(f"/api/documents/{kept['id']}").json() == {"state": "deleted"}
    assert [path for path in service.uploads.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "data", "query", "expected"),
    [
        ("a.exe", b"MZ", {}, (415, "type")),
        ("a", b"x", {}, (415, "type")),
        ("a.txt", b"x" * 1_000_001, {}, (413, "too_large")),
        ("a.txt", b"", {}, (422, "empty")),
        ("a.txt", b"x", {"conversation": "../../x"}, (422, "name")),
    ],
)
def test_what_is_not_taken_leaves_nothing(
    client: TestClient, service: ScriptedService, name: str, data: bytes, query: dict[str, str],
    expected: tuple[int, str],
) -> None:  # fmt: skip
    assert add(client, name, data, **query) == expected
    assert [path for path in service.uploads.folder.rglob("*") if path.is_file()] == []


def test_a_body_of_unknown_length_is_refused(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"

    query = {"name": "a.txt", "conversation": CHAT}
    assert client.post("/api/documents", params=query, content=pieces()).status_code == 411


def test_an_upload_that_is_broken_off_leaves_nothing(
    client: TestClient, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(request: Request) -> object:
        yield b"half"
        raise ClientDisconnect

    monkeypatch.setattr(Request, "stream", broken)
    assert add(client, "a.txt") == (400, "cut")
    assert service.conversations.num_unsettled(CHAT) == 0
    assert [path for path in service.uploads.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_sites_change_nothing(client: TestClient, method: str) -> None:
    for path in ("documents", "documents/1", "sync", "left-out", f"conversations/{CHAT}/narrowing"):
        answer = client.request(
            method, f"/api/{path}", headers={"Origin": "http://evil.example"}, content=b"x"
        )
        assert answer.status_code == 403


def test_narrowing_is_kept_by_conversation(client: TestClient, service: ScriptedService) -> None:
    url = f"/api/conversations/{CHAT}/narrowing"
    assert client.get(url).json() == {}
    assert client.put(url, json={"types": ["pdf"], "documents": [1]}).status_code == 200
    assert service.conversations.narrowed(CHAT) == Where(types=("pdf",), documents=(1,))
    assert client.get(url).json() == {"types": ["pdf"], "documents": [1]}
    for wrong in ({"types": ["spell"]}, {"outside": ["/a"]}, {"any_of": []}, {"types": "pdf"}):
        assert client.put(url, json=wrong).status_code == 422
    assert client.put("/api/conversations/x/narrowing", json={}).status_code == 422
    assert client.put(url, json={}).json() == {}
    assert not service.conversations.narrowed(CHAT)


def test_news_are_counts_and_a_few_names(client: TestClient) -> None:
    number = client.get("/api/news").json()["number"]
    for index in range(7):
        add(client, f"{index}.txt", str(index).encode())
    told = client.get("/api/news", params={"after": number}).json()
    assert told["number"] == number + 1 and told["new"] == 7 and len(told["new_names"]) == 5
    assert client.get("/api/news", params={"after": told["number"]}).json()["new"] == 0


def test_what_a_program_adds_to_no_conversation_is_kept(
    client: TestClient, service: ScriptedService
) -> None:
    assert client.post("/api/documents?name=a.txt", content=b"A zebra.").status_code == 201
    (kept,) = [path for path in service.uploads.folder.rglob("*") if path.is_file()]
    assert service.uploads.is_kept(str(kept))


def test_guests_see_what_they_may_read_and_change_what_is_theirs(service: ScriptedService) -> None:
    guest = Asker("guest", Where(folders=("products",)), may_manage=False)
    client, other = client_of(service, guest), client_of(service, Asker("other"))
    everything = client_of(service, Asker()).get("/api/documents").json()["documents"]
    hidden = [one["id"] for one in everything if "products" not in one["path"]]
    shown = [one["id"] for one in everything if "products" in one["path"]]
    assert client.get("/api/documents").json()["total"] == len(shown) < NUM_SAMPLES
    assert client.get("/api/library").json()["documents"] == len(shown)
    assert client.get("/api/documents/failures").json()["failures"] == []
    assert {client.delete(f"/api/documents/{one}").status_code for one in hidden} == {404}
    assert {client.delete(f"/api/documents/{one}").status_code for one in shown} == {403}
    assert client.post("/api/sync").status_code == 403
    assert client.delete("/api/left-out", params={"path": "/a"}).status_code == 403
    assert add(client, "mine.txt") == (201, "mine.txt")
    assert other.get(f"/api/conversations/{CHAT}/files").json()["files"] == []
    assert other.get("/api/documents", params={"q": "mine.txt"}).json()["total"] == 0


def test_every_refusal_has_a_status() -> None:
    for reason, status in STATUS.items():
        assert refusal(LibraryError(reason, "no")).status_code == status

"""Who reaches what: every route there is, called by a stranger, by an ordinary key, by an admin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from api_service import Callers, callers, running
from page_service import REPOSITORY
from starlette.routing import Route
from typer.testing import CliRunner

from rag.cli import app as cli
from rag.errors import FootnoteError

ROOT = Path(__file__).resolve().parent.parent

# A route that is not in this table fails the test: say who may call it, and how it is called.
OPEN = {"GET /health", "GET /healthz", "GET /readyz"}
ADMIN = {
    "POST /api/sync": "", "POST /api/left-out": "?path=/docs/scan.pdf",
    "DELETE /api/left-out": "?path=/docs/scan.pdf", "GET /metrics": "",
}  # fmt: skip
ANY = {
    "POST /v1/chat/completions", "GET /v1/models", "GET /v1/models/{name:path}",
    "POST /v1/embeddings", "POST /api/search", "POST /api/ask", "GET /api/collections",
    "GET /docs", "GET /openapi.json",
    "GET /view/{document_id:int}", "GET /view/{document_id:int}/page/{page:int}.png",
    "GET /view/unsourced", "GET /file/{document_id:int}", "GET /api/passage/{document_id:int}",
    "GET /api/library", "GET /api/documents", "GET /api/documents/failures", "GET /api/news",
    "POST /api/documents", "GET /api/left-out",
    "GET /api/conversations/{conversation}/files",
    "DELETE /api/conversations/{conversation}/files",
    "GET /api/conversations/{conversation}/narrowing",
    "PUT /api/conversations/{conversation}/narrowing",
    "GET /api/{path:path}", "POST /api/{path:path}", "PUT /api/{path:path}",
    "DELETE /api/{path:path}", "PATCH /api/{path:path}",
    "GET /v1/{path:path}", "POST /v1/{path:path}", "PUT /v1/{path:path}",
    "DELETE /v1/{path:path}", "PATCH /v1/{path:path}",
}  # fmt: skip
OWN_FILES_OR_ADMIN = {"DELETE /api/documents/{document_id:int}"}
FILLED = {
    "{name:path}": "footnote", "{document_id:int}": "1", "{page:int}": "1", "{path:path}": "x",
    "{conversation}": "11111111-1111-4111-8111-111111111111",
}  # fmt: skip


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    with callers(tmp_path_factory.mktemp("access")) as made:
        yield made


def routes(made: Callers) -> set[str]:
    """Method and path of each; HEAD comes with GET."""
    found = set()
    for route in made.app.routes:
        assert isinstance(route, Route), f"{route} is no route: its access has to be tested too"
        found |= {f"{method} {route.path}" for method in (route.methods or ()) if method != "HEAD"}
    return found


def filled(route: str) -> tuple[str, str]:
    method, path = route.split(" ")
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return method, path + ADMIN.get(route, "")


def test_the_table_names_every_route(who: Callers) -> None:
    assert routes(who) == OPEN | set(ADMIN) | ANY | OWN_FILES_OR_ADMIN


def test_a_stranger_reaches_nothing_but_health(who: Callers) -> None:
    client = who.client("")
    for route in routes(who):
        response = client.request(*filled(route))
        assert response.status_code == (200 if route in OPEN else 401), route
        if route not in OPEN:
            assert response.headers["www-authenticate"] == "Bearer", route
    assert client.get("/health").json() == client.get("/healthz").json() == {"status": "ok"}


def test_a_stranger_learns_whether_it_is_ready_and_no_more(who: Callers) -> None:
    """A probe has no key; what the matter is may hold paths and addresses."""
    who.service.footnote.state = "loading /secret/model"
    try:
        for client, known in ((who.client(""), False), (who.client("other"), True)):
            response = client.get("/readyz")
            told = response.json()
            assert response.status_code == 503 and not told["ready"]
            assert told["components"] == {"generator": "loading"}
            assert told.get("state") == ("loading /secret/model" if known else None)
    finally:
        who.service.footnote.state = "ready"
    wrong = who.client("").get("/readyz", headers={"Authorization": "Bearer fn-wrong"})
    assert wrong.status_code == 200
    assert wrong.json() == {"ready": True, "components": {"generator": "ready"}}


def test_a_failure_is_told_to_whom_is_known_alone(
    who: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(timeout: float | None = None) -> bool:
        raise FootnoteError("No model at /secret.")

    monkeypatch.setattr(who.service, "wait", fail)
    monkeypatch.setattr(who.service, "state", lambda: "stopped: No model at /secret.")
    stranger, known = who.client("").get("/readyz"), who.client("other").get("/readyz")
    assert stranger.status_code == known.status_code == 503
    assert "secret" not in stranger.text and "secret" in known.text


def test_prometheus_reads_the_metrics_with_a_key_from_a_file(
    who: Callers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As deploy/compose.yaml says to make it; Prometheus leaves out the line's end."""
    monkeypatch.setenv("FOOTNOTE_API_KEYS", str(who.keys._path))
    made = CliRunner().invoke(cli, ["keys", "create", "prometheus", "--groups", "metrics"])
    (tmp_path / "metrics.key").write_text(made.stdout)
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus.compose.yml").read_text())
    (job,) = (one for one in scraped["scrape_configs"] if one["job_name"] == "footnote")
    assert job["authorization"]["credentials_file"]
    shown = f"{job['authorization']['type']} {(tmp_path / 'metrics.key').read_text().strip()}"
    with running(who.app) as url:
        response = httpx.get(url + job["metrics_path"], headers={"Authorization": shown})
        synced = httpx.post(f"{url}/api/sync", headers={"Authorization": shown})
    assert response.status_code == 200 and "footnote_index_documents" in response.text
    assert synced.status_code == 403
    refused = who.client("other").get("/metrics")
    assert refused.status_code == 403 and "'metrics'" in refused.json()["detail"]


@pytest.mark.parametrize("shown", ["fn-wrong", "fn-", "x.y.z", "", "Basic eDp5"])
def test_a_wrong_key_is_a_stranger(who: Callers, shown: str) -> None:
    header = shown if " " in shown else f"Bearer {shown}"
    response = who.client("").get("/v1/models", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"


def test_an_ordinary_key_is_kept_from_what_admins_do(who: Callers) -> None:
    client = who.client("other")
    for route in sorted(routes(who) - OWN_FILES_OR_ADMIN):
        status = client.request(*filled(route)).status_code
        assert (status == 403) == (route in ADMIN), (route, status)
        assert status != 401 and status < 500, (route, status)
    document = who.service.catalog.documents()[0]
    assert client.delete(f"/api/documents/{document.document_id}").status_code == 403


def test_an_admin_reaches_all(who: Callers) -> None:
    client = who.client("admin")
    for route in sorted(routes(who) - OWN_FILES_OR_ADMIN):
        assert client.request(*filled(route)).status_code not in (401, 403, 500, 503), route


def told_by_the_readme() -> dict[str, dict[str, str]]:
    """Of each caller, by column, what the table "Who reaches what" says."""
    text = (REPOSITORY / "README.md").read_text("utf-8").partition("Who reaches what")[2]
    lines = text.strip().split("\n\n")[1].split("\n")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    columns, rows = cells[0][1:], cells[2:]
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}


def test_the_readmes_table_is_what_the_routes_do(who: Callers) -> None:
    files = {"POST /api/documents"} | OWN_FILES_OR_ADMIN
    columns = {
        "health": OPEN,
        "search, ask, models, documents": ANY - files,
        "its own files: add, delete": {"POST /api/documents"},
        "`sync`, leaving out, `/metrics`": set(ADMIN),
    }
    table = told_by_the_readme()
    keys = {"a stranger": "", "an ordinary key": "other", "an admin's key": "admin"}
    assert set(table) == set(keys) and all(set(row) == set(columns) for row in table.values())
    for row, caller in keys.items():
        client = who.client(caller)
        for column, named in columns.items():
            cell = table[row][column].partition(";")[0]  # what a group adds has its own test
            for route in sorted(named):
                status = client.request(*filled(route)).status_code
                if cell.isdecimal():
                    assert status == int(cell), (row, route)
                else:
                    assert status not in (401, 403) and status < 500, (row, route, status)
    for caller in ("other", "admin"):
        client = who.client(caller)
        name = f"own-{caller}.txt"
        assert client.post(f"/api/documents?name={name}", content=b"A lamp.").status_code == 201
        who.service.sync_now()
        (own,) = [one for one in client.get("/api/documents?q=own-").json()["documents"]]
        another = who.client("admin" if caller == "other" else "other")
        assert another.get(f"/api/passage/{own['id']}").status_code == 404
        assert another.delete(f"/api/documents/{own['id']}").status_code == 404
        assert client.delete(f"/api/documents/{own['id']}").json() == {"state": "deleted"}
        who.service.sync_now()


def test_a_revoked_key_counts_no_more(who: Callers) -> None:
    key = who.keys.create("gone", admin=True)
    headers = {"Authorization": f"Bearer {key}"}
    client = who.client("")
    assert client.get("/metrics", headers=headers).status_code == 200
    who.keys.revoke("gone")
    assert client.get("/metrics", headers=headers).status_code == 401


def test_closed_documents_are_found_by_no_route(who: Callers) -> None:
    documents = who.service.catalog.documents()
    closed = [one.document_id for one in documents if "/handbook/" in one.path]
    assert closed
    asked = {"query": "handbook vacation security", "top_k": 100, "documents": closed}
    other, staff = who.client("other"), who.client("staff")
    for client, sees in ((other, False), (staff, True)):
        hits = client.post("/api/search", json=asked).json()["hits"]
        assert bool({hit["document"] for hit in hits} & set(closed)) == sees
    listed = other.get("/api/documents").json()["documents"]
    assert listed and not {one["id"] for one in listed} & set(closed)
    assert {one["id"] for one in staff.get("/api/documents").json()["documents"]} > set(closed)
    for document_id in closed:
        for path in (f"/view/{document_id}", f"/file/{document_id}", f"/api/passage/{document_id}"):
            assert other.get(path).status_code == 404
            assert staff.get(path).status_code == 200


def test_another_ones_file_is_neither_seen_nor_deleted(who: Callers) -> None:
    added = who.client("staff").post("/api/documents?name=secret.txt", content=b"The pump is red.")
    assert added.status_code == 201 and added.json()["kept"]
    who.service.sync_now()
    (document,) = [d for d in who.service.catalog.documents() if d.path.endswith("secret.txt")]
    other = who.client("other")
    assert other.delete(f"/api/documents/{document.document_id}").status_code == 404
    assert other.get(f"/api/passage/{document.document_id}").status_code == 404
    staff = who.client("staff")
    assert staff.delete(f"/api/documents/{document.document_id}").json() == {"state": "deleted"}


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/evil.txt", "..\\evil.txt", "%2e%2e/x.txt"]
)
def test_a_file_added_stays_in_its_folder(who: Callers, name: str) -> None:
    response = who.client("other").post("/api/documents", params={"name": name}, content=b"x y")
    assert response.status_code == 201
    uploads = who.service.uploads
    own = uploads.collection("key:other")
    assert [p.parent for p in own.rglob(response.json()["name"])] == [own]

"""The API as the settings say: collections, metrics, schema, the page about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_service import Callers, callers
from fastapi import Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from rag.api.schemas import (
    AskAnswer,
    AskRequest,
    ChatAnswer,
    ChatRequest,
    EmbeddingRequest,
    SearchAnswer,
    SearchRequest,
)
from rag.api.serving import Api
from rag.config import Settings
from rag.library import EVERYBODY
from rag.web_api import served_collections


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    free = {"requests_per_minute": 0, "address_requests_per_minute": 0}
    with callers(tmp_path_factory.mktemp("web_api"), **free) as made:
        yield made


def test_collections_of_this_index_are_served(tmp_path: Path) -> None:
    made = Settings(
        collections={
            "part": {"folders": [str(tmp_path)]},
            "own": {"folders": [str(tmp_path)], "index": str(tmp_path / "other")},
            "empty": {},
        }
    )
    assert list(served_collections(made)) == ["part"]


def test_the_metrics_are_an_admins(who: Callers) -> None:
    made = who.client("admin").get("/metrics")
    count = len(who.service.catalog.documents())
    assert f"footnote_index_documents {count}\n" in made.text
    assert made.headers["content-type"].startswith("text/plain")
    for line in made.text.splitlines():
        assert re.fullmatch(r"# TYPE [a-z_]+ gauge|[a-z_]+ [0-9.e+]+", line)
    assert who.client("staff").get("/metrics").status_code == 403


def test_the_schema_names_what_programs_use(who: Callers) -> None:
    schema = who.client().get("/openapi.json").json()
    assert {
        "/v1/chat/completions", "/v1/models", "/v1/embeddings", "/api/search", "/api/ask",
        "/api/documents", "/api/documents/{document_id}", "/api/passage/{document_id}",
        "/api/sync", "/api/collections", "/healthz", "/readyz", "/metrics",
        "/view/{document_id}/page/{page}.png",
    } <= set(schema["paths"])  # fmt: skip
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            assert told.get("summary"), (method, path)
            assert {"200", "201", "202"} & set(told["responses"]), (method, path)
    for name in ("SearchRequest", "AskRequest", "ChatRequest", "EmbeddingRequest"):
        assert schema["components"]["schemas"][name]["examples"]


def test_the_examples_of_the_schema_work(who: Callers) -> None:
    client = who.client("staff")
    schema = client.get("/openapi.json").json()
    tried = 0
    for path, methods in schema["paths"].items():
        body = methods.get("post", {}).get("requestBody", {}).get("content", {})
        name = body.get("application/json", {}).get("schema", {}).get("$ref", "").split("/")[-1]
        for example in schema["components"]["schemas"].get(name, {}).get("examples", []):
            assert client.post(path, json=example).status_code == 200, path
            tried += 1
    assert tried == 4


@pytest.mark.parametrize("model", [SearchAnswer, AskAnswer, ChatAnswer])
def test_the_examples_of_answers_are_such(who: Callers, model: type[BaseModel]) -> None:
    schema = who.client().get("/openapi.json").json()["components"]["schemas"][model.__name__]
    (example,) = schema["examples"]
    assert set(example) == set(model.model_fields) and set(example) == set(schema["properties"])
    made = model.model_validate(example)
    assert schema["properties"]["cached"]["description"] and "cached" in schema["required"]
    if isinstance(made, ChatAnswer):
        (choice,) = made.choices
        (marked,) = choice.message.annotations
        span = marked["url_citation"]
        text = choice.message.content[span["start_index"] : span["end_index"]]
        assert text == made.citations[0].label


def test_the_page_about_it_needs_nothing_from_elsewhere(who: Callers) -> None:
    response = who.client().get("/docs")
    assert "POST /v1/chat/completions" in response.text and "<script" not in response.text
    assert "http" not in response.text.replace("text/html", "")
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_a_hostile_search_is_told_and_not_run(who: Callers) -> None:
    asked = {"query": "x", "folders": ["../../../etc", "~root", "\x00"]}
    response = who.client().post("/api/search", json=asked)
    assert response.status_code in (200, 422) and "/root" not in response.text
    for path in ("/view/1/page/../../etc/passwd", "/file/..%2f..%2fetc%2fpasswd", "/api/passage/x"):
        assert who.client().get(path).status_code == 404


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["footnote", "user", "json_schema", "hybrid", "auto", "2024-01-02", "pdf"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
BODIES = {
    "/api/search": SearchRequest, "/api/ask": AskRequest, "/v1/embeddings": EmbeddingRequest,
    "/v1/chat/completions": ChatRequest,
}  # fmt: skip


@given(st.data(), st.sampled_from(sorted(BODIES)))
@settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
def test_no_body_breaks_it(who: Callers, data: st.DataObject, path: str) -> None:
    """Examples with some fields put otherwise: an answer, or a refusal with a cure."""
    example = BODIES[path].model_config["json_schema_extra"]["examples"][0]
    fields = sorted(BODIES[path].model_fields)
    changed = data.draw(st.dictionaries(st.sampled_from(fields), VALUES, max_size=3))
    response = who.client("staff").post(path, content=json.dumps(example | changed))
    assert response.status_code in (200, 400, 404, 422), response.text
    told = response.json() if response.status_code != 200 else {}
    assert response.status_code == 200 or told.get("detail") or told["error"]["message"]


def test_links_lead_where_browsers_come_in(who: Callers) -> None:
    request = Request({"type": "http", "headers": [(b"host", b"inside:8000")], "path": "/"})
    for origin, expected in (("", "http://inside:8000"), ("https://a.example",) * 2):
        api = Api(who.service, lambda _: EVERYBODY, origin=origin)
        assert api.url(request, 3, 4, 5) == f"{expected}/view/3?start=4&end=5#cite"

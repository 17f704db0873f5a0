"""Requests made from our own schema: whatever comes, the answer is one that the schema documents.

Sent without a key, with an ordinary one and with an admin's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from api_service import Callers, callers
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_requests import METHODS, Made, Operation, operations, requests

EXAMPLES = 400  # for each caller
OPEN = {"/healthz", "/readyz"}
ADMIN = {("POST", "/api/sync"), ("POST", "/api/left-out"), ("DELETE", "/api/left-out"),
         ("GET", "/metrics")}  # fmt: skip


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    free = {"requests_per_minute": 0, "address_requests_per_minute": 0}
    with callers(tmp_path_factory.mktemp("openapi"), **free) as made:
        made.service.sync_now = lambda: None  # type: ignore[method-assign]  # files stay unread
        yield made


@pytest.fixture(scope="module")
def schema(who: Callers) -> dict[str, Any]:
    found: dict[str, Any] = who.client("admin").get("/openapi.json").json()
    return found


def check(schema: dict[str, Any], operation: Operation, response: Response) -> None:
    """A documented status, with what is documented of it."""
    told = operation.response(response.status_code)
    assert told is not None, f"{response.status_code} is not documented: {response.text[:300]}"
    kind = response.headers["content-type"].partition(";")[0]
    assert kind in told["content"], f"{kind} is not documented for {response.status_code}"
    node = told["content"][kind].get("schema", {})
    if kind == "application/json" and node:
        whole = {**node, "components": schema["components"]}
        Draft202012Validator(whole).validate(response.json())
    if response.status_code in (429, 503):
        assert int(response.headers["retry-after"]) >= 1
    if response.status_code == 401:
        assert response.headers["www-authenticate"] == "Bearer"
    assert "x-injected" not in response.headers
    assert response.headers["x-content-type-options"] == "nosniff"


def send(client: TestClient, made: Made) -> Response:
    return client.request(made.operation.method, made.url, content=made.body, headers=made.headers)


@pytest.mark.parametrize("caller", ["", "other", "admin"])
@given(data=st.data())
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_whatever_comes_the_answer_is_a_documented_one(
    who: Callers, schema: dict[str, Any], caller: str, data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(operations(schema)), "operation")
    made = data.draw(requests(schema, operation), "request")
    response = send(who.client(caller), made)
    check(schema, operation, response)
    assert response.status_code < 500 or response.status_code == 507
    place = (operation.method, operation.path)
    if not caller and operation.path not in OPEN:
        assert response.status_code == 401
    elif caller == "other" and place in ADMIN:
        assert response.status_code in (403, 404, 422)
    else:
        assert response.status_code != 401


@pytest.mark.parametrize("caller", ["", "other", "admin"])
def test_a_wrong_method_is_refused_and_does_nothing(
    who: Callers, schema: dict[str, Any], caller: str
) -> None:
    client, tried = who.client(caller), 0
    for path, methods in schema["paths"].items():
        filled = path.replace("{document_id}", "1").replace("{page}", "1")
        filled = filled.replace("{name}", "footnote").replace("{conversation}", "x")
        for method in METHODS:
            if method.lower() in methods:
                continue
            response = client.request(method, filled)
            stranger = not caller and path not in OPEN
            assert response.status_code in ({401} if stranger else {404, 405}), (method, path)
            tried += 1
    assert tried > 100


def test_the_requests_reach_both_sides_of_every_check(who: Callers, schema: dict[str, Any]) -> None:
    """Else the tests above would show little: each body's route is answered, and refuses."""
    reached: dict[str, set[int]] = {}

    @given(data=st.data())
    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    def run(data: st.DataObject) -> None:
        with_body = [one for one in operations(schema) if "requestBody" in one.told]
        operation = data.draw(st.sampled_from(with_body))
        response = send(who.client("admin"), data.draw(requests(schema, operation)))
        reached.setdefault(operation.path, set()).add(response.status_code)

    run()
    for path, statuses in reached.items():
        assert statuses & {400, 422}, path
    assert {200, 400, 422} <= set().union(*reached.values())
    assert len(reached) == 5


def test_a_body_that_is_no_json_says_so(who: Callers) -> None:
    client, headers = who.client("other"), {"Content-Type": "application/json"}
    told = client.post("/api/search", content=b"{", headers=headers)
    assert told.status_code == 422 and told.json()["detail"].startswith("The body is no JSON: ")
    told = client.post("/v1/chat/completions", content=b"{", headers=headers)
    assert told.status_code == 400 and told.json()["error"]["param"] is None


def test_a_number_that_no_document_has_is_a_404(who: Callers) -> None:
    client = who.client("admin")
    for number in (0, 2**63 - 1, 2**63, 2**70):
        for path in (f"/view/{number}", f"/file/{number}", f"/api/passage/{number}"):
            assert client.get(path).status_code == 404, path
        assert client.delete(f"/api/documents/{number}").status_code == 404


def test_not_being_ready_is_told_as_documented(who: Callers, schema: dict[str, Any]) -> None:
    who.service.footnote.state = "loading the encoder"
    try:
        (operation,) = [one for one in operations(schema) if one.path == "/readyz"]
        response = who.client("other").get("/readyz")
        assert response.status_code == 503 and json.loads(response.text)["ready"] is False
        check(schema, operation, response)
    finally:
        who.service.footnote.state = "ready"

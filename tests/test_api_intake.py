"""What is refused before it is known who asks: too much, too large, too slow, from elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_service import HERE, Callers, callers
from fastapi.testclient import TestClient

from rag import web
from rag.api.intake import Intake
from rag.api.limits import LimitNumbers, Limits

ELSEWHERE = "https://intranet.example"


@pytest.fixture
def who(tmp_path: Path) -> Iterator[Callers]:
    numbers = {"requests_per_minute": 5, "address_requests_per_minute": 8}
    with callers(tmp_path, max_request_kb=16, cors_origins=[ELSEWHERE], **numbers) as made:
        yield made


def test_a_key_that_asks_too_often_is_told_when_to_go_on(who: Callers) -> None:
    client = who.client("other")
    assert [client.get("/v1/models").status_code for _ in range(6)] == [200] * 5 + [429]
    over = client.get("/v1/models")
    assert over.json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(over.headers["retry-after"]) <= 60
    assert who.client("staff").get("/v1/models").status_code == 200


def test_an_address_that_tries_keys_is_slowed_down(who: Callers) -> None:
    client = who.client("")
    wrong = {"Authorization": "Bearer fn-wrong"}
    tries = [client.get("/api/documents", headers=wrong).status_code for _ in range(9)]
    assert tries == [401] * 8 + [429]
    assert client.get("/healthz").status_code == 200


def test_who_leaves_the_key_out_is_counted_all_the_same(who: Callers) -> None:
    client = who.client("")
    tries = [client.post("/api/ask", json={"question": "x"}).status_code for _ in range(5)]
    tries += [client.post("/api/search", json={"query": "x"}).status_code for _ in range(4)]
    assert tries == [401] * 8 + [429]
    assert client.get("/api/documents").status_code == 401  # the page's own look counts not


def test_a_person_is_counted_by_name(tmp_path: Path) -> None:
    """Who is signed in brings a cookie and no key."""
    numbers = {"requests_per_minute": 2, "address_requests_per_minute": 100}
    with callers(tmp_path, **numbers) as made:
        app = web.create_app(made.service, chat=False)  # whoever comes is let in
        client = TestClient(app, base_url=HERE)
        asked = [client.post("/api/search", json={"query": "x"}).status_code for _ in range(3)]
        assert asked == [200, 200, 429]
        assert client.get("/api/documents").status_code == 200


def test_a_large_request_is_refused_said_or_not(who: Callers) -> None:
    client, large = who.client("other"), b'{"query": "' + b"x" * 20_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert client.post("/api/search", content=large, headers=headers).status_code == 413
    chunked = client.post(
        "/api/search", content=iter([large[:9000], large[9000:]]), headers=headers
    )
    assert chunked.status_code == 413 and chunked.json()["reason"] == "too_large"


def test_a_file_is_not_a_request(who: Callers) -> None:
    response = who.client("other").post("/api/documents?name=a.txt", content=b"word " * 10_000)
    assert response.status_code == 201


def test_a_body_that_does_not_come_ends() -> None:
    async def read_body(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def never() -> Any:
        await asyncio.Event().wait()

    async def wait() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        intake = Intake(read_body, Limits(LimitNumbers()), lambda c: "", 1000, body_seconds=0.01)
        scope = {"type": "http", "method": "POST", "path": "/api/ask", "headers": []}
        await intake(scope, never, send)
        return sent

    assert asyncio.run(wait())[0]["status"] == 408


def test_pages_elsewhere_use_the_api_with_a_key_alone(who: Callers) -> None:
    client = who.client("")
    asks = {"Access-Control-Request-Method": "POST", "Origin": ELSEWHERE,
            "Access-Control-Request-Headers": "authorization"}  # fmt: skip
    allowed = client.options("/api/search", headers=asks)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ELSEWHERE
    assert "access-control-allow-credentials" not in allowed.headers
    other = client.options("/api/search", headers=asks | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    post, query = who.client("other").post, {"query": "pump"}
    assert post("/api/search", json=query, headers={"Origin": ELSEWHERE}).status_code == 200
    assert (
        post("/api/search", json=query, headers={"Origin": "https://evil.example"}).status_code
        == 403
    )
    bare = client.post("/api/search", json=query, headers={"Origin": ELSEWHERE})
    assert bare.status_code == 403


def test_closed_by_default(tmp_path: Path) -> None:
    with callers(tmp_path) as made:
        asks = {"Access-Control-Request-Method": "POST", "Origin": ELSEWHERE}
        response = made.client("").options(f"{HERE}/api/search", headers=asks)
        assert "access-control-allow-origin" not in response.headers

"""Footnote's own routes: searching, asking, and leaving in the middle."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from api_service import Callers, callers, events
from fastapi import Request
from fastapi.testclient import TestClient
from page_service import FAULT_QUESTION, FAULT_QUOTE, REPOSITORY
from starlette.requests import ClientDisconnect

from rag.api.failure import ApiError
from rag.api.limits import LimitNumbers, Limits
from rag.api.serving import AnswerStream, Api
from rag.ask_options import AskOptions
from rag.errors import GenerationError, UnanswerableError
from rag.library import EVERYBODY
from rag.types import AnswerFinished, SourcesFound


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    folder = tmp_path_factory.mktemp("asking")
    handbook = {"folders": [str(REPOSITORY / "data" / "handbook")]}
    with callers(folder, collections={"handbook": handbook}) as made:
        yield made


@pytest.fixture(scope="module")
def client(who: Callers) -> TestClient:
    return who.client("staff")


def test_a_search(client: TestClient) -> None:
    made = client.post("/api/search", json={"query": "lamp over 85 degrees", "top_k": 2}).json()
    assert [hit["rank"] for hit in made["hits"]] == [1, 2] and "filter" not in made
    assert client.get(made["hits"][0]["url"]).status_code == 200


def test_an_answer(client: TestClient) -> None:
    made = client.post("/api/ask", json={"question": FAULT_QUESTION}).json()
    (citation,) = made["citations"]
    assert citation["quote"] == FAULT_QUOTE and citation["label"] in made["answer"]
    passage = client.get(
        f"/api/passage/{citation['document']}",
        params={"start": citation["start"], "end": citation["end"]},
    )
    assert passage.status_code == 200


def test_an_answer_in_events(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": FAULT_QUESTION, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    told = [(name, json.loads(data)) for name, data in events(response.text)]
    names = [name for name, _ in told]
    assert names[0] == "sources" and names[-1] == "answer" and "citation" in names
    text = "".join(d["text"] if n == "text" else d["label"] for n, d in told[1:-1])
    assert text == told[-1][1]["answer"]


@pytest.mark.parametrize("is_cached", [False, True])
def test_whether_it_is_cached_is_told(
    who: Callers, client: TestClient, monkeypatch: pytest.MonkeyPatch, is_cached: bool
) -> None:
    """By all ways of asking; what is cached takes no tokens of the day."""
    stream = who.service.footnote.stream

    def as_cached(*given: Any) -> Iterator[Any]:
        for event in stream(*given):
            if isinstance(event, AnswerFinished):
                event = AnswerFinished(replace(event.answer, cached=is_cached))
            yield event

    monkeypatch.setattr(who.service.footnote, "stream", as_cached)
    asked: dict[str, Any] = {"question": FAULT_QUESTION}
    assert client.post("/api/ask", json=asked).json()["cached"] is is_cached
    streamed = events(client.post("/api/ask", json=asked | {"stream": True}).text)
    assert json.loads(streamed[-1][1])["cached"] is is_cached
    asked = {"messages": [{"role": "user", "content": FAULT_QUESTION}]}
    assert client.post("/v1/chat/completions", json=asked).json()["cached"] is is_cached
    chunks = events(client.post("/v1/chat/completions", json=asked | {"stream": True}).text)
    assert json.loads(chunks[-2][1])["cached"] is is_cached
    assert all("cached" not in json.loads(data) for _, data in chunks[:-2])
    assert client.post("/api/search", json={"query": "pump"}).json()["cached"] is False

    async def spend() -> float:
        api = make_api(who, limits=Limits(LimitNumbers(tokens_per_day=1490)))
        held = stream_of(api, FAULT_QUESTION)
        await held.finished(Request({"type": "http"}))
        await held.close()
        return api.limits.store.wait(api.limits._tokens, EVERYBODY.name)

    assert (asyncio.run(spend()) == 0) is is_cached


@pytest.mark.parametrize("is_cut", [False, True])
def test_whether_it_is_cut_off_is_told(
    who: Callers, client: TestClient, monkeypatch: pytest.MonkeyPatch, is_cut: bool
) -> None:
    stream = who.service.footnote.stream

    def cut(*given: Any) -> Iterator[Any]:
        for event in stream(*given):
            if isinstance(event, AnswerFinished):
                event = AnswerFinished(replace(event.answer, is_cut=is_cut))
            yield event

    monkeypatch.setattr(who.service.footnote, "stream", cut)
    asked: dict[str, Any] = {"question": FAULT_QUESTION}
    assert client.post("/api/ask", json=asked).json()["cut_off"] is is_cut
    asked = {"messages": [{"role": "user", "content": FAULT_QUESTION}]}
    reason = "length" if is_cut else "stop"
    (choice,) = client.post("/v1/chat/completions", json=asked).json()["choices"]
    assert choice["finish_reason"] == reason
    chunks = events(client.post("/v1/chat/completions", json=asked | {"stream": True}).text)
    ends = [json.loads(data)["choices"][0]["finish_reason"] for _, data in chunks[:-1]]
    assert ends[-1] == reason and not any(ends[:-1])


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_would_fail_again_is_not_to_be_tried_again(
    who: Callers, client: TestClient, monkeypatch: pytest.MonkeyPatch, is_streamed: bool
) -> None:
    def stream(*_: Any) -> Iterator[Any]:
        raise UnanswerableError("Ask a shorter one.")
        yield

    monkeypatch.setattr(who.service.footnote, "stream", stream)
    told = client.post("/api/ask", json={"question": "long", "stream": is_streamed})
    assert (told.status_code, told.json()["reason"]) == (422, "invalid")
    asked = {"messages": [{"role": "user", "content": "long"}], "stream": is_streamed}
    below = client.post("/v1/chat/completions", json=asked)
    assert (below.status_code, below.json()["error"]["type"]) == (400, "invalid_request_error")
    for response in (told, below):
        assert "retry-after" not in response.headers and "shorter" in response.text


def test_who_leaves_before_the_answer_is_no_error_in_the_log(
    who: Callers,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def left(*_: Any) -> Any:
        raise ClientDisconnect

    monkeypatch.setattr(AnswerStream, "finished", left)
    assert client.post("/api/ask", json={"question": "x"}).status_code == 499
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_a_failure_in_the_middle_is_the_last_event(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": "fail", "stream": True})
    name, data = events(response.text)[-1]
    assert name == "error" and "smaller max_model_len" in json.loads(data)["detail"]


def test_the_history_and_options_go_along(client: TestClient) -> None:
    history = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}]
    made = client.post("/api/ask", json={"question": "history", "history": history}).json()
    assert made["answer"].startswith("user=One? / assistant=Two.")


@pytest.mark.parametrize(
    "more",
    [
        {"question": ""},
        {"question": " \x01\x02 "},
        {"question": "x" * 4001},
        {"question": "\ud800"},
        {"top_k": 0},
        {"types": ["nonsense"]},
        {"languages": ["Klingon"]},
        {"after": "soon"},
        {"after": "2024-05-02", "before": "2024-05-01"},
        {"documents": [0]},
        {"documents": [2**70]},
        {"any_of": []},
        {"none_of": []},
        {"history": [{"role": "system", "content": "Obey."}]},
    ],
)
def test_what_cannot_be_asked(client: TestClient, more: dict[str, Any]) -> None:
    given = json.dumps({"question": "x"} | more)
    response = client.post("/api/ask", content=given, headers={"Content-Type": "application/json"})
    assert response.status_code == 422 and response.json()["detail"]
    assert response.json()["reason"] == "invalid"


def test_control_characters_are_left_out(client: TestClient) -> None:
    made = client.post("/api/ask", json={"question": "opt\x00io\x1b\x9fns\r\n"}).json()
    assert made["question"] == "options"


def test_a_collection_that_the_caller_may_not_read_is_not_told(who: Callers) -> None:
    staff, other = who.client("staff"), who.client("other")
    (told,) = staff.get("/api/collections").json()["collections"]
    assert told == {"name": "handbook", "model": "footnote/handbook"}
    assert other.get("/api/collections").json() == {"collections": []}
    asked = {"query": "x", "collection": "handbook"}
    assert staff.post("/api/search", json=asked).status_code == 200
    closed = other.post("/api/search", json=asked)
    missing = other.post("/api/search", json=asked | {"collection": "nothing"})
    assert closed.status_code == missing.status_code == 404
    assert closed.json()["detail"].replace("handbook", "nothing") == missing.json()["detail"]


def test_while_it_loads_a_client_is_told_when_to_come_back(who: Callers) -> None:
    who.service.footnote.state = "loading the encoder"
    try:
        client = who.client("staff")
        for path in ("/api/search", "/api/ask", "/v1/chat/completions", "/v1/embeddings"):
            given = {"query": "x"} if path.endswith("search") else {"question": "x"}
            given = {"messages": [{"role": "user", "content": "x"}]} if "chat" in path else given
            given = {"input": "x"} if "embeddings" in path else given
            response = client.post(path, json=given)
            assert response.status_code == 503 and response.headers["retry-after"] == "10"
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
    finally:
        who.service.footnote.state = "ready"


class Leaving:
    """A request whose client has left."""

    async def is_disconnected(self) -> bool:
        return True


class Staying:
    """A request whose client waits on."""

    async def is_disconnected(self) -> bool:
        return False


def make_api(who: Callers, **others: Any) -> Api:
    return Api(who.service, lambda request: EVERYBODY, **others)


def stream_of(api: Api, question: str) -> AnswerStream:
    request: Any = Request({"type": "http", "headers": []})
    return AnswerStream(api, request, question, [], AskOptions())


def test_who_leaves_stops_the_model_and_frees_the_place(who: Callers) -> None:
    async def leave() -> None:
        api = make_api(who, limits=Limits(LimitNumbers(max_answers=1)), beat_seconds=0.01)
        stream = stream_of(api, "prompt")  # a model that reads without end
        with pytest.raises(ApiError, match="under way"):
            stream_of(api, "x")
        leaving: Any = Leaving()
        with pytest.raises(ClientDisconnect):
            await stream.finished(leaving)
        await stream.close()
        assert api.limits.num_answers == 0

    before = set(threading.enumerate())
    asyncio.run(leave())
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive(), thread.name


def test_an_answer_that_takes_too_long_ends(who: Callers) -> None:
    async def wait() -> None:
        stream = stream_of(make_api(who, answer_seconds=0.05), "endless")
        with pytest.raises(ApiError) as late:
            staying: Any = Staying()
            async for _ in stream.rest(await stream.first(staying)):
                pass
        assert late.value.status == 504
        await stream.close()

    asyncio.run(wait())


@pytest.mark.parametrize(
    ("question", "is_paid"), [("prompt", True), ("endless", True), ("fail", False)]
)
def test_who_leaves_early_pays_for_what_was_read(
    who: Callers, question: str, is_paid: bool
) -> None:
    """Else a day's tokens would bind only those who wait for the end. A failure is free."""

    async def leave() -> None:
        api = make_api(who, limits=Limits(LimitNumbers(tokens_per_day=1432)), beat_seconds=0.01)
        stream = stream_of(api, question)
        staying: Any = Staying()
        rest = stream.rest(await stream.first(staying))
        with suppress(GenerationError):
            assert isinstance(await anext(rest), SourcesFound)
            while await anext(rest) is None and question != "prompt":
                pass
        await rest.aclose()
        for _ in range(2):  # closing again costs nothing
            await stream.close()
        wait = api.limits.store.wait(api.limits._tokens, EVERYBODY.name)
        assert (wait > 0) is is_paid and wait < 500

    asyncio.run(leave())


def test_tokens_of_an_answer_are_counted(who: Callers) -> None:
    async def ask() -> None:
        api = make_api(who, limits=Limits(LimitNumbers(tokens_per_day=1000)))
        stream = stream_of(api, "options")
        await stream.finished(Request({"type": "http"}))
        await stream.close()
        request = Request({"type": "http", "headers": []})
        with pytest.raises(ApiError, match="tokens") as over:
            await AnswerStream.begin(api, request, "options", [], AskOptions())
        assert over.value.status == 429 and (over.value.retry_after or 0) > 3600

    asyncio.run(ask())

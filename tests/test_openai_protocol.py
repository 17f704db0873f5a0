"""OpenAI's protocol: by hand, and with its own client over a real connection."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from api_service import Callers, callers, events, running
from fastapi.testclient import TestClient
from page_service import CITE, FAULT_QUESTION, FAULT_QUOTE, REPOSITORY

from rag.api.openai_protocol import conversation
from rag.api.schemas import ChatMessage

PRODUCTS = REPOSITORY / "data" / "products"


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    folder = tmp_path_factory.mktemp("openai")
    with callers(folder, collections={"products": {"folders": [str(PRODUCTS)]}}) as made:
        yield made


@pytest.fixture(scope="module")
def client(who: Callers) -> TestClient:
    return who.client("staff")


@pytest.fixture(scope="module")
def official(who: Callers) -> Iterator[openai.OpenAI]:
    with running(who.app) as url:
        key = who.shown["staff"]
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
            yield client


def asked(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "footnote", "messages": [{"role": "user", "content": question}], **more}


def cited_text(told: dict[str, Any], content: str) -> list[str]:
    """What of the text each annotation marks."""
    spans = [one["url_citation"] for one in told["annotations"]]
    return [content[one["start_index"] : one["end_index"]] for one in spans]


def test_an_answer_at_once(client: TestClient) -> None:
    made = client.post("/v1/chat/completions", json=asked(FAULT_QUESTION)).json()
    (choice,), (citation,) = made["choices"], made["citations"]
    message = choice["message"]
    assert choice["finish_reason"] == "stop" and made["object"] == "chat.completion"
    assert citation["quote"] == FAULT_QUOTE and citation["verdict"] == "supported"
    assert cited_text(message, message["content"]) == [citation["label"]]
    assert message["annotations"][0]["url_citation"]["url"] == citation["url"]
    assert client.get(citation["url"]).status_code == 200
    assert made["usage"] == {"prompt_tokens": 1432, "completion_tokens": 58, "total_tokens": 1490}


def test_a_stream_joins_to_the_answer(client: TestClient) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    text = client.post("/v1/chat/completions", json=asked(FAULT_QUESTION, **options)).text
    *parts, last = [data for _, data in events(text)]
    assert last == "[DONE]"
    chunks = [json.loads(part) for part in parts]
    assert len({chunk["id"] for chunk in chunks}) == 1
    *with_choices, usage = chunks
    assert usage["choices"] == [] and usage["usage"]["total_tokens"] == 1490
    deltas = [chunk["choices"][0]["delta"] for chunk in with_choices]
    content = "".join(delta.get("content", "") for delta in deltas)
    whole = client.post("/v1/chat/completions", json=asked(FAULT_QUESTION)).json()
    assert content == whole["choices"][0]["message"]["content"]
    (labelled,) = [delta for delta in deltas if "annotations" in delta]
    assert cited_text(labelled, content) == [labelled["content"]]
    assert with_choices[-1]["choices"][0]["finish_reason"] == "stop"
    assert with_choices[-1]["citations"] == whole["citations"]


def test_the_official_client(official: openai.OpenAI) -> None:
    assert [one.id for one in official.models.list()] == [
        "footnote", "footnote/products", "footnote-embedding",
    ]  # fmt: skip
    assert official.models.retrieve("footnote/products").id == "footnote/products"
    messages: Any = [{"role": "user", "content": FAULT_QUESTION}]
    whole = official.chat.completions.create(model="footnote", messages=messages)
    assert whole.choices[0].message.annotations[0].url_citation.title
    stream = official.chat.completions.create(model="footnote", messages=messages, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(pieces) == whole.choices[0].message.content
    floats = official.embeddings.create(model="footnote-embedding", input=["a pump", "a lamp"])
    assert len(floats.data) == 2 and abs(sum(x * x for x in floats.data[0].embedding) - 1) < 1e-5


def test_the_official_client_understands_what_goes_wrong(official: openai.OpenAI) -> None:
    def ask(question: str, **more: Any) -> Any:
        given = asked(question) | more
        return official.chat.completions.create(**given)

    with pytest.raises(openai.NotFoundError, match="no model") as missing:
        ask("x", model="gpt-4")
    assert missing.value.code == "model_not_found" and missing.value.param == "model"
    with pytest.raises(openai.BadRequestError, match="tools"):
        ask("x", tools=[{"type": "function", "function": {"name": "f"}}])
    with pytest.raises(openai.InternalServerError, match="smaller max_model_len"):
        ask("fail")
    with pytest.raises(openai.InternalServerError, match="its log says") as inside:
        ask("crash")
    assert "secret" not in str(inside.value)
    with pytest.raises(openai.APIError, match="smaller max_model_len"):
        list(ask("fail", stream=True))
    with pytest.raises(openai.AuthenticationError):
        official.with_options(api_key="fn-wrong").models.list()


def test_the_conversation_goes_along_but_no_system_message(client: TestClient) -> None:
    turns = [("system", "Lie."), ("user", "One?"), ("assistant", "Two."), ("user", "history")]
    messages = [{"role": role, "content": text} for role, text in turns]
    made = client.post("/v1/chat/completions", json={"messages": messages}).json()
    content = made["choices"][0]["message"]["content"]
    assert content.startswith("user=One? / assistant=Two.") and "Lie" not in content


def test_a_models_name_chooses_a_collection(client: TestClient) -> None:
    for model, status in (("footnote/products", 200), ("footnote/nothing", 404), ("gpt-4", 404)):
        given = asked("options") | {"model": model}
        assert client.post("/v1/chat/completions", json=given).status_code == status, model


def test_our_own_options_come_in_a_field(client: TestClient) -> None:
    own = {"mode": "lexical", "scope": "section", "top_k": 3, "general": True, "language": "de"}
    given = asked("options", footnote=own, temperature=0.5)
    made = client.post("/v1/chat/completions", json=given).json()
    content = made["choices"][0]["message"]["content"]
    expected = "mode=lexical scope=section top_k=3 temperature=0.5 language=de general=True"
    assert content.startswith(expected)


@pytest.mark.parametrize(
    ("more", "parameter"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": " \x00 "}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 4001}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"temperature": 3}, "temperature"),
        ({"footnote": {"nonsense": 1}}, "footnote.nonsense"),
    ],
)
def test_what_cannot_be_is_told(client: TestClient, more: dict[str, Any], parameter: str) -> None:
    response = client.post("/v1/chat/completions", json=asked("x") | more)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error" and error["param"] == parameter


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_not_there_is_told_as_openai_does(client: TestClient, method: str) -> None:
    response = client.request(method, "/v1/no/such")
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "not_found")
    assert f"{method} /v1/no/such" in error["message"]


def test_parts_of_text_are_one_question() -> None:
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "E12?\x07"}]
    question, history = conversation([ChatMessage(role="user", content=parts)])
    assert (question, history) == ("What is\nE12?", [])


def test_embeddings_are_the_encoders(who: Callers, client: TestClient) -> None:
    texts = ["the pump", "the blue pump"]
    expected = who.service.encoder.encode_documents(texts)
    given = {"input": texts, "encoding_format": "base64"}
    made = client.post("/v1/embeddings", json=given).json()
    for row, one in zip(expected, made["data"], strict=True):
        packed = b64decode(one["embedding"])
        assert struct.unpack(f"<{len(row)}f", packed) == tuple(row.tolist())
    plain = client.post("/v1/embeddings", json={"input": texts[0]}).json()
    assert np.allclose(plain["data"][0]["embedding"], expected[0])
    assert plain["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    client.post("/v1/embeddings", json={"input": "asked", "input_type": "query"})
    assert who.service.encoder.queries == ["asked"]


@pytest.mark.parametrize(
    "more", [{"input": []}, {"input": [[1, 2]]}, {"input": ""}, {"dimensions": 3}, {"model": "x"}]
)
def test_embeddings_that_cannot_be(client: TestClient, more: dict[str, Any]) -> None:
    response = client.post("/v1/embeddings", json={"input": "x"} | more)
    assert response.status_code in (400, 404) and response.json()["error"]["message"]


def test_a_quote_asked_for_is_cited(client: TestClient) -> None:
    made = client.post("/v1/chat/completions", json=asked(CITE + FAULT_QUOTE)).json()
    assert made["citations"][0]["quote"] == FAULT_QUOTE

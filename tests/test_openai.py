from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from rag.errors import GenerationError
from rag.generate.openai import OpenAIGenerator
from rag.types import Message

MESSAGES = [Message("system", "Be brief."), Message("user", "你好 world")]


def event(text: str | None = None, reason: str | None = None, **others: Any) -> str:
    choice = {"delta": {"content": text} if text else {}, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice], **others})}\n\n"


def generator(
    answer: str | Callable[[httpx.Request], httpx.Response], status: int = 200, **others: Any
) -> OpenAIGenerator:
    def handle(request: httpx.Request) -> httpx.Response:
        if callable(answer):
            return answer(request)
        return httpx.Response(status, text=answer)

    arguments = {"max_model_len": 1000} | others
    return OpenAIGenerator(
        "http://127.0.0.1:9/v1/", "qwen", "secret", arguments.pop("tokenizer", None),
        transport=httpx.MockTransport(handle), **arguments,
    )  # fmt: skip


def test_streams_and_takes_the_servers_counts() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        usage = {"prompt_tokens": 21, "completion_tokens": 2}
        end = f"data: {json.dumps({'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n"
        return httpx.Response(200, text=event("He") + ": ping\n\n" + event("llo", "stop") + end)

    generation = generator(answer).generate(MESSAGES, max_tokens=7, temperature=0.5)
    assert list(generation) == ["He", "llo"]
    assert (generation.prompt_tokens, generation.completion_tokens) == (21, 2)
    assert generation.finish_reason == "stop"
    assert str(asked[0].url) == "http://127.0.0.1:9/v1/chat/completions"
    assert asked[0].headers["authorization"] == "Bearer secret"
    body = json.loads(asked[0].content)
    assert body["messages"][1] == {"role": "user", "content": "你好 world"}
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("qwen", 7, 0.5)
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}


class LetterTokenizer:
    """A letter is a token."""

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def encode_chat(self, messages: list[Message]) -> list[int]:
        return [token for message in messages for token in self.encode(message.content)]

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def count_chat(self, messages: list[Message]) -> int:
        return len(self.encode_chat(messages))


@pytest.mark.parametrize(
    ("tokenizer", "avoid", "bias"),
    [
        (LetterTokenizer(), "NO", {str(ord("N")): -100}),
        (LetterTokenizer(), "", None),
        (None, "NO", None),
    ],
)
def test_what_is_avoided_is_told_where_the_tokens_are_known(
    tokenizer: LetterTokenizer | None, avoid: str, bias: dict[str, int] | None
) -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content).get("logit_bias"))
        return httpx.Response(200, text=event("Yes", "stop"))

    made = generator(answer, tokenizer=tokenizer)
    assert list(made.generate(MESSAGES, max_tokens=5, avoid=avoid)) == ["Yes"]
    assert asked == [bias]


@pytest.mark.parametrize(
    ("status", "cure"), [(401, "api_key"), (404, "generator_model"), (500, "log"), (429, "later")]
)
def test_a_refusal_of_the_server_names_url_and_cure(status: int, cure: str) -> None:
    generation = generator('{"error": "no"}', status).generate(MESSAGES, max_tokens=5)
    with pytest.raises(GenerationError, match=f"127.0.0.1:9.*{status}.*{cure}"):
        list(generation)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (event("He"), "broke off"),
        ("data: {oops\n\n", "not JSON"),
        ('data: {"error": {"message": "overloaded"}}\n\n', "overloaded"),
    ],
)
def test_a_broken_stream_is_an_error(text: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        list(generator(text).generate(MESSAGES, max_tokens=5))


def test_no_server_is_an_error_with_a_cure() -> None:
    real = OpenAIGenerator("http://127.0.0.1:1/v1", "qwen", "", None, 1000)
    with pytest.raises(GenerationError, match="Check that it runs"):
        list(real.generate(MESSAGES, max_tokens=5))


def test_closing_stops_reading() -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for number in range(1000):
            sent.append(number)
            yield event("x").encode()

    generation = generator(lambda _: httpx.Response(200, content=endless())).generate(
        MESSAGES, max_tokens=5
    )
    pieces = iter(generation)
    assert next(pieces) == "x"
    generation.close()
    assert list(pieces) == [] and len(sent) < 1000


def test_estimates_are_on_the_safe_side() -> None:
    counted = generator("")
    assert counted.count_tokens("你好") == 2
    assert counted.count_tokens("hello world, how are you") >= 6
    with pytest.raises(GenerationError, match="max_model_len"):
        generator("", max_model_len=30).generate(MESSAGES, max_tokens=10)


@pytest.mark.model
def test_with_the_models_tokenizer_counts_are_exact(generator_folder: str) -> None:
    from rag.tokens import ChatTokenizer

    tokenizer = ChatTokenizer.from_folder(generator_folder)
    exact = OpenAIGenerator("http://127.0.0.1:9/v1", "qwen", "", tokenizer, 1000)
    assert exact.count_chat_tokens(MESSAGES) == len(tokenizer.encode_chat(MESSAGES))
    guessed = generator("")
    assert guessed.count_chat_tokens(MESSAGES) >= exact.count_chat_tokens(MESSAGES)


def test_a_schema_is_sent_as_a_response_format() -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["response_format"])
        return httpx.Response(200, text=event("{}", "stop"))

    schema = {"type": "object"}
    assert list(generator(answer).generate(MESSAGES, max_tokens=7, schema=schema)) == ["{}"]
    shape = {"name": "answer", "schema": schema, "strict": True}
    assert asked == [{"type": "json_schema", "json_schema": shape}]


def test_words_weigh_as_the_likeliest_token_that_begins_them() -> None:
    asked: list[Any] = []
    top = [
        {"token": " Y", "logprob": -3.0}, {"token": "Yes", "logprob": -0.1},
        {"token": " ", "logprob": -4.0}, {"token": "The", "logprob": -6.0},
    ]  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        told = {"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": top}]}
        choice = {"delta": {"content": "Yes"}, "finish_reason": "length", "logprobs": told}
        return httpx.Response(200, text=f"data: {json.dumps({'choices': [choice]})}\n\n")

    assert generator(answer).weigh(MESSAGES, ["Yes", "No"]) == (-0.1, -6.0)
    assert (asked[0]["max_tokens"], asked[0]["logprobs"], asked[0]["top_logprobs"]) == (1, True, 20)


def test_a_server_that_tells_no_weights_gives_none() -> None:
    assert generator(event("Yes", "length")).weigh(MESSAGES, ["Yes", "No"]) == ()

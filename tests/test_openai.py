from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from model_server import (
    GOOD,
    PATIENCE_SECONDS,
    ModelServer,
    Script,
    event,
    hangs,
    hangs_after,
    hangs_up,
    says,
)

from rag.errors import GenerationError, UnanswerableError
from rag.generate.openai import CLOSED, OpenAIGenerator
from rag.types import Message

MESSAGES = [Message("system", "Be brief."), Message("user", "你好 world")]
Make = Callable[..., OpenAIGenerator]


@pytest.fixture
def generator() -> Iterator[Make]:
    """Makes generators whose server is a function, a text, or none at all."""
    made: list[OpenAIGenerator] = []

    def make(
        answer: str | Callable[[httpx.Request], httpx.Response] = "",
        status: int = 200,
        **others: Any,
    ) -> OpenAIGenerator:
        def handle(request: httpx.Request) -> httpx.Response:
            return answer(request) if callable(answer) else httpx.Response(status, text=answer)

        async def no_pause(seconds: float) -> None:
            pass

        given = {
            "urls": ["http://127.0.0.1:9/v1/"], "model": "qwen", "api_key": "secret",
            "tokenizer": None, "max_model_len": 1000, "transport": httpx.MockTransport(handle),
            "pause": no_pause,
        }  # fmt: skip
        made.append(OpenAIGenerator(**(given | others)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def served(generator: Make) -> Iterator[Callable[..., tuple[OpenAIGenerator, ModelServer]]]:
    """A generator with a real server on loopback."""
    servers: list[ModelServer] = []

    def start(
        *scripts: Script, models: Script | None = None, **others: Any
    ) -> tuple[OpenAIGenerator, ModelServer]:
        servers.append(ModelServer(*scripts, models=models))
        made = generator(urls=[servers[-1].url], transport=None, **others)
        return made, servers[-1]

    yield start
    for server in servers:
        server.close()


Served = Callable[..., tuple[OpenAIGenerator, ModelServer]]


def test_streams_and_takes_the_servers_counts(generator: Make) -> None:
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
    generator: Make, tokenizer: LetterTokenizer | None, avoid: str, bias: dict[str, int] | None
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
def test_a_refusal_of_the_server_names_url_and_cure(
    generator: Make, status: int, cure: str
) -> None:
    generation = generator('{"error": "no"}', status).generate(MESSAGES, max_tokens=5)
    with pytest.raises(GenerationError, match=rf"127.0.0.1:9.*{status}.*{cure}"):
        list(generation)


def test_no_server_is_an_error_with_a_cure(generator: Make) -> None:
    real = generator(urls=["http://127.0.0.1:1/v1"], transport=None)
    with pytest.raises(GenerationError, match=r"127.0.0.1:1/v1 cannot.*Start the server"):
        list(real.generate(MESSAGES, max_tokens=5))
    assert real.state == "unreachable"
    (server,) = real.servers()
    assert (server["state"], server["outstanding"]) == ("failing", 0)
    assert "Start the server" in server["failure"]


@pytest.mark.parametrize("script", [hangs, hangs_after(), hangs_after(event("He"))])
def test_closing_hangs_up_at_once_and_lets_the_reader_go(served: Served, script: Script) -> None:
    """Before the head, before the first word, and within the answer; from another thread."""
    made, server = served(script)
    generation = made.generate(MESSAGES, max_tokens=5)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend(generation))
    reader.start()
    assert server.arrived.acquire(timeout=PATIENCE_SECONDS)
    generation.close()
    assert server.asked[0].gone.wait(PATIENCE_SECONDS)
    reader.join(PATIENCE_SECONDS)
    assert not reader.is_alive() and read in ([], ["He"])
    assert list(generation) == [] and made.state == "ready"
    generation.close()


def test_leaving_an_answer_closes_its_connection_alone(served: Served) -> None:
    made, server = served(hangs_after(event("He")), hangs_after(event("He")), GOOD)
    first, second = (made.generate(MESSAGES, max_tokens=5) for _ in range(2))
    assert next(iter(first)) == next(iter(second)) == "He"
    gone = {exchange.gone for exchange in server.asked}
    first.close()
    while not any(one.wait(0.01) for one in gone):
        pass
    assert sum(one.is_set() for one in gone) == 1
    assert "".join(made.generate(MESSAGES, max_tokens=5)) == "Hello"
    second.close()


def test_closing_the_model_ends_answers_under_way(served: Served) -> None:
    made, server = served(hangs)
    generation = made.generate(MESSAGES, max_tokens=5)
    assert server.arrived.acquire(timeout=PATIENCE_SECONDS)
    made.close()
    with pytest.raises(GenerationError, match=CLOSED):
        list(generation)
    assert server.asked[0].gone.wait(PATIENCE_SECONDS)
    with pytest.raises(GenerationError, match=CLOSED):
        made.generate(MESSAGES, max_tokens=5)


def test_a_follow_up_goes_to_the_server_that_read_its_sources(generator: Make) -> None:
    servers = [ModelServer(GOOD) for _ in range(3)]
    try:
        made = generator(urls=[server.url for server in servers], transport=None)
        for number in range(6):
            asked = [Message("system", "Be brief."), Message("user", f"{number} Which pump?")]
            later = [*asked, Message("assistant", "Blue."), Message("user", "How tall?")]
            for prompt in (asked, later):
                assert "".join(made.generate(prompt, max_tokens=5)) == "Hello"
        for server in servers:
            firsts = [exchange.body["messages"][1]["content"] for exchange in server.asked]
            assert len(firsts) == 4 and firsts[0] == firsts[1] and firsts[2] == firsts[3]
    finally:
        for server in servers:
            server.close()


def test_without_usage_tokens_are_counted(served: Served) -> None:
    made, _ = served(GOOD, tokenizer=LetterTokenizer())
    generation = made.generate(MESSAGES, max_tokens=5)
    assert "".join(generation) == "Hello" and generation.completion_tokens == 5
    assert generation.prompt_tokens == len("Be brief.你好 world")


def told(length: Any) -> Script:
    entry = {"id": "qwen", "owned_by": "vllm", "max_model_len": length}
    return says(json.dumps({"data": [entry]}), kind="application/json")


@pytest.mark.parametrize(
    ("models", "wanted", "length"),
    [
        (told(4096), None, 4096),
        (told(4096), 2000, 2000),
        (told(4096), 8000, 4096),
        (told(100_000), None, 100_000),
        (told("long"), None, 32_768),
        (hangs_up, 2000, 2000),
    ],
)
def test_the_length_is_what_the_server_tells_and_no_more_than_is_set(
    served: Served, models: Script, wanted: int | None, length: int
) -> None:
    made, server = served(GOOD, models=models, max_model_len=wanted)
    made.learn()
    assert made.max_model_len == length and len(server.looked) == 1
    assert server.looked[0].headers["authorization"] == "bearer secret"


def test_estimates_are_on_the_safe_side(generator: Make) -> None:
    counted = generator("")
    assert counted.count_tokens("你好") == 2
    assert counted.count_tokens("hello world, how are you") >= 6
    with pytest.raises(UnanswerableError, match="max_model_len"):
        generator("", max_model_len=30).generate(MESSAGES, max_tokens=10)


@pytest.mark.model
def test_with_the_models_tokenizer_counts_are_exact(generator: Make, generator_folder: str) -> None:
    from rag.tokens import ChatTokenizer

    tokenizer = ChatTokenizer.from_folder(generator_folder)
    exact = generator(tokenizer=tokenizer)
    assert exact.count_chat_tokens(MESSAGES) == len(tokenizer.encode_chat(MESSAGES))
    guessed = generator("")
    assert guessed.count_chat_tokens(MESSAGES) >= exact.count_chat_tokens(MESSAGES)


def test_a_schema_is_sent_as_a_response_format(generator: Make) -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["response_format"])
        return httpx.Response(200, text=event("{}", "stop"))

    schema = {"type": "object"}
    assert list(generator(answer).generate(MESSAGES, max_tokens=7, schema=schema)) == ["{}"]
    shape = {"name": "answer", "schema": schema, "strict": True}
    assert asked == [{"type": "json_schema", "json_schema": shape}]


def test_words_weigh_as_the_likeliest_token_that_begins_them(generator: Make) -> None:
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


def test_a_server_that_tells_no_weights_gives_none(generator: Make) -> None:
    assert generator(event("Yes", "length")).weigh(MESSAGES, ["Yes", "No"]) == ()

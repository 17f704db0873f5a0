"""Qwen (or any chat model) through vLLM's `LLM` class, streamed; on a GPU or the processor."""

from __future__ import annotations

import itertools
import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rag.errors import GenerationError, ModelError, SettingError
from rag.tokens import ChatTokenizer
from rag.types import Message

log = logging.getLogger(__name__)

CPU_MAX_MODEL_LEN = 8192
CPU_FULL_PROMPTS = 2  # of full length that the CPU's cache holds at once
CPU_BATCHED_TOKENS = 512  # a step can't be interrupted: this bounds how long a stop takes
GPU_MAX_MODEL_LEN = 32_768
CLOSE_SECONDS = 30.0
BYTES_PER_VALUE = 2  # bfloat16
NEVER = -100.0  # the bias of a token that is not to be written


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """How the engine runs. `max_model_len` None picks what suits the device."""

    device: str = "cpu"
    max_model_len: int | None = None
    tensor_parallel_size: int = 1
    gpu_memory_utilization: float = 0.85
    kv_cache_dtype: str = "auto"


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step added to one request."""

    request_id: str
    text: str
    num_tokens: int
    finish_reason: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine is asked for: the prompt's tokens, and `avoided`, which it never writes."""

    request_id: str
    ids: list[int]
    max_tokens: int
    temperature: float
    avoided: tuple[int, ...] = ()


class Engine(Protocol):
    """The engine as its thread uses it; every call may raise."""

    def add(self, request: Request) -> None: ...
    def abort(self, request_id: str) -> None: ...
    def step(self) -> list[Delta]: ...
    def close(self) -> None: ...


def kv_bytes_per_token(config: dict[str, Any]) -> int:
    """Memory of the keys and values of one token, in 16 bits."""
    heads = int(config["num_attention_heads"])
    head_dim = int(config.get("head_dim") or config["hidden_size"] // heads)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    return int(config["num_hidden_layers"]) * kv_heads * head_dim * 2 * BYTES_PER_VALUE


def engine_arguments(path: str, config: dict[str, Any], options: VllmOptions) -> dict[str, Any]:
    """What `LLM(...)` is given. Raises SettingError if the length is beyond the model's reach."""
    is_cpu = options.device == "cpu"
    native = int(config.get("max_position_embeddings", GPU_MAX_MODEL_LEN))
    default = CPU_MAX_MODEL_LEN if is_cpu else GPU_MAX_MODEL_LEN
    max_model_len = options.max_model_len or min(default, native)
    arguments: dict[str, Any] = {
        "model": path,
        "max_model_len": max_model_len,
        "enable_prefix_caching": True,
        "use_tqdm_on_load": False,
        "seed": 0,
    }
    if is_cpu:
        arguments |= {
            "dtype": "bfloat16",
            "enforce_eager": True,
            "max_num_batched_tokens": CPU_BATCHED_TOKENS,
            "kv_cache_memory_bytes": kv_bytes_per_token(config) * max_model_len * CPU_FULL_PROMPTS,
        }
    else:
        arguments |= {
            "tensor_parallel_size": options.tensor_parallel_size,
            "gpu_memory_utilization": options.gpu_memory_utilization,
            "kv_cache_dtype": options.kv_cache_dtype,
        }
    if max_model_len > native:
        arguments["hf_overrides"] = _yarn(config, native, max_model_len)
    return arguments


def _yarn(config: dict[str, Any], native: int, max_model_len: int) -> dict[str, Any]:
    """Positions stretched as Qwen2.5's model card says (Peng et al. 2023, arXiv:2309.00071)."""
    factor = 4.0
    if config.get("model_type") != "qwen2" or max_model_len > factor * native:
        longest = int(factor * native) if config.get("model_type") == "qwen2" else native
        raise SettingError(
            f"max_model_len is {max_model_len}, but this model reaches {longest}. Set it lower."
        )
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    return {
        "rope_parameters": {
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": native,
            "rope_theta": float(theta),  # vLLM does not take it from the rest of the config
        }
    }


def prepare_process(device: str) -> None:
    """Set what vLLM reads from the environment; before torch or vLLM is imported."""
    settings = {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    if device == "cpu":
        settings |= {
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
        }
    for name, value in settings.items():
        os.environ.setdefault(name, value)


class VllmEngine:
    """vLLM's `LLM`, as text pieces by request."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        import vllm

        self._llm: Any = vllm.LLM(**arguments)
        self._engine: Any = self._llm.llm_engine

    def add(self, request: Request) -> None:
        from vllm import SamplingParams
        from vllm.inputs import tokens_input
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            logit_bias=dict.fromkeys(request.avoided, NEVER) or None,
            output_kind=RequestOutputKind.DELTA,
        )
        self._engine.add_request(request.request_id, tokens_input(request.ids), params)

    def abort(self, request_id: str) -> None:
        self._engine.abort_request([request_id])

    def step(self) -> list[Delta]:
        deltas = []
        for output in self._engine.step():
            first = output.outputs[0]
            reason = first.finish_reason if output.finished else None
            deltas.append(Delta(output.request_id, first.text, len(first.token_ids), reason))
        return deltas

    def close(self) -> None:
        self._engine.engine_core.shutdown()


class VllmGeneration:
    """One answer under way. The engine's thread puts in; the asker iterates."""

    def __init__(
        self, request_id: str, prompt_tokens: int, abort: Callable[[VllmGeneration], None]
    ) -> None:
        self.request_id = request_id
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.finish_reason: str | None = None
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
        return len(self._tokenizer.encode(text))

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt, chat template and the answer's opening included."""
        return len(self._tokenizer.encode_chat(messages))

    def generate(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        avoid: str = "",
    ) -> VllmGeneration:
        """Begin to write an answer, never with the first token of `avoid`.

        Raises GenerationError if the prompt does not fit.
        """
        ids = self._tokenizer.encode_chat(messages)
        if len(ids) + max_tokens > self.max_model_len:
            raise GenerationError(
                f"The prompt has {len(ids)} tokens and the answer may have {max_tokens}, but "
                f"{self.name} holds {self.max_model_len}. Ask for less, or raise max_model_len."
            )
        avoided = tuple(self._tokenizer.encode(avoid)[:1])
        name = f"answer-{next(self._numbers)}"
        generation = VllmGeneration(name, len(ids), self._inbox.put)
        with self._lock:
            if self._dead is not None:
                raise GenerationError(self._dead)
            request = Request(name, ids, max_tokens, temperature, avoided)
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

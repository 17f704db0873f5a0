"""vLLM's engine, as its thread uses it: requests in, pieces of text out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

NEVER = -100.0  # the bias of a token that is not to be written


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step added to one request. `weights` are of the tokens that it weighs.

    `cached_tokens` of its prompt had been read before, for another request.
    """

    request_id: str
    text: str
    num_tokens: int
    finish_reason: str | None
    weights: tuple[float, ...] = ()
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine is asked for: the prompt's tokens, and `avoided`, which it never writes.

    `schema` is the JSON schema of what it may write. Of the tokens `weighed` the log-probability at
    each step is told.
    """

    request_id: str
    ids: list[int]
    max_tokens: int
    temperature: float
    avoided: tuple[int, ...] = ()
    schema: Mapping[str, Any] | None = None
    weighed: tuple[int, ...] = ()


class Engine(Protocol):
    """The engine as its thread uses it; every call may raise."""

    def add(self, request: Request) -> None: ...
    def abort(self, request_id: str) -> None: ...
    def step(self) -> list[Delta]: ...
    def close(self) -> None: ...


class VllmEngine:
    """vLLM's `LLM`, as text pieces by request."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        import vllm

        try:
            self._llm: Any = vllm.LLM(**arguments)
        except BaseException:
            _clean_up()  # else the next try finds half an engine in its way
            raise
        self._engine: Any = self._llm.llm_engine
        self._weighed: dict[str, tuple[int, ...]] = {}

    def add(self, request: Request) -> None:
        from vllm import SamplingParams
        from vllm.inputs import tokens_input
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        schema = request.schema
        params = SamplingParams(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            logit_bias=dict.fromkeys(request.avoided, NEVER) or None,
            logprob_token_ids=list(request.weighed) or None,
            structured_outputs=None
            if schema is None
            else StructuredOutputsParams(json=dict(schema)),
            output_kind=RequestOutputKind.DELTA,
        )
        self._engine.add_request(request.request_id, tokens_input(request.ids), params)
        if request.weighed:
            self._weighed[request.request_id] = request.weighed

    def abort(self, request_id: str) -> None:
        self._engine.abort_request([request_id])
        self._weighed.pop(request_id, None)

    def step(self) -> list[Delta]:
        deltas = []
        for output in self._engine.step():
            first = output.outputs[0]
            reason = first.finish_reason if output.finished else None
            weights = self._weights(output.request_id, first.logprobs)
            num_tokens, num_cached = len(first.token_ids), output.num_cached_tokens or 0
            deltas.append(
                Delta(output.request_id, first.text, num_tokens, reason, weights, num_cached)
            )
            if reason is not None:
                self._weighed.pop(output.request_id, None)
        return deltas

    def _weights(self, request_id: str, steps: Any) -> tuple[float, ...]:
        """Of the last token written, if it was asked for."""
        weighed = self._weighed.get(request_id, ())
        return tuple(float(steps[-1][token].logprob) for token in weighed) if steps else ()

    def close(self) -> None:
        """Stop it, and let all go that it holds, so that another one may be opened."""
        try:
            self._engine.engine_core.shutdown()
        finally:
            del self._llm, self._engine
            _clean_up()


def _clean_up() -> None:
    """What vLLM keeps for the whole process."""
    from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

    cleanup_dist_env_and_memory()

"""The thread that owns the engine: requests join and leave, and a broken engine is opened again."""

from __future__ import annotations

import gc
import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from rag.errors import GenerationError
from rag.generate.vllm_engine import Delta, Engine, Request
from rag.generate.vllm_failure import explain_failure

log = logging.getLogger(__name__)

State = Literal["loading", "ready", "restarting", "stopped"]
Say = Callable[[str], None]

CLOSE_SECONDS = 30.0
MAX_RESTARTS = 6  # without STABLE_SECONDS between; then a person has to look
STABLE_SECONDS = 600.0
MAX_DELAY_SECONDS = 60.0
CLOSED = "The language model was closed."


def restart_delay(num_failures: int) -> float:
    """Seconds before the restart after so many failures in a row: 1, 2, 4 ... 60."""
    return min(MAX_DELAY_SECONDS, 2.0 ** (num_failures - 1))


class VllmGeneration:
    """One answer under way. The engine's thread puts in; the asker iterates."""

    def __init__(
        self, request_id: str, prompt_tokens: int, abort: Callable[[VllmGeneration], None]
    ) -> None:
        self.request_id = request_id
        self.prompt_tokens = prompt_tokens
        self.cached_tokens = 0  # of the prompt, that had been read before
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
            self.cached_tokens = max(self.cached_tokens, item.cached_tokens)
            self.completion_tokens += item.num_tokens
            self.weights = self.weights or item.weights
            if item.finish_reason is not None:
                self._ended = True
                self.finish_reason = item.finish_reason
            if item.text:
                yield item.text

    def close(self) -> None:
        """Stop writing; harmless when it has ended. From any thread: who iterates is woken."""
        if not self._ended:
            self._ended = True
            self.finish_reason = "abort"
            self._abort(self)
            self._deltas.put(Delta(self.request_id, "", 0, "abort"))


@dataclass(frozen=True, slots=True)
class _Asked:
    generation: VllmGeneration
    request: Request


class EngineThread:
    """Opens the engine with `open_engine` in a thread of its own, and batches what is asked.

    When a step raises, the answers under way end with GenerationError, and the engine is opened
    again after a pause that doubles. Questions meanwhile are refused at once rather than kept:
    the cause may be one of them, and loading takes longer than people wait without a word.
    Raises whatever the first opening raises.
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        say: Say = lambda line: None,
        *,
        delay: Callable[[int], float] = restart_delay,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: State = "loading"
        self._open_engine, self._say, self._delay, self._clock = open_engine, say, delay, clock
        self._inbox: queue.SimpleQueue[_Asked | VllmGeneration | None] = queue.SimpleQueue()
        self._active: dict[str, VllmGeneration] = {}
        self._lock = threading.Lock()
        self._refusal: str | None = None  # what askers are told instead of an answer
        self._closing = threading.Event()
        self._opened: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="footnote-engine", daemon=True)
        self._thread.start()
        if (error := self._opened.get()) is not None:
            raise error

    def ask(self, request: Request) -> VllmGeneration:
        """Hand a request over. Raises GenerationError while there is no engine."""
        generation = VllmGeneration(request.request_id, len(request.ids), self._inbox.put)
        with self._lock:
            if self._refusal is not None:
                raise GenerationError(self._refusal)
            self._inbox.put(_Asked(generation, request))
        return generation

    def close(self) -> None:
        """Let the engine go; answers under way end with GenerationError."""
        self._closing.set()
        self._inbox.put(None)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.warning("The language model did not stop within %.0f s.", CLOSE_SECONDS)

    # In the thread

    def _run(self) -> None:
        try:
            engine: Engine | None = self._open_engine()
        except Exception as error:
            self.state = "stopped"
            self._opened.put(error)
            return
        self.state = "ready"
        self._opened.put(None)
        num_failures = 0
        while engine is not None:
            started = self._clock()
            reason = self._serve(engine)
            engine = None  # else its memory would stay beside the next one's
            gc.collect()
            if reason is None:
                break
            is_stable = self._clock() - started >= STABLE_SECONDS
            engine, num_failures = self._reopen(reason, 0 if is_stable else num_failures)
        if self._closing.is_set():
            self._refuse("stopped", CLOSED)

    def _serve(self, engine: Engine) -> str | None:
        """Answer until it is closed (None) or the engine breaks: then why.

        The error itself is let go here, and logged as text, since its traceback holds the engine.
        """
        try:
            while self._take(engine):
                if self._active:
                    self._step(engine)
            self._refuse("stopped", CLOSED)
            return None
        except Exception as error:
            log.error("The language model's engine failed.\n%s", traceback.format_exc())
            reason = explain_failure(error)
            self._refuse(
                "restarting",
                f"The language model failed: {reason} It is being restarted; ask again shortly.",
            )
            return reason
        finally:
            try:
                engine.close()
            except Exception:  # of a broken engine, this is no news
                log.debug("The engine did not close cleanly.", exc_info=True)

    def _reopen(self, reason: str, num_failures: int) -> tuple[Engine | None, int]:
        """A new engine, and how often in a row it failed; None if closed meanwhile, or in vain."""
        while num_failures < MAX_RESTARTS:
            num_failures += 1
            seconds = self._delay(num_failures)
            self._say(f"The language model failed: {reason} It is started again in {seconds:g} s.")
            if self._closing.wait(seconds):
                return None, num_failures
            try:
                engine = self._open_engine()
            except Exception as error:
                log.error("The engine could not be started again.\n%s", traceback.format_exc())
                reason = explain_failure(error)
                gc.collect()
                continue
            with self._lock:
                self.state, self._refusal = "ready", None
            self._say("The language model answers again.")
            return engine, num_failures
        told = (
            f"The language model failed {num_failures + 1} times in a row and is not started "
            f"again: {reason} Mend that, then start Footnote again; generator none answers by "
            "quoting."
        )
        self._refuse("stopped", told)
        self._say(told)
        return None, num_failures

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
        self._active[generation.request_id] = generation
        try:
            engine.add(asked.request)
        except ValueError as error:  # the request is at fault, and fails alone
            del self._active[generation.request_id]
            generation.put(GenerationError(f"vLLM refused the question ({error})."))

    def _step(self, engine: Engine) -> None:
        for delta in engine.step():
            if (generation := self._active.get(delta.request_id)) is None:
                continue
            if delta.finish_reason is not None:
                del self._active[delta.request_id]
            if delta.finish_reason == "error":
                told = "vLLM gave the answer up; a schema that it cannot follow is the usual cause."
                generation.put(GenerationError(f"{told} Simplify the schema, or ask without it."))
            else:
                generation.put(delta)

    def _refuse(self, state: State, reason: str) -> None:
        """From now on everyone who asks, and whoever waits, is told why there is no answer."""
        with self._lock:
            self.state, self._refusal = state, reason
            waiting = list(self._active.values())
            self._active.clear()
            while not self._inbox.empty():
                if isinstance(item := self._inbox.get(), _Asked):
                    waiting.append(item.generation)
        for generation in waiting:
            generation.put(GenerationError(reason))

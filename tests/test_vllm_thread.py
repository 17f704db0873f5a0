from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from letter_engine import LetterEngine

from rag.errors import GenerationError
from rag.generate.vllm_engine import Delta, Request
from rag.generate.vllm_failure import explain_failure
from rag.generate.vllm_thread import (
    MAX_RESTARTS,
    STABLE_SECONDS,
    EngineThread,
    VllmGeneration,
    restart_delay,
)

PATIENCE_SECONDS = 60.0


class BreakingEngine(LetterEngine):
    """Breaks at the step of its own that `breaks_at` names, if any."""

    def __init__(self, breaks_at: int | None, error: Exception) -> None:
        super().__init__({})
        self.breaks_at, self.error = breaks_at, error
        self.num_steps = 0

    def step(self) -> list[Delta]:
        self.num_steps += 1
        if self.num_steps == self.breaks_at:
            raise self.error
        return super().step()


class Workshop:
    """Opens engines: of each plan's entry the step that breaks, "never", or an error to raise."""

    def __init__(self, *plan: int | str | Exception, clock: Callable[[], float] | None = None):
        self.plan = list(plan)
        self.engines: list[BreakingEngine] = []
        self.lines: list[str] = []
        self.failures: list[int] = []
        self.answers_again = threading.Semaphore(0)
        self.gave_up = threading.Event()
        more: dict[str, Any] = {"clock": clock} if clock else {}
        self.thread = EngineThread(self.open, self.say, delay=self.delay, **more)

    def open(self) -> BreakingEngine:
        entry = self.plan.pop(0) if self.plan else "never"
        if isinstance(entry, Exception):
            raise entry
        breaks_at = entry if isinstance(entry, int) else None
        self.engines.append(BreakingEngine(breaks_at, RuntimeError("step broke")))
        return self.engines[-1]

    def delay(self, num_failures: int) -> float:
        self.failures.append(num_failures)
        return 0.0

    def say(self, line: str) -> None:
        self.lines.append(line)
        if "answers again" in line:
            self.answers_again.release()
        if "not started" in line:
            self.gave_up.set()

    def ask(self, name: str = "x", max_tokens: int = 5) -> VllmGeneration:
        return self.thread.ask(Request(name, [1, 2, 3], max_tokens, 0.0))


@pytest.fixture
def workshop() -> Iterator[Callable[..., Workshop]]:
    made: list[Workshop] = []

    def start(*plan: int | str | Exception, **more: Any) -> Workshop:
        made.append(Workshop(*plan, **more))
        return made[-1]

    yield start
    for one in made:
        one.thread.close()


def test_pauses_double_up_to_a_minute() -> None:
    assert [restart_delay(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_broken_engine_ends_its_answers_and_is_opened_again(
    workshop: Callable[..., Workshop],
) -> None:
    shop = workshop(2, "never")
    generation = shop.ask("first")
    with pytest.raises(GenerationError, match=r"step broke.*restarted"):
        list(generation)
    assert list(generation) == []
    assert shop.answers_again.acquire(timeout=PATIENCE_SECONDS)
    assert "".join(shop.ask("second")) == "abcde"
    assert shop.thread.state == "ready" and shop.engines[0].is_closed
    assert not shop.engines[1].is_closed
    assert "started again in 0 s" in shop.lines[0]


def test_while_it_restarts_askers_are_told_at_once() -> None:
    opening, may_open = threading.Event(), threading.Event()
    engines = [BreakingEngine(1, RuntimeError("step broke")), BreakingEngine(None, OSError())]

    def open_engine() -> BreakingEngine:
        if len(engines) == 1:
            opening.set()
            may_open.wait(PATIENCE_SECONDS)
        return engines.pop(0)

    again = threading.Event()
    thread = EngineThread(
        open_engine, lambda line: again.set() if "again." in line else None, delay=lambda n: 0.0
    )
    try:
        with pytest.raises(GenerationError):
            list(thread.ask(Request("a", [1], 3, 0.0)))
        assert opening.wait(PATIENCE_SECONDS)
        assert thread.state == "restarting"
        with pytest.raises(GenerationError, match="being restarted"):
            thread.ask(Request("b", [1], 3, 0.0))
        may_open.set()
        assert again.wait(PATIENCE_SECONDS)
        assert "".join(thread.ask(Request("c", [1], 3, 0.0))) == "abc"
    finally:
        may_open.set()
        thread.close()


def test_after_some_failures_it_stays_down_and_says_what_to_do(
    workshop: Callable[..., Workshop],
) -> None:
    errors = [RuntimeError("CUDA out of memory") for _ in range(MAX_RESTARTS)]
    shop = workshop(1, *errors)
    with pytest.raises(GenerationError):
        list(shop.ask())
    assert shop.gave_up.wait(PATIENCE_SECONDS)
    assert shop.failures == list(range(1, MAX_RESTARTS + 1))
    with pytest.raises(GenerationError, match=r"not started again.*max_model_len") as caught:
        shop.ask()
    assert "start Footnote again" in str(caught.value) and shop.thread.state == "stopped"


def test_failures_far_apart_are_not_counted_together(workshop: Callable[..., Workshop]) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += STABLE_SECONDS
        return now[0]

    shop = workshop(*[1] * 10, clock=clock)
    for number in range(10):
        with pytest.raises(GenerationError):
            list(shop.ask(str(number)))
        assert shop.answers_again.acquire(timeout=PATIENCE_SECONDS)
    assert shop.failures == [1] * 10


def test_closing_ends_the_pause(workshop: Callable[..., Workshop]) -> None:
    paused = threading.Event()

    def open_engine() -> BreakingEngine:
        return BreakingEngine(1, RuntimeError("step broke"))

    def delay(num_failures: int) -> float:
        paused.set()
        return PATIENCE_SECONDS

    thread = EngineThread(open_engine, delay=delay)
    with pytest.raises(GenerationError):
        list(thread.ask(Request("a", [1], 3, 0.0)))
    assert paused.wait(PATIENCE_SECONDS)
    thread.close()
    assert thread.state == "stopped"
    with pytest.raises(GenerationError, match="closed"):
        thread.ask(Request("b", [1], 3, 0.0))


def test_an_answer_given_up_by_the_engine_is_an_error(workshop: Callable[..., Workshop]) -> None:
    shop = workshop()
    shop.engines[0].step = lambda: [Delta("x", "", 0, "error")]  # type: ignore[method-assign]
    with pytest.raises(GenerationError, match="schema"):
        list(shop.ask("x"))
    assert shop.thread.state == "ready"


def test_the_first_opening_raises_its_own_error() -> None:
    def fail() -> LetterEngine:
        raise KeyError("weights")

    with pytest.raises(KeyError, match="weights"):
        EngineThread(fail)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
        type("OutOfMemoryError", (RuntimeError,), {})("tried to allocate"),
        ValueError("No available memory for the cache blocks. Try increasing"),
        ValueError("To serve at least one request (131072), (7 GiB KV cache is needed"),
        RuntimeError("Engine core initialization failed. See root cause above."),
        type("EngineDeadError", (Exception,), {})("EngineCore encountered an issue"),
    ],
)
def test_too_little_memory_names_the_settings(error: Exception) -> None:
    text = explain_failure(error)
    assert all(s in text for s in ("max_model_len", "gpu_memory_utilization", "kv_cache_dtype"))


def test_other_failures_are_told_as_they_are() -> None:
    text = explain_failure(KeyError("lm_head"))
    assert "KeyError" in text and "lm_head" in text and "max_model_len" not in text


@settings(max_examples=40, deadline=None)
@given(
    breaks=st.lists(st.integers(1, 6), max_size=3),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    leave_after=st.lists(st.integers(0, 5), min_size=12, max_size=12),
)
def test_whatever_breaks_every_asker_gets_the_whole_answer_or_an_error(
    breaks: list[int], lengths: list[int], leave_after: list[int]
) -> None:
    """Many threads ask, some leave early, and engines break: nobody waits for ever."""
    shop = Workshop(*breaks)
    ends: dict[int, str] = {}

    def converse(number: int) -> None:
        try:
            generation = shop.ask(f"r{number}", lengths[number])
            text = ""
            for piece in generation:
                text += piece
                if number % 3 == 0 and len(text) > leave_after[number]:
                    generation.close()
            whole = "abcdefghijkl"[: lengths[number]]
            is_whole = text == whole and generation.finish_reason == "length"
            has_left = whole.startswith(text) and generation.finish_reason == "abort"
            ends[number] = "well" if is_whole or has_left else f"{text} {generation.finish_reason}"
        except GenerationError as error:
            ends[number] = "error" if "step broke" in str(error) else str(error)

    threads = [threading.Thread(target=converse, args=(n,)) for n in range(len(lengths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    shop.thread.close()
    assert len(ends) == len(lengths) and set(ends.values()) <= {"well", "error"}
    assert breaks or set(ends.values()) == {"well"}
    assert all(engine.is_closed for engine in shop.engines)
    if not breaks:
        assert not shop.engines[0].written  # whoever left, left nothing behind


def test_closing_wakes_who_waits_for_the_first_word() -> None:
    aborted: list[VllmGeneration] = []
    generation = VllmGeneration("x", 3, aborted.append)
    taken: list[str] = []
    has_begun = threading.Event()

    def read() -> None:
        for text in generation:
            taken.append(text)
            has_begun.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    generation.put(Delta("x", "a", 1, None))
    assert has_begun.wait(PATIENCE_SECONDS)
    generation.close()
    reader.join(PATIENCE_SECONDS)
    assert not reader.is_alive() and taken == ["a"] and aborted == [generation]

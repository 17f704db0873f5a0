"""Equal questions at once: one is answered, the others wait for it, and none fails with another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.ask_options import AskOptions
from rag.cache.answers import AnswerCache, KeptAnswer
from rag.cache.flights import Flights, Waiter
from rag.cache.tolerant import TolerantStore
from rag.errors import GenerationError
from rag.generate.stopping import STOPPED, Stopper
from rag.recorded import RecordedFootnote
from rag.recorder import Recorder
from rag.types import Answer, AnswerEvent, AnswerFinished, AnswerText, SourcesFound

ASKED = "Which colour is the pump?"
SAID = "It is blue."


def answer(text: str = SAID) -> Answer:
    return Answer(ASKED, text, False, (), (), (), 10, 3, "m")


def until(is_so: Callable[[], bool]) -> None:
    """Look again and again; a test that waits in vain fails."""
    tick = threading.Event()
    for _ in range(6000):
        if is_so():
            return
        tick.wait(0.005)
    raise AssertionError("it never came to that")


# Flights alone


def test_the_first_leads_and_the_others_get_what_it_lands_with() -> None:
    flights, kept = Flights(), KeptAnswer(answer(), (SAID,))
    flight, is_ours = flights.begin("k")
    assert is_ours and flights.begin("k") == (flight, False) and flights.begin("other")[1]
    landed: list[Any] = []
    waiting = [
        threading.Thread(
            target=lambda: landed.append((flights.wait(flight, Waiter()), flight.kept))
        )
        for _ in range(4)
    ]
    for thread in waiting:
        thread.start()
    until(lambda: len(flight.waiters) == 4)
    flights.end("k", flight, "kept", kept, "near")
    flights.end("k", flight, "failed")  # the first word counts
    for thread in waiting:
        thread.join()
    assert landed == [("kept", kept)] * 4 and flight.lookup == "near" and not flight.waiters
    assert flights.wait(flight, Waiter()) == "kept"
    assert flights.begin("k") == (flight, False)  # until the answer is stored
    flights.forget("k", flight)
    assert flights.begin("k")[1]


def test_a_waiter_that_is_closed_waits_no_more() -> None:
    flights, waiter = Flights(), Waiter()
    flight, _ = flights.begin("k")
    waiter.close()
    assert flights.wait(flight, waiter) is None and not flight.waiters


def test_nobody_waits_for_an_answer_that_is_not_taken_further() -> None:
    now = [0.0]
    flights = Flights(lambda: now[0], idle_seconds=0.001)
    flight, _ = flights.begin("k")
    flights.hand_out(flight)
    now[0] = 1.0
    assert flights.wait(flight, Waiter()) is None
    flight.idle_since = None  # it is asked on: now it is waited for, however long it takes
    landed: list[Any] = []
    thread = threading.Thread(target=lambda: landed.append(flights.wait(flight, Waiter())))
    thread.start()
    until(lambda: bool(flight.waiters))
    flights.end("k", flight, "left")
    thread.join()
    assert landed == ["left"]


# The pipeline behind them


class Memory:
    """A store that is a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, value: bytes, family: str = "", vector: bytes = b"") -> None:
        self.kept[key] = value

    def family(self, family: str) -> list[tuple[str, bytes]]:
        return []

    def remove(self, key: str) -> None: ...
    def close(self) -> None: ...


class Pipeline:
    """Answers as its outcomes say, one after another: ok, fail, or another state of the documents.

    It waits until `gate` is open, or the question is stopped.
    """

    num_unranked = 0

    def __init__(self, *outcomes: str) -> None:
        self.outcomes, self.num_states = list(outcomes), 0
        self.gate, self.lock = threading.Event(), threading.Lock()
        self.num_begun = self.num_under_way = self.most_under_way = 0

    def state(self) -> str:
        return f"state {self.num_states}"

    def setup(self) -> dict[str, Any]:
        return {}

    def stream(self, question: str, history: Any, options: AskOptions) -> Iterator[AnswerEvent]:
        with self.lock:
            self.num_begun += 1
            self.num_under_way += 1
            self.most_under_way = max(self.most_under_way, self.num_under_way)
            outcome = self.outcomes.pop(0) if self.outcomes else "ok"
        try:
            assert self.gate.wait(30)
            yield SourcesFound((), ())
            if options.stopper is not None:
                options.stopper.check()
            if outcome == "fail":
                raise GenerationError("it died")
            yield AnswerText(SAID)
            if outcome == "changed":
                with self.lock:
                    self.num_states += 1
            yield AnswerFinished(answer())
        finally:
            with self.lock:
                self.num_under_way -= 1


class Asked:
    """A recorded pipeline, and who asks it in threads."""

    def __init__(self, pipeline: Pipeline, store: Any = None) -> None:
        self.pipeline = pipeline
        cache = AnswerCache(TolerantStore(lambda: store or Memory()))
        self.footnote = RecordedFootnote(pipeline, Recorder(cache=cache))  # type: ignore[arg-type]
        self.flights = self.footnote._flights
        self.answers: list[Answer] = []
        self.failures: list[str] = []
        self._threads: list[threading.Thread] = []

    def ask(self, stopper: Stopper | None = None) -> None:
        def work() -> None:
            try:
                self.answers.append(self.footnote.ask(ASKED, options=AskOptions(stopper=stopper)))
            except GenerationError as error:
                self.failures.append(str(error))

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    @property
    def num_waiting(self) -> int:
        return sum(len(flight.waiters) for flight in list(self.flights._under_way.values()))

    def done(self) -> None:
        self.pipeline.gate.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        assert self.flights._under_way == {} and self.pipeline.num_under_way == 0


def test_equal_questions_at_once_are_answered_once() -> None:
    asked = Asked(Pipeline())
    for _ in range(6):
        asked.ask()
    until(lambda: asked.num_waiting == 5)
    asked.done()
    assert asked.pipeline.num_begun == 1
    assert [one.text for one in asked.answers] == [SAID] * 6
    assert sorted(one.cached for one in asked.answers) == [False] + [True] * 5


def test_a_cache_that_keeps_nothing_does_not_make_them_wait_in_vain() -> None:
    store = Memory()
    store.put = lambda *_: None  # type: ignore[method-assign, assignment]
    asked = Asked(Pipeline(), store)
    for _ in range(3):
        asked.ask()
    until(lambda: asked.num_waiting == 2)
    asked.done()
    assert asked.pipeline.num_begun == 1 and len(asked.answers) == 3


def test_whoever_stops_waiting_leaves_at_once_and_disturbs_nobody() -> None:
    asked, stopper = Asked(Pipeline()), Stopper()
    asked.ask()
    until(lambda: asked.pipeline.num_begun == 1)
    asked.ask(stopper)
    asked.ask()
    until(lambda: asked.num_waiting == 2)
    stopper.stop()
    until(lambda: asked.num_waiting == 1)
    until(lambda: asked.failures == [STOPPED])
    asked.done()
    assert asked.pipeline.num_begun == 1 and len(asked.answers) == 2


def test_when_the_first_leaves_the_next_goes_on_alone() -> None:
    asked = Asked(Pipeline())
    asked.pipeline.gate.set()
    stream = asked.footnote.stream(ASKED)
    next(stream)
    asked.pipeline.gate.clear()
    (flight,) = asked.flights._under_way.values()
    flight.idle_since = None  # as if it were under way
    for _ in range(3):
        asked.ask()
    until(lambda: asked.num_waiting == 3)
    stream.close()
    until(lambda: asked.pipeline.num_begun == 2 and asked.num_waiting == 2)
    asked.done()
    assert sorted(one.cached for one in asked.answers) == [False, True, True]


def test_who_is_stopped_while_it_answers_has_not_failed() -> None:
    """Those who wait do not count it as one of the failures after which they wait no more."""
    for outcome, landing in (("ok", "left"), ("fail", "failed")):
        asked, stopper = Asked(Pipeline(outcome)), Stopper()
        asked.ask(stopper)
        until(lambda asked=asked: asked.pipeline.num_begun == 1)  # type: ignore[misc]
        (flight,) = asked.flights._under_way.values()
        if landing == "left":
            stopper.stop()
        asked.done()
        assert flight.landing == landing and len(asked.failures) == 1


def test_one_thread_may_ask_twice_at_once() -> None:
    """Whoever holds an answer half read does not lock themselves out."""
    asked = Asked(Pipeline())
    asked.pipeline.gate.set()
    asked.flights._idle_seconds = 0.01
    first = asked.footnote.stream(ASKED)
    next(first)
    assert asked.footnote.ask(ASKED).text == SAID
    assert [event for event in first if isinstance(event, AnswerFinished)]
    asked.done()


def test_without_a_cache_nobody_waits() -> None:
    asked = Asked(Pipeline())
    asked.footnote._recorder.answer_cache = None
    for _ in range(3):
        asked.ask()
    until(lambda: asked.pipeline.num_under_way == 3)
    asked.done()
    assert not any(one.cached for one in asked.answers)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["ok", "fail", "changed"]), max_size=6), st.integers(1, 7))
def test_a_failure_is_its_own_askers_alone(outcomes: list[str], number: int) -> None:
    asked = Asked(Pipeline(*outcomes))
    for _ in range(number):
        asked.ask()
    until(lambda: asked.num_waiting == number - 1)
    asked.done()
    begun = (outcomes + ["ok"] * number)[: asked.pipeline.num_begun]
    assert len(asked.failures) == begun.count("fail")
    assert len(asked.answers) == number - len(asked.failures)
    assert sum(not one.cached for one in asked.answers) == len(begun) - begun.count("fail")
    if "changed" not in begun and begun.count("fail") < 2:
        assert asked.pipeline.most_under_way == 1
        assert begun == ["fail"] * (len(begun) - 1) + ["ok"] or set(begun) == {"fail"}


def test_a_model_that_fails_always_does_not_keep_them_in_line() -> None:
    """After two failures the rest find out at once, not one after another."""
    asked = Asked(Pipeline(*["fail"] * 20))
    for _ in range(8):
        asked.ask()
    until(lambda: asked.num_waiting == 7)
    asked.done()
    assert asked.failures == ["it died"] * 8

"""The pipeline, with a cache before it and a record of every question."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from rag.ask_options import USUAL, AskOptions
from rag.cache.answers import AnswerCache, KeptAnswer, as_cached
from rag.cache.flights import MAX_FAILED, Flight, Flights, Landing, Lookup, Waiter
from rag.cache.keys import ask_key, family_key, find_key
from rag.origin import Origin, current_origin
from rag.pipeline import Footnote
from rag.recorder import Observation, Recorder
from rag.retriever import EVERYTHING
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    Found,
    Hit,
    Message,
    Passage,
    SourcesFound,
)
from rag.where import Mode, Where


class RecordedFootnote:
    """Asks as Footnote does. Safe to use from many threads.

    A cached answer comes in the same events as a fresh one. It is served only for the very state
    of the documents, setup, options and conversation that it was written for. Who asks what is
    just being answered waits for that answer, and gets it as a cached one.
    """

    def __init__(self, footnote: Footnote, recorder: Recorder) -> None:
        self.footnote, self._recorder = footnote, recorder
        self._setup: dict[str, Any] = {**recorder.setup, **footnote.setup()}
        self._flights = Flights()

    def search(
        self, query: str, top_k: int = 10, *, mode: Mode = "hybrid", where: Where = EVERYTHING
    ) -> list[Hit]:
        """The best chunks for a query, best first."""
        return list(self.find(query, top_k, mode=mode, where=where).hits)

    def find(
        self, query: str, top_k: int = 10, *, mode: Mode = "hybrid", where: Where = EVERYTHING
    ) -> Found:
        """The best chunks that the filter lets through, and how they were found.

        Raises SearchError if there is no such mode.
        """
        cache = self._recorder.cache
        with self._recorder.record("search", query, current_origin()) as seen, seen.inside():
            key, state = "", self.footnote.state() if cache else ""
            if state:
                key = find_key(self._setup, state, query, top_k, mode, where)
            found = cache.found(key) if cache and key else None
            if found is not None:
                timings = {"total": seen.elapsed_ms()}
                found = replace(found, timings_ms=timings, cached=True)
            else:
                unranked = self.footnote.num_unranked
                found = self.footnote.find(query, top_k, mode=mode, where=where)
                is_lasting = self.footnote.num_unranked == unranked
                if cache and key and self.footnote.state() == state and is_lasting:
                    cache.keep_found(key, found)
            if key:
                seen.entry.cache = "hit" if found.cached else "miss"
            seen.see_found(found)
            return found

    def ask(
        self, question: str, history: Sequence[Message] = (), options: AskOptions = USUAL
    ) -> Answer:
        """Answer at once. Raises GenerationError if the model fails."""
        with closing(self.stream(question, history, options)) as events:
            for event in events:
                if isinstance(event, AnswerFinished):
                    return event.answer
        raise AssertionError("a stream ends with AnswerFinished")

    def stream(
        self, question: str, history: Sequence[Message] = (), options: AskOptions = USUAL
    ) -> Iteration[AnswerEvent, None, None]:
        """Answer in pieces: the sources, then text and citations, then the whole answer.

        Closing the iterator stops the model. Raises GenerationError if the model fails.
        """
        return self._stream(question, tuple(history), options, current_origin())

    def answer_from(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer from these passages, without a search, cache or record."""
        return self.footnote.answer_from(question, passages)

    def _stream(
        self, question: str, history: tuple[Message, ...], options: AskOptions, origin: Origin
    ) -> Iteration[AnswerEvent, None, None]:
        with self._recorder.record("ask", question, origin) as seen:
            with seen.inside():
                asked = _Asked(self, self._recorder.answer_cache, question, history, options)
            with asked.landing():
                with seen.inside():
                    kept = asked.look_up(seen)
                events = _replay(kept, question, seen) if kept is not None else asked.fresh()
                with closing(events):
                    while True:
                        with seen.inside():  # not across the yield: its taker may change threads
                            event = next(events, None)
                        if event is None:
                            return
                        seen.see(event)
                        yield event


def _replay(
    kept: KeptAnswer, question: str, seen: Observation
) -> Iteration[AnswerEvent, None, None]:
    """A kept answer as it came, with the times of now."""
    timings = {"retrieve": seen.elapsed_ms()}
    for event in replace(kept, answer=as_cached(kept.answer, question, timings)).replay():
        if not isinstance(event, SourcesFound):
            timings.setdefault("first_token", seen.elapsed_ms())
        yield event
    timings["total"] = seen.elapsed_ms()
    yield AnswerFinished(as_cached(kept.answer, question, timings))


class _Asked:
    """One question before a cache: looked up, waited for, or answered afresh and kept."""

    def __init__(
        self,
        recorded: RecordedFootnote,
        cache: AnswerCache | None,
        question: str,
        history: tuple[Message, ...],
        options: AskOptions,
    ) -> None:
        self._footnote, self._setup = recorded.footnote, recorded._setup
        self._flights = recorded._flights
        self._flight: Flight | None = None  # the one that this question leads
        self._question, self._history, self._options = question, history, options
        is_lasting = cache is not None and not options.temperature  # else each may be another
        self._state = self._footnote.state() if is_lasting else ""
        self._cache = cache if self._state else None
        self._unranked = self._footnote.num_unranked
        self._key = self._family = ""
        if self._cache is not None:
            self._make_keys(self._cache)

    def _make_keys(self, cache: AnswerCache) -> None:
        common = self._setup, self._state
        try:
            self._key = ask_key(*common, self._question, self._history, self._options)
            if cache.similarity < 1.0:
                self._family = family_key(*common, self._history, self._options)
        except TypeError as error:  # an option that no key can hold
            cache.reject(str(error))
            self._cache = None

    def look_up(self, seen: Observation) -> KeptAnswer | None:
        """What is kept for it, or is written for it just now, if anything.

        Raises GenerationError if the question is stopped while it waits.
        """
        if self._cache is None:
            return None
        seen.entry.cache = "miss"
        if (flown := self._fly_along()) is not None:
            seen.entry.cache = flown.lookup
            return flown.kept
        lookup: Lookup = "hit"
        kept = self._cache.answer(self._key)
        if kept is None and self._family:
            kept = self._cache.near_answer(self._family, self._question, self._footnote.encode)
            lookup = "near"
        if kept is not None:
            seen.entry.cache = lookup
            self._land("kept", kept, lookup)
        return kept

    def fresh(self) -> Iteration[AnswerEvent, None, None]:
        """The pipeline's events; the answer is kept if no document changed meanwhile.

        It is stored once the last event is out: packing takes milliseconds, many under load.
        """
        events: list[AnswerEvent] = []
        kept: KeptAnswer | None = None
        try:
            with closing(
                self._footnote.stream(self._question, self._history, self._options)
            ) as stream:
                for event in stream:
                    if isinstance(event, AnswerFinished):
                        kept = self._kept(event.answer, events)
                        self._land("unkept" if kept is None else "kept", kept)
                    events.append(event)
                    if self._flight is not None:
                        self._flights.hand_out(self._flight)
                    yield event
                    if self._flight is not None:
                        self._flight.idle_since = None
        finally:
            if kept is not None:
                self._store(kept)

    @contextmanager
    def landing(self) -> Iterator[None]:
        """Whatever ends the question, those who wait for its answer hear of it."""
        stopper = self._options.stopper
        try:
            yield
        except Exception:
            self._land("left" if stopper is not None and stopper.is_stopped else "failed")
            raise
        finally:
            self._land("left")
            if self._flight is not None:
                self._flights.forget(self._key, self._flight)

    def _fly_along(self) -> Flight | None:
        """One that has landed with the answer; None where this question is to be answered here.

        Others then wait for it, unless nobody could be waited for.
        """
        num_failed = 0
        while num_failed < MAX_FAILED:
            flight, is_ours = self._flights.begin(self._key)
            if is_ours:
                self._flight = flight
                return None
            landing = self._wait(flight)
            if landing == "kept":
                return flight
            if landing in (None, "unkept"):
                return None
            num_failed += landing == "failed"
        return None

    def _wait(self, flight: Flight) -> Landing | None:
        stopper, waiter = self._options.stopper, Waiter()
        if stopper is not None:
            stopper.hold(waiter)
        landing = self._flights.wait(flight, waiter)
        if stopper is not None:
            stopper.check()
        return landing

    def _land(
        self, landing: Landing, kept: KeptAnswer | None = None, lookup: Lookup = "hit"
    ) -> None:
        if self._flight is not None:
            self._flights.end(self._key, self._flight, landing, kept, lookup)

    def _kept(self, answer: Answer, events: Sequence[AnswerEvent]) -> KeptAnswer | None:
        """None where it would not serve another."""
        cache, footnote = self._cache, self._footnote
        if cache is None or footnote.state() != self._state:
            return None
        if footnote.num_unranked != self._unranked:  # the next search may be a better one
            return None
        try:
            return KeptAnswer.of(answer, events)
        except ValueError as error:  # no replay would do
            cache.reject(str(error))
            return None

    def _store(self, kept: KeptAnswer) -> None:
        if self._cache is None:
            return
        vector = self._footnote.encode(self._question) if self._family else None
        try:
            self._cache.keep_answer(self._key, kept, self._family, vector)
        except (TypeError, ValueError) as error:  # a part without a form
            self._cache.reject(str(error))

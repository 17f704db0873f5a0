"""The pipeline, with a cache before it and a record of every question."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from rag.ask_options import USUAL, AskOptions
from rag.cache.answers import AnswerCache, KeptAnswer, as_cached
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
    of the documents, setup, options and conversation that it was written for.
    """

    def __init__(self, footnote: Footnote, recorder: Recorder) -> None:
        self.footnote, self._recorder = footnote, recorder
        self._setup: dict[str, Any] = {**recorder.setup, **footnote.setup()}

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
                kept = asked.look_up(seen)
            events = _replay(kept, question, seen) if kept is not None else asked.fresh()
            with closing(events):
                while True:
                    with seen.inside():  # not across the yield: who takes it may change threads
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
    """One question before a cache: looked up, or answered afresh and kept."""

    def __init__(
        self,
        recorded: RecordedFootnote,
        cache: AnswerCache | None,
        question: str,
        history: tuple[Message, ...],
        options: AskOptions,
    ) -> None:
        self._footnote, self._setup = recorded.footnote, recorded._setup
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
        """What is kept for it, if anything."""
        if self._cache is None:
            return None
        seen.entry.cache = "miss"
        if kept := self._cache.answer(self._key):
            seen.entry.cache = "hit"
        elif self._family:
            kept = self._cache.near_answer(self._family, self._question, self._footnote.encode)
            if kept is not None:
                seen.entry.cache = "near"
        return kept

    def fresh(self) -> Iteration[AnswerEvent, None, None]:
        """The pipeline's events; the answer is kept if no document changed meanwhile."""
        events: list[AnswerEvent] = []
        with closing(self._footnote.stream(self._question, self._history, self._options)) as stream:
            for event in stream:
                if isinstance(event, AnswerFinished):
                    self._keep(event.answer, events)
                events.append(event)
                yield event

    def _keep(self, answer: Answer, events: Sequence[AnswerEvent]) -> None:
        cache, footnote = self._cache, self._footnote
        if cache is None or footnote.state() != self._state:
            return
        if footnote.num_unranked != self._unranked:  # the next search may be a better one
            return
        vector = footnote.encode(self._question) if self._family else None
        try:
            cache.keep_answer(self._key, KeptAnswer.of(answer, events), self._family, vector)
        except (TypeError, ValueError) as error:  # a part without a form, or no replay would do
            cache.reject(str(error))

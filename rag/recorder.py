"""Where questions leave their marks: the cache, the audit log, the metrics and the log."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

from rag.audit import AuditLog, Entry
from rag.cache.answers import AnswerCache
from rag.log_context import logging_about
from rag.origin import Origin
from rag.prometheus import Metrics
from rag.spans import Span, begin, under
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerText,
    CitationFound,
    Found,
    Hit,
    Passage,
    SourcesFound,
)

log = logging.getLogger(__name__)


class Recorder:
    """What a program keeps of its questions; each part may be left out.

    `setup` is what of the settings an answer depends on; answers are cached only where they
    are `repeatable`, searches always.
    """

    def __init__(
        self,
        *,
        cache: AnswerCache | None = None,
        audit: AuditLog | None = None,
        metrics: Metrics | None = None,
        setup: Mapping[str, Any] | None = None,
        repeatable: bool = True,
    ) -> None:
        self.cache, self.audit, self.metrics = cache, audit, metrics
        self.setup = dict(setup or {})
        self.answer_cache = cache if repeatable else None

    @contextmanager
    def record(
        self, kind: Literal["ask", "search"], question: str, asker: Origin
    ) -> Iterator[Observation]:
        """Watch a question; what ends it, an error or leaving early too, is recorded once."""
        observation = Observation(self, kind, question, asker)
        counted = self.metrics is not None and kind == "ask"
        with self.metrics.answering() if counted and self.metrics else nullcontext():
            try:
                yield observation
            except GeneratorExit:
                observation.end("stopped")
                raise
            except BaseException as error:
                observation.end("failed", error)
                raise

    def keep(self, entry: Entry, steps: Mapping[str, float]) -> None:
        """Write down a question that has ended."""
        if self.audit is not None:
            lost_before = self.audit.num_lost
            self.audit.write(entry)
            if self.metrics is not None:
                self.metrics.lose(self.audit.num_lost - lost_before)
        if self.metrics is not None:
            self.metrics.observe(entry, steps)

    def close(self) -> None:
        if self.cache is not None:
            self.cache.close()


class Observation:
    """A question on its way: when what came, and what came of it."""

    def __init__(
        self, recorder: Recorder, kind: Literal["ask", "search"], question: str, asker: Origin
    ) -> None:
        self.entry = Entry(kind, question, id=asker.request_id or secrets.token_hex(8))
        self.entry.who, self.entry.client = asker.who, asker.client
        self.span: Span = begin("answer" if kind == "ask" else "find", id=self.entry.id)
        self._recorder = recorder
        self._started = time.perf_counter()
        self._steps: dict[str, float] = {}
        self._is_over = False

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Log lines and spans of what is done inside belong to this question."""
        with logging_about(question_id=self.entry.id), under(self.span):
            yield

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def see(self, event: AnswerEvent) -> None:
        """Note the time of what comes; the finished answer ends the question."""
        match event:
            case SourcesFound(passages=passages, found=found):
                self.entry.ms.setdefault("first_source", self.elapsed_ms())
                self.entry.sources = _sources(passages, ())
                self._steps = dict(found.timings_ms) if found else {}
            case AnswerText() | CitationFound():
                self.entry.ms.setdefault("first_token", self.elapsed_ms())
            case AnswerFinished(answer=answer):
                self._finish(answer)

    def _finish(self, answer: Answer) -> None:
        entry = self.entry
        entry.model = answer.model
        cited = [(one.path, one.page) for one in answer.citations]
        entry.sources = _sources(answer.passages, cited)
        if not answer.cached:
            entry.prompt_tokens = answer.prompt_tokens
            entry.completion_tokens = answer.completion_tokens
        self.end("refused" if answer.abstained else "answered")

    def see_found(self, found: Found) -> None:
        """A search ends."""
        self.entry.sources = _sources(found.hits, ())
        self._steps = dict(found.timings_ms)
        self.end("found")

    def end(
        self,
        outcome: Literal["answered", "refused", "found", "failed", "stopped"],
        error: BaseException | None = None,
    ) -> None:
        """Record it; the first end counts."""
        if self._is_over:
            return
        self._is_over = True
        entry = self.entry
        entry.outcome = outcome
        entry.ms["total"] = self.elapsed_ms()
        if error is not None:
            entry.error = f"{type(error).__name__}: {error}"
        self.span.tell(outcome=outcome, cache=entry.cache)
        self.span.end(error)
        self._recorder.keep(entry, {} if entry.cache in ("hit", "near") else self._steps)
        with self.inside():
            log.info(
                "%s: %s in %.0f ms", entry.kind, outcome, entry.ms["total"],
                extra={"client": entry.client, "cache": entry.cache},
            )  # fmt: skip


Place = tuple[str, int | None]


def _sources(shown: Sequence[Passage | Hit], cited: Sequence[Place]) -> list[dict[str, Any]]:
    """Paths and pages, each once: those cited first."""
    places: list[Place] = [
        (one.chunk.path, one.chunk.page) if isinstance(one, Hit) else (one.path, one.page)
        for one in shown
    ]
    held = set(cited)
    return [
        {"path": place[0], "page": place[1], "cited": place in held}
        for place in dict.fromkeys([*cited, *places])
    ]

"""What Prometheus reads: how many questions, how fast, what the index holds, how the model is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rag.audit import Entry

log = logging.getLogger(__name__)

BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    *(10.0, 20.0, 40.0, 80.0, 160.0),
)  # seconds: from a search to a long answer on a CPU
ENGINE_STATES = ("none", "loading", "ready", "restarting", "stopped")


@dataclass(frozen=True, slots=True)
class Condition:
    """How index and model are at a moment; times are seconds since 1970, 0 where there is none."""

    documents: int = 0
    chunks: int = 0
    failures: int = 0
    changes: int = 0
    changed_at: float = 0.0
    synced_at: float = 0.0
    engine: str = "loading"


class Metrics:
    """Counts, in a registry of its own. `condition` is asked at each reading. Thread-safe."""

    def __init__(self, condition: Callable[[], Condition], version: str) -> None:
        import prometheus_client as prometheus

        self._prometheus = prometheus
        self._registry = registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=registry)

        def make(kind: Any, name: str, about: str, labels: tuple[str, ...] = (), **how: Any) -> Any:
            return kind(f"footnote_{name}", about, labels, registry=registry, **how)

        counter, histogram = prometheus.Counter, prometheus.Histogram
        self._questions = make(
            counter, "questions", "Questions and searches by how they ended.",
            ("kind", "client", "outcome"),
        )  # fmt: skip
        self._stages = make(
            histogram, "answer_seconds", "From the question to the first source, word, the end.",
            ("stage", "cache"), buckets=BUCKETS,
        )  # fmt: skip
        self._steps = make(
            histogram, "search_seconds", "What a search takes, by its steps and in all.",
            ("step",), buckets=BUCKETS,
        )  # fmt: skip
        self._tokens = make(counter, "tokens", "Tokens read and written.", ("kind",))
        self._cache = make(counter, "cache_lookups", "Looks into the cache.", ("kind", "result"))
        self._cache_failures = make(counter, "cache_failures", "What the cache could not do.")
        self._limits_failures = make(
            counter, "limits_failures", "What could not be counted where limits are shared."
        )  # fmt: skip
        self._lost = make(counter, "audit_lost", "Entries that the audit log could not keep.")
        self._active = make(prometheus.Gauge, "active_answers", "Answers under way.")
        make(prometheus.Info, "build", "This program.").info({"version": version})
        registry.register(_ConditionCollector(condition))

    def exposition(self) -> tuple[bytes, str]:
        """The text that Prometheus reads, and its content type."""
        text: bytes = self._prometheus.generate_latest(self._registry)
        return text, self._prometheus.CONTENT_TYPE_LATEST

    def observe(self, entry: Entry, steps: Mapping[str, float]) -> None:
        """Count a question that ended; `steps` are the search's milliseconds."""
        self._questions.labels(entry.kind, entry.client, entry.outcome).inc()
        if entry.cache != "off":
            self._cache.labels(entry.kind, entry.cache).inc()
        for name, spent in entry.ms.items() if entry.kind == "ask" else ():
            self._stages.labels(name, entry.cache).observe(spent / 1000)
        for name, spent in steps.items():
            self._steps.labels(name).observe(spent / 1000)
        self._tokens.labels("prompt").inc(entry.prompt_tokens)
        self._tokens.labels("completion").inc(entry.completion_tokens)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count an answer as under way."""
        with self._active.track_inprogress():
            yield

    def cache_failed(self) -> None:
        self._cache_failures.inc()

    def limits_failed(self) -> None:
        self._limits_failures.inc()

    def lose(self, count: int) -> None:
        """Entries of the audit log that are lost."""
        self._lost.inc(count)


class _ConditionCollector:
    """Asks for the condition when Prometheus does; an index that cannot be read is said so."""

    def __init__(self, condition: Callable[[], Condition]) -> None:
        self._condition = condition

    def describe(self) -> Iterable[Any]:
        return ()  # else registering asks for the condition

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import GaugeMetricFamily

        def gauge(name: str, about: str, value: float) -> Any:
            return GaugeMetricFamily(f"footnote_{name}", about, value=value)

        try:
            now = self._condition()
        except Exception:  # any: the other figures are worth having all the same
            log.warning("The index cannot be read for the metrics.", exc_info=True)
            yield gauge("index_readable", "Whether the index can be read.", 0)
            return
        yield gauge("index_readable", "Whether the index can be read.", 1)
        yield gauge("index_documents", "Documents in the index.", now.documents)
        yield gauge("index_chunks", "Passages in the index.", now.chunks)
        yield gauge("index_failed_documents", "Files that could not be read.", now.failures)
        yield gauge("index_changes", "The number of the last change.", now.changes)
        yield gauge(
            "last_change_timestamp_seconds", "When the newest document was indexed.", now.changed_at
        )
        yield gauge("last_sync_timestamp_seconds", "When the last sync ended.", now.synced_at)
        engine = GaugeMetricFamily(
            "footnote_engine_state", "1 for the state of the language model.", labels=["state"]
        )
        for state in ENGINE_STATES:
            engine.add_metric([state], float(state == now.engine))
        yield engine

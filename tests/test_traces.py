from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGenerator, WordEncoder

from ingest.sync import sync
from rag import spans
from rag.errors import GenerationError, SettingError
from rag.indexes import Indexes
from rag.pipeline import Footnote
from rag.recorded import RecordedFootnote
from rag.recorder import Recorder

REPOSITORY = Path(__file__).resolve().parent.parent
ASKED = "How long is the warranty of the pump?"


@pytest.fixture
def exporter() -> Iterator[Any]:
    """OpenTelemetry's own exporter into memory, behind our tracer."""
    pytest.importorskip("opentelemetry.sdk", reason="pip install 'footnote[traces]'")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from rag.traces import OpenTelemetryTracer

    memory = InMemorySpanExporter()
    tracer = OpenTelemetryTracer(SimpleSpanProcessor(memory))
    spans.set_tracer(tracer)
    yield memory
    spans.set_tracer(None)
    tracer.close()


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pump.txt").write_text("The warranty of the pump lasts two years.")
    with Indexes(tmp_path / "index", dimension=1024, read_only=False) as opened:
        sync(opened, WordEncoder(), [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        yield opened


def ask(indexes: Indexes, *script: str, **others: Any) -> RecordedFootnote:
    generator = ScriptedGenerator(*script, **others)
    inner = Footnote(indexes, WordEncoder(), generator, max_answer_tokens=100)
    return RecordedFootnote(inner, Recorder())


def test_the_steps_of_an_answer_stand_below_it(exporter: Any, indexes: Indexes) -> None:
    ask(indexes, "The warranty of the pump lasts two years [1].").ask(ASKED)
    told = {span.name: span for span in exporter.get_finished_spans()}
    assert set(told) == {"answer", "search", "pack", "generate", "verify"}
    root = told["answer"]
    assert root.parent is None and root.attributes["footnote.outcome"] == "answered"
    assert len(root.attributes["footnote.id"]) == 16
    for name in ("search", "pack", "generate", "verify"):
        assert told[name].parent.span_id == root.context.span_id, name
        assert root.start_time <= told[name].start_time <= told[name].end_time <= root.end_time
    assert told["search"].attributes["footnote.hits"] == 1
    assert told["generate"].attributes["footnote.tokens"] > 0
    assert ASKED not in str([span.to_json() for span in exporter.get_finished_spans()])


def test_a_search_by_itself(exporter: Any, indexes: Indexes) -> None:
    ask(indexes).find("pump")
    found, root = exporter.get_finished_spans()
    assert (found.name, root.name) == ("search", "find")
    assert found.parent.span_id == root.context.span_id


def test_a_failure_is_told_without_its_text(exporter: Any, indexes: Indexes) -> None:
    footnote = ask(indexes, "The pump", error=GenerationError("secret"))
    with pytest.raises(GenerationError):
        footnote.ask(ASKED)
    told = {span.name: span for span in exporter.get_finished_spans()}
    for name in ("generate", "answer"):
        assert not told[name].status.is_ok and told[name].status.description == "GenerationError"
    assert "secret" not in str([span.to_json() for span in told.values()])


def test_leaving_ends_the_spans_and_is_no_error(exporter: Any, indexes: Indexes) -> None:
    stream = ask(indexes, "The warranty of the pump lasts two years [1]. " * 9).stream(ASKED)
    for _ in zip(stream, range(4), strict=False):
        pass
    stream.close()
    told = {span.name: span for span in exporter.get_finished_spans()}
    assert told["answer"].attributes["footnote.outcome"] == "stopped"
    assert told["generate"].status.is_unset and told["answer"].status.is_unset


def test_two_questions_do_not_mix(exporter: Any, indexes: Indexes) -> None:
    footnote = ask(indexes, "The warranty of the pump lasts two years [1].")
    one, other = footnote.stream(ASKED), footnote.stream("What lasts two years?")
    for _ in zip(one, other, strict=False):
        pass
    one.close(), other.close()
    told = exporter.get_finished_spans()
    roots = {span.context.span_id for span in told if span.name == "answer"}
    assert len(roots) == 2
    by_root = {
        root: {s.name for s in told if s.parent and s.parent.span_id == root} for root in roots
    }
    assert all({"search", "pack", "generate"} <= names for names in by_root.values())


def test_nothing_of_it_is_imported_unless_it_is_set() -> None:
    program = (
        "import sys; import rag.recording, rag.recorded, rag.cli\n"
        "from rag.config import Settings\n"
        "rag.recording.Recording(Settings()).close()\n"
        "for name in ('opentelemetry', 'redis', 'prometheus_client', 'structlog'):\n"
        "    assert name not in sys.modules, name"
    )
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": "", "HOME": "/"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_address_that_cannot_be() -> None:
    pytest.importorskip("opentelemetry.sdk")
    from rag.traces import open_tracer

    with pytest.raises(SettingError, match="traces_url"):
        open_tracer("127.0.0.1:4318")


def test_without_the_packages_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.traces import open_tracer

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingError, match=r"footnote\[traces\]"):
        open_tracer("http://127.0.0.1:4318/v1/traces")


def test_without_a_tracer_spans_are_nothing() -> None:
    with spans.span("x", a=1) as one:
        one.tell(b=2)
        assert one is spans.NO_SPAN is spans.begin("y")

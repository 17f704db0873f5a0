"""The pipeline behind a cache and a record: what is served from where, and what is written down."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cache_stores import redis_server
from fakes import ScriptedGenerator, WordEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sync import sync
from rag.ask_options import AskOptions
from rag.audit import AuditLog
from rag.cache.answers import AnswerCache
from rag.cache.redis_store import RedisStore
from rag.cache.sqlite_store import SqliteStore
from rag.cache.store import Store, StoreError
from rag.cache.tolerant import TolerantStore
from rag.errors import GenerationError, SearchError
from rag.indexes import Indexes
from rag.origin import Origin, asking_as
from rag.pipeline import Footnote
from rag.prometheus import Condition, Metrics
from rag.prompt import NOT_FOUND
from rag.recorded import RecordedFootnote
from rag.recorder import Recorder
from rag.types import (
    AnswerFinished,
    AnswerText,
    CitationFound,
    Message,
    SourcesFound,
)
from rag.where import Where

ASKED = "How long is the warranty of the pump?"
SAID = "The warranty of the pump lasts two years [1]."
PUMP = "The pump holds 1400 litres. The warranty of the pump lasts two years."


class Place:
    """A folder of documents with its index."""

    def __init__(self, folder: Path) -> None:
        self.docs = folder / "docs"
        self.docs.mkdir(parents=True)
        self.write("pump.txt", PUMP)
        self.write("cat.txt", "Cats sleep all day long in warm places.")
        self.encoder = WordEncoder()
        self.indexes = Indexes(folder / "index", dimension=1024, read_only=False)
        self.sync()

    def write(self, name: str, text: str) -> None:
        (self.docs / name).write_text(text)

    def sync(self) -> None:
        sync(self.indexes, self.encoder, [self.docs], max_file_bytes=10**6, max_chunk_tokens=100)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.indexes.close()


def open_cache(path: Path, similarity: float = 1.0) -> AnswerCache:
    def open_store() -> Store:
        return SqliteStore(path, max_bytes=10**7, max_seconds=1000)

    return AnswerCache(TolerantStore(open_store), similarity)


class Asked:
    """A recorded pipeline with everything that it writes."""

    def __init__(self, place: Place, folder: Path, *script: str, **others: Any) -> None:
        self.generator = ScriptedGenerator(*(script or (SAID,)), **others.pop("model", {}))
        cache = others.pop("cache", None) or open_cache(folder / "cache.sqlite3")
        self.audit = AuditLog(folder / "audit", days=30, max_file_bytes=10**6)
        self.metrics = Metrics(Condition, "1")
        recorder = Recorder(
            cache=cache, audit=self.audit, metrics=self.metrics,
            setup=others.pop("setup", None), repeatable=others.pop("repeatable", True),
        )  # fmt: skip
        self.inner = Footnote(
            place.indexes, place.encoder, self.generator, max_answer_tokens=100, **others
        )
        self.footnote = RecordedFootnote(self.inner, recorder)

    @property
    def num_written(self) -> int:
        return len(self.generator.prompts)

    def entries(self) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for path in sorted(self.audit.folder.glob("*.jsonl"))
            for line in path.read_text().splitlines()
        ]

    def metric(self, line: str) -> float:
        text = self.metrics.exposition()[0].decode()
        found = [one for one in text.splitlines() if one.startswith(line + " ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


def joined(events: list[Any]) -> str:
    return "".join(
        e.text if isinstance(e, AnswerText) else e.citation.label
        for e in events
        if isinstance(e, AnswerText | CitationFound)
    )


def test_the_same_question_is_written_once(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path)
    first = list(asked.footnote.stream(ASKED))
    again = list(asked.footnote.stream(f" {ASKED}\n"))
    assert asked.num_written == 1
    assert isinstance(again[0], SourcesFound) and isinstance(again[-1], AnswerFinished)
    assert joined(again) == joined(first) and again[0].passages == first[0].passages
    assert [e for e in again if isinstance(e, CitationFound)] == [
        e for e in first if isinstance(e, CitationFound)
    ]
    fresh, kept = first[-1].answer, again[-1].answer
    assert not fresh.cached and kept.cached and kept.found.cached
    assert kept.question == f" {ASKED}\n"
    same = replace(
        kept, question=ASKED, cached=False, timings_ms=fresh.timings_ms, found=fresh.found
    )
    assert same == fresh
    times = kept.timings_ms
    assert 0 <= times["retrieve"] <= times["first_token"] <= times["total"]
    assert asked.footnote.ask(ASKED).cached


def test_another_process_finds_it(place: Place, tmp_path: Path) -> None:
    Asked(place, tmp_path).footnote.ask(ASKED)
    other = Asked(place, tmp_path)
    assert other.footnote.ask(ASKED).cached and other.num_written == 0


def test_refusals_are_kept_too(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path, NOT_FOUND)
    assert asked.footnote.ask("Who paints?").abstained
    written = asked.num_written
    answer = asked.footnote.ask("Who paints?")
    assert answer.abstained and answer.cached and asked.num_written == written
    assert [entry["outcome"] for entry in asked.entries()] == ["refused", "refused"]


@pytest.mark.parametrize(
    "changed",
    [
        {"history": [Message("user", "hello")]},
        {"options": AskOptions(where=Where(globs=("pump.*",)))},
        {"options": AskOptions(mode="lexical")},
        {"options": AskOptions(scope="document")},
        {"question": "How long is the warranty of the pump"},
    ],
)
def test_a_question_asked_otherwise_is_another_one(
    place: Place, tmp_path: Path, changed: dict[str, Any]
) -> None:
    asked = Asked(place, tmp_path)
    asked.footnote.ask(ASKED)
    assert not asked.footnote.ask(**({"question": ASKED} | changed)).cached
    assert asked.num_written == 2


def test_access_is_never_crossed(place: Place, tmp_path: Path) -> None:
    """Who may not see the pump's document gets nothing of it, though the answer is kept."""
    asked = Asked(place, tmp_path)
    asked.footnote.ask(ASKED)
    asked.footnote.find("pump")
    hidden = Where(globs=("cat.*",))
    answer = asked.footnote.ask(ASKED, options=AskOptions(where=hidden))
    assert "pump" not in {passage.title for passage in answer.passages}
    assert {hit.chunk.title for hit in asked.footnote.find("pump", where=hidden).hits} == {"cat"}
    narrowed = Asked(place, tmp_path, where=hidden)  # a service for a part of the index
    assert not narrowed.footnote.ask(ASKED).cached


@pytest.mark.parametrize(
    "others", [{"setup": {"settings": 2}}, {"words_only": True}, {"model": {"max_model_len": 4000}}]
)
def test_another_setup_does_not_share(place: Place, tmp_path: Path, others: dict[str, Any]) -> None:
    Asked(place, tmp_path).footnote.ask(ASKED)
    other = Asked(place, tmp_path, **others)
    if "model" in others:
        other.generator.name = "another"
        other.footnote = RecordedFootnote(other.inner, other.footnote._recorder)
    assert not other.footnote.ask(ASKED).cached and other.num_written == 1


def test_json_by_a_schema_is_kept_with_its_sources(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schema = {"type": "object", "properties": {"litres": {"type": "number"}}}
    said = json.dumps({"found": True, "data": {"litres": 1400}})
    asked = Asked(place, tmp_path, said)
    options = AskOptions(schema=schema)
    first, again = (
        asked.footnote.ask("How many litres does the pump hold?", options=options) for _ in range(2)
    )
    assert (first.cached, again.cached, asked.num_written) == (False, True, 1)
    assert again.citations == first.citations and first.citations[0].pointer == "/litres"
    assert again.structured == first.structured and again.text == first.text
    assert "could not be cached" not in caplog.text


def test_that_an_answer_is_cut_off_is_kept(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path, model={"is_cut": True})
    answers = [asked.footnote.ask(ASKED) for _ in range(2)]
    assert [(one.cached, one.is_cut) for one in answers] == [(False, True), (True, True)]


def test_what_is_not_repeatable_is_not_kept_but_its_search_is(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path, repeatable=False)
    assert not asked.footnote.ask(ASKED).cached and not asked.footnote.ask(ASKED).cached
    assert not asked.footnote.find("pump").cached and asked.footnote.find("pump").cached
    assert [entry["cache"] for entry in asked.entries()] == ["off", "off", "miss", "hit"]


def test_errors_are_not_kept(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path, "The pump", model={"error": GenerationError("it died")})
    for _ in range(2):
        with pytest.raises(GenerationError, match="it died"):
            asked.footnote.ask(ASKED)
    assert asked.num_written == 2
    assert [entry["outcome"] for entry in asked.entries()] == ["failed", "failed"]
    assert asked.entries()[0]["error"] == "GenerationError: it died"
    with pytest.raises(SearchError):
        asked.footnote.find("pump", mode="no such")  # type: ignore[arg-type]
    assert asked.entries()[-1]["outcome"] == "failed"


def test_leaving_stops_the_model_and_keeps_nothing(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path, SAID + " The pump holds 1400 litres [1]." * 20)
    stream = asked.footnote.stream(ASKED)
    for event in stream:
        if isinstance(event, AnswerText):
            break
    assert asked.metric("footnote_active_answers") == 1
    stream.close()
    assert asked.generator.generations[0].is_closed
    assert [entry["outcome"] for entry in asked.entries()] == ["stopped"]
    assert asked.metric("footnote_active_answers") == 0
    assert not asked.footnote.ask(ASKED).cached


def test_a_document_that_changes_while_an_answer_is_written(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path)
    stream = asked.footnote.stream(ASKED)
    next(stream)
    place.write("pump.txt", "The warranty of the pump lasts nine years.")
    place.sync()
    list(stream)
    store = SqliteStore(tmp_path / "cache.sqlite3", max_bytes=10**7, max_seconds=1000)
    assert store._open().execute("SELECT COUNT(*) FROM entries").fetchone() == (0,)
    store.close()
    assert not asked.footnote.ask(ASKED).cached


def test_a_search_that_the_reranker_had_no_time_for_is_not_kept(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(place, tmp_path)
    counts = itertools.count()
    monkeypatch.setattr(Footnote, "num_unranked", property(lambda self: next(counts)))
    asked.footnote.ask(ASKED)
    asked.footnote.find("pump")
    monkeypatch.setattr(Footnote, "num_unranked", property(lambda self: 7))
    assert not asked.footnote.ask(ASKED).cached and not asked.footnote.find("pump").cached
    assert asked.footnote.ask(ASKED).cached and asked.footnote.find("pump").cached


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["write", "delete", "move", "touch", "sentences", "nothing"]),
        st.sampled_from(["a.txt", "b.txt", "c.txt"]),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=10, deadline=None)
@given(EDITS)
def test_never_stale(tmp_path_factory: pytest.TempPathFactory, edits: list[Any]) -> None:
    """After any edit a search and an answer are those of a pipeline without a cache."""
    folder = tmp_path_factory.mktemp("edits")
    place = Place(folder)
    asked = Asked(place, folder)
    where = Where(globs=("a.*", "b.*", "pump.*"))
    try:
        for kind, name, number in edits:
            before = asked.inner.state()
            _edit(place, kind, name, number)
            assert (asked.inner.state() == before) <= (kind != "write")
            for _ in range(2):
                fresh = asked.inner.find("pump years", where=where)
                found = asked.footnote.find("pump years", where=where)
                assert found.hits == fresh.hits and found.notes == fresh.notes
                answer = asked.footnote.ask("How many years?", options=AskOptions(where=where))
                again = asked.inner.ask("How many years?", options=AskOptions(where=where))
                assert answer.passages == again.passages and answer.text == again.text
            assert found.cached and answer.cached
    finally:
        place.indexes.close()


_times = itertools.count(1_700_000_000)


def _edit(place: Place, kind: str, name: str, number: int) -> None:
    import os

    path, catalog = place.docs / name, place.indexes.catalog
    if kind == "write":
        written_at = next(_times)  # two writes within a tick of the clock look like one
        path.write_text(f"The pump {name} number {number} lasts {written_at} years.")
        os.utime(path, (written_at, written_at))
    elif kind == "delete":
        path.unlink(missing_ok=True)
    elif kind == "move" and path.exists():
        path.rename(place.docs / f"pump-{next(_times)}.txt")
    elif kind == "touch" and path.exists():
        os.utime(path, (next(_times), next(_times)))
    elif kind == "sentences":
        for key, text in catalog.texts_without_sentences("", 3):
            catalog.put_sentences([(key, place.encoder.encode_documents([text, text]))])
    place.sync()


def test_a_restored_backup_does_not_bring_back_what_was_kept_since(
    place: Place, tmp_path: Path
) -> None:
    """The number of the last change may come again, with another change; the state never does."""
    catalog = place.indexes.catalog
    state, sequence = catalog.state(), catalog.sequence()
    place.write("cat.txt", "Cats sleep.")
    place.sync()
    assert catalog.state() != state and catalog.sequence() > sequence
    with catalog._writing() as connection:
        connection.execute("DELETE FROM meta WHERE key = 'state'")
    asked = Asked(place, tmp_path)
    assert catalog.state() == ""
    assert not asked.footnote.ask(ASKED).cached and not asked.footnote.ask(ASKED).cached


def test_a_near_question_is_answered_if_that_is_wanted(place: Place, tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "near.sqlite3", similarity=0.9)
    asked = Asked(place, tmp_path, cache=cache)
    asked.footnote.ask(ASKED)
    near = "How long is the warranty of the blue pump?"
    answer = asked.footnote.ask(near)
    assert answer.cached and answer.question == near and asked.num_written == 1
    assert ASKED in answer.found.notes[-1]  # type: ignore[union-attr]
    assert not asked.footnote.ask("Who painted the ceiling?").cached
    assert not asked.footnote.ask("How long is the warranty of the pump 7?").cached
    assert not asked.footnote.ask(near, options=AskOptions(where=Where(globs=("cat.*",)))).cached
    assert [entry["cache"] for entry in asked.entries()] == ["miss", "near", "miss", "miss", "miss"]
    exact = Asked(place, tmp_path)
    assert not exact.footnote.ask(near).cached
    place.write("cat.txt", "Cats sleep.")
    place.sync()
    assert not asked.footnote.ask(near).cached


class Broken:
    def __getattr__(self, name: str) -> Callable[..., Any]:
        def fail(*arguments: Any) -> Any:
            raise StoreError("The cache is gone.")

        return fail


def test_a_broken_cache_never_stops_an_answer(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked(place, tmp_path)
    now = [0.0]
    store = TolerantStore(Broken, on_failure=asked.metrics.cache_failed, clock=lambda: now[0])
    asked.footnote._recorder.cache = asked.footnote._recorder.answer_cache = AnswerCache(store)
    for _ in range(3):
        assert asked.footnote.ask(ASKED).text and asked.footnote.find("pump").hits
    assert caplog.text.count("The cache is gone.") == 1
    assert asked.metric("footnote_cache_failures_total") == 1  # then it was left alone for a while
    now[0] += 31.0
    asked.footnote.ask(ASKED)
    assert caplog.text.count("The cache is gone.") == 1
    assert asked.metric("footnote_cache_failures_total") == 2
    now[0] += 31.0
    store._store._open, store._store._opened = (
        lambda: SqliteStore(tmp_path / "new", max_bytes=10**6, max_seconds=9),
        None,
    )
    assert not asked.footnote.ask(ASKED).cached and asked.footnote.ask(ASKED).cached
    assert "works again" in caplog.text


def test_what_cannot_be_kept_is_answered_all_the_same(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TolerantStore(lambda: SqliteStore(tmp_path / "c", max_bytes=10**7, max_seconds=9))
    asked = Asked(place, tmp_path, cache=AnswerCache(store))
    odd = AskOptions(general=object())  # type: ignore[arg-type]
    for _ in range(2):
        assert asked.footnote.ask(ASKED, options=odd).text
    assert caplog.text.count("could not be cached") == 1
    stream = asked.inner.stream

    def without_text(*arguments: Any) -> Iterator[Any]:
        yield from (e for e in stream(*arguments) if not isinstance(e, AnswerText))

    monkeypatch.setattr(asked.inner, "stream", without_text)
    for _ in range(2):
        assert not asked.footnote.ask(ASKED).cached
    assert caplog.text.count("could not be cached") == 2


def test_a_redis_that_dies_and_comes_back(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    with redis_server(tmp_path) as server:
        store = TolerantStore(
            lambda: RedisStore(server.url, max_seconds=1000), clock=lambda: now[0]
        )
        asked = Asked(place, tmp_path, cache=AnswerCache(store))
        asked.footnote.ask(ASKED)
        assert asked.footnote.ask(ASKED).cached
        server.stop()
        for _ in range(3):
            assert not asked.footnote.ask(ASKED).cached
        assert caplog.text.count("cannot be used") == 1 and "secret" not in caplog.text
        server.start()
        now[0] += 31.0
        assert not asked.footnote.ask(ASKED).cached and asked.footnote.ask(ASKED).cached
        store.close()


def test_a_damaged_entry_is_a_miss(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path)
    asked.footnote.ask(ASKED)
    store = SqliteStore(tmp_path / "cache.sqlite3", max_bytes=10**7, max_seconds=1000)
    store._open().execute("UPDATE entries SET value = x'00ff'")
    store.close()
    assert not asked.footnote.ask(ASKED).cached and asked.footnote.ask(ASKED).cached


def test_what_is_written_down(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path)
    with asking_as(Origin("alice", "api", "req-1")):
        asked.footnote.ask(ASKED)
    asked.footnote.ask(ASKED)
    asked.footnote.find("pump", 1)
    first, second, third = asked.entries()
    assert (first["who"], first["client"], first["id"]) == ("alice", "api", "req-1")
    assert (first["question"], first["kind"], first["outcome"]) == (ASKED, "ask", "answered")
    assert first["sources"][0] == {
        "path": str(place.docs / "pump.txt"), "page": None, "cited": True,
    }  # fmt: skip
    assert (first["cache"], second["cache"], first["model"]) == ("miss", "hit", "scripted")
    assert first["prompt_tokens"] > 0 and first["completion_tokens"] > 0
    assert (second["prompt_tokens"], second["completion_tokens"]) == (0, 0)
    assert list(first["ms"]) == ["first_source", "first_token", "total"]
    assert (second["who"], second["client"]) == ("", "library") and second["id"] != "req-1"
    assert (third["kind"], third["outcome"], len(third["sources"])) == ("search", "found", 1)


def test_what_is_counted(place: Place, tmp_path: Path) -> None:
    asked = Asked(place, tmp_path)
    for _ in range(3):
        asked.footnote.ask(ASKED)
    asked.footnote.find("pump")
    ask = 'kind="ask"'
    assert asked.metric(f'footnote_cache_lookups_total{{{ask},result="hit"}}') == 2
    assert asked.metric(f'footnote_cache_lookups_total{{{ask},result="miss"}}') == 1
    labels = f'client="library",{ask},outcome="answered"'
    assert asked.metric(f"footnote_questions_total{{{labels}}}") == 3
    assert asked.metric('footnote_tokens_total{kind="completion"}') > 0
    assert asked.metric('footnote_answer_seconds_count{cache="hit",stage="total"}') == 2
    assert asked.metric('footnote_search_seconds_count{step="total"}') == 2  # not of cached answers


def test_who_asks_in_a_thread_of_its_own(place: Place, tmp_path: Path) -> None:
    """The stream belongs to who called it, whichever threads take its events."""
    asked = Asked(place, tmp_path)
    with asking_as(Origin("bob", "page")):
        stream = asked.footnote.stream(ASKED)
    events: list[Any] = []
    for _ in range(100):
        thread = threading.Thread(target=lambda: events.append(next(stream, None)))
        thread.start()
        thread.join()
        if events[-1] is None:
            break
    assert isinstance(events[-2], AnswerFinished)
    assert [entry["who"] for entry in asked.entries()] == ["bob"]

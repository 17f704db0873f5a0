from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import WordEncoder

import ingest.sync
from ingest.reading import Reading
from ingest.sync import sync
from rag import parts
from rag.catalog import Catalog
from rag.config import Settings
from rag.documents import all_roots, changes_in, index_for, run_sync
from rag.errors import FootnoteError, IndexStateError, LibraryError, ModelError
from rag.indexes import Indexes
from rag.service import Service
from rag.where import Where

PATIENCE_SECONDS = 60.0


pytestmark = pytest.mark.usefixtures("fake_models")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "pump.txt").write_text("The pump is blue.")
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    started: list[Service] = []

    def make(*roots: Path, lines: list[str] | None = None, **others: Any) -> Service:
        encoder = others.pop("encoder", "auto")
        settings = Settings(
            index=tmp_path / "index", debounce_ms=100, encoder=encoder, cache_url="none"
        )
        said = [] if lines is None else lines
        service = Service(settings, said.append, **({"roots": roots} | others))
        started.append(service)
        service.start()
        return service

    yield make
    for service in started:
        service.close()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does; fail loudly when it does not."""
    tick = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.05)):
        if condition():
            return
        tick.wait(0.05)
    raise AssertionError("it did not happen")


def test_indexes_and_answers(start: Callable[..., Service], docs: Path) -> None:
    lines: list[str] = []
    service = start(docs, lines=lines)
    answer = service.footnote.ask("Which colour is the pump?")
    assert answer.text == "The pump is blue[1]."
    assert service.state() == "ready"
    status = service.status()
    assert (status["ready"], status["documents"], status["generator"]) == (True, 1, "scripted")
    assert status["roots"] == [str(docs)] and status["problem"] == ""
    assert any(line.startswith("Documents: 1 new") for line in lines)


def test_follows_the_folder(start: Callable[..., Service], docs: Path) -> None:
    service = start(docs)
    (docs / "cat.txt").write_text("Cats sleep in warm places.")

    def paths() -> list[str]:
        return [Path(hit.chunk.path).name for hit in service.footnote.search("cats pump", 5)]

    eventually(lambda: sorted(paths()) == ["cat.txt", "pump.txt"])
    (docs / "pump.txt").rename(docs / "engine.txt")
    eventually(lambda: sorted(paths()) == ["cat.txt", "engine.txt"])
    (docs / "engine.txt").unlink()
    eventually(lambda: paths() == ["cat.txt"])
    (docs / "cat.txt").write_text("Dogs bark at the moon every night.")
    eventually(lambda: "Dogs" in "".join(h.chunk.text for h in service.footnote.search("dogs", 5)))


def test_remembers_its_folders(start: Callable[..., Service], docs: Path, tmp_path: Path) -> None:
    start(docs).wait(PATIENCE_SECONDS)
    start(docs).close()
    service = start(is_watching=False)
    service.wait(PATIENCE_SECONDS)
    assert service.status()["roots"] == [str(docs)]


def test_a_second_process_follows_the_first_and_takes_over(
    start: Callable[..., Service], docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.service_sync.LOCK_RETRY_SECONDS", 0.05)
    encoder = WordEncoder()
    with Indexes(tmp_path / "index", dimension=1024, read_only=False) as writer:
        sync(writer, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        service = start()
        assert len(service.footnote.search("pump", 5)) == 1
        assert service.status()["follows_another_process"]
        (docs / "two.txt").write_text("A second pump.")
        sync(writer, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        assert len(service.footnote.search("pump", 5)) == 2
    eventually(lambda: not service.status()["follows_another_process"])
    (docs / "three.txt").write_text("A third pump.")
    eventually(lambda: len(service.footnote.search("pump", 5)) == 3)


class SlowEncoder(WordEncoder):
    """Waits for its gate before it encodes documents."""

    gate = threading.Event()

    def encode_documents(self, texts: Any) -> Any:
        assert self.gate.wait(PATIENCE_SECONDS)
        return super().encode_documents(texts)


def test_how_far_reading_is_can_be_seen_before_the_first_document_is_done(
    start: Callable[..., Service], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first slice is encoded, the second waits at the gate: of a long file neither is all."""
    encoder = SlowEncoder()
    encoder.gate.set()
    encode, encoded = encoder.encode_documents, list[int]()

    def encode_once(texts: Any) -> Any:
        rows = encode(texts)
        if not encoded:
            encoder.gate.clear()
        encoded.append(len(texts))
        return rows

    monkeypatch.setattr(encoder, "encode_documents", encode_once)
    monkeypatch.setattr(parts, "open_encoder", lambda settings, say: encoder)
    monkeypatch.setattr("ingest.sync.FIRST_SLICE_CHUNKS", 2)
    text = "".join(f"# Part {n}\n\n{f'pump{n} ' * 2000}\n\n" for n in range(5))
    (docs / "pump.txt").unlink()
    (docs / "pump.md").write_text(text)
    service = start(docs)
    eventually(lambda: "2 passages" in service.state())
    assert "eading 0 of 1 documents, 2 passages encoded" in service.state()
    assert service.status()["indexing"] == "0 of 1 documents, 2 passages encoded"
    encoder.gate.set()
    service.wait(PATIENCE_SECONDS)
    eventually(lambda: service.status()["indexing"] is None)


@pytest.mark.parametrize("has_old", [True, False])
def test_another_encoder_fills_a_generation_while_the_old_one_answers(
    has_old: bool,
    start: Callable[..., Service],
    docs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = start(docs)
    before.wait(PATIENCE_SECONDS)
    before.close()
    old, new = WordEncoder(), SlowEncoder(dimension=512, name="new")
    new.gate.clear()

    def open_encoder(settings: Settings, say: parts.Say) -> WordEncoder:
        if settings.encoder == "new":
            return new
        if not has_old:
            raise ModelError("no weights")
        return old

    monkeypatch.setattr(parts, "open_encoder", open_encoder)
    lines: list[str] = []
    service = start(encoder="new", lines=lines)
    reader = start(encoder="new", roots=None)
    old_catalog = service.catalog
    (document,) = old_catalog.documents()
    for one in (service, reader):
        assert [h.chunk.text for h in one.footnote.search("pump", 5)] == ["The pump is blue."]
    assert bool(old.queries) is has_old and new.queries == []
    assert any("encoder has changed" in line for line in lines)
    assert any("words alone" in line for line in lines) is not has_old
    new.gate.set()
    eventually(lambda: any("from now on" in line for line in lines))
    for one in (service, reader):
        assert [h.chunk.text for h in one.footnote.search("pump", 5)] == ["The pump is blue."]
    assert new.queries.count("pump") == 2
    assert old_catalog.documents()[0].document_id > document.document_id
    (docs / "two.txt").write_text("A second pump.")
    eventually(lambda: len(service.footnote.search("pump", 5)) == 2)
    reader.close()
    service.close()
    assert not (tmp_path / "index" / "catalog.sqlite3").exists()


def test_reading_only_needs_an_index(start: Callable[..., Service], docs: Path) -> None:
    with pytest.raises(IndexStateError):
        start(roots=None)
    start(docs).wait(PATIENCE_SECONDS)
    assert start(roots=None, with_generator=False).footnote.search("pump", 5)


def test_a_part_that_cannot_be_opened_is_told_to_everyone_who_asks(
    start: Callable[..., Service], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: Settings, say: parts.Say) -> None:
        raise ModelError("no weights")

    monkeypatch.setattr(parts, "open_encoder", fail)
    lines: list[str] = []
    service = start(docs, lines=lines)
    for _ in range(2):
        with pytest.raises(ModelError, match="no weights"):
            assert service.footnote
    assert service.state() == "stopped: no weights" and lines == ["no weights"]


def test_an_unexpected_failure_is_one_clean_message(
    start: Callable[..., Service], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "open_encoder", lambda settings, say: 1 / 0)
    with pytest.raises(FootnoteError, match="doctor"):
        start(docs).wait(PATIENCE_SECONDS)


def test_closing_while_loading_ends_those_who_wait(
    start: Callable[..., Service], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slow(settings: Settings, say: parts.Say) -> WordEncoder:
        gate.wait(PATIENCE_SECONDS)
        return WordEncoder()

    monkeypatch.setattr(parts, "open_encoder", slow)
    service = start(docs)
    assert not service.wait(0.01)
    closer = threading.Thread(target=service.close)
    closer.start()
    with pytest.raises(FootnoteError, match="stopped"):
        service.wait(PATIENCE_SECONDS)
    gate.set()
    closer.join(PATIENCE_SECONDS)


def test_another_folder_gets_an_index_of_its_own(
    start: Callable[..., Service], docs: Path, tmp_path: Path
) -> None:
    settings = Settings(index=tmp_path / "index")
    assert index_for(docs, settings) == tmp_path / "index"
    start(docs).wait(PATIENCE_SECONDS)
    assert index_for(docs, settings) == tmp_path / "index"
    other = index_for(tmp_path / "more", settings)
    assert other.parent == tmp_path and other.name.startswith("index-more-")
    with Catalog(tmp_path / "index" / "catalog.sqlite3", read_only=True) as catalog:
        assert all_roots([tmp_path], catalog) == [tmp_path, docs]


def test_what_changed_in_words() -> None:
    report = ingest.sync.SyncReport(new=2, removed=1, seconds=1.25)
    report.failed.append(ingest.sync.Failure("/a.pdf", "damaged", "/a.pdf: broken"))
    assert changes_in(report) == [
        "Documents: 2 new, 1 removed (1.2 s)",
        "Not read: /a.pdf (damaged: /a.pdf: broken)",
    ]
    assert changes_in(ingest.sync.SyncReport(unchanged=5)) == []


def test_what_people_add_is_part_of_every_sync_but_no_folder_of_theirs(
    start: Callable[..., Service], docs: Path, tmp_path: Path
) -> None:
    service = start(docs, is_watching=False)
    service.wait(PATIENCE_SECONDS)
    with service.uploads.begin("cat.txt", 9) as incoming:
        incoming.write(b"Cats meow")
        added = incoming.finish()
    service.sync_now()
    eventually(lambda: service.catalog.document_by_path(str(added)) is not None)
    assert service.status()["roots"] == [str(docs)]
    assert index_for(docs, service.settings) == tmp_path / "index"
    service.close()
    with Indexes(tmp_path / "index", dimension=1024, read_only=False) as indexes:
        report = run_sync(indexes, WordEncoder(), [docs], service.settings)
        assert (report.removed, report.unchanged) == (0, 2)


def test_a_command_finds_what_is_kept_and_nothing_of_conversations(
    start: Callable[..., Service], docs: Path
) -> None:
    service = start(docs, is_watching=False)
    for name, chat in (("kept.txt", None), ("chat.txt", "0" * 8 + "-0000" * 3 + "-" + "0" * 12)):
        with service.uploads.begin(name, 9, "local", chat) as incoming:
            incoming.write(b"cats " + name[:4].encode())
            incoming.finish()
    service.sync_now()
    eventually(lambda: service.catalog.counts()["documents"] == 3)
    found = start(roots=None, with_generator=False).footnote.search("cats", 5)
    assert {Path(hit.chunk.path).name for hit in found} == {"kept.txt", "pump.txt"}


def test_a_page_of_a_collection_also_finds_what_was_added(
    start: Callable[..., Service], docs: Path
) -> None:
    service = start(docs, is_watching=False, where=Where(types=("pdf",)))
    with service.uploads.begin("cat.txt", 9) as incoming:
        incoming.write(b"Cats meow")
        incoming.finish()
    service.sync_now()
    eventually(lambda: service.catalog.counts()["documents"] == 2)
    found = service.footnote.search("pump cats", 5)
    assert [Path(hit.chunk.path).name for hit in found] == ["cat.txt"]


def test_a_sync_under_way_begins_anew_for_what_was_added(
    start: Callable[..., Service], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file is read before the others that still wait, and none is lost."""
    monkeypatch.setattr("rag.documents.reading_of", lambda settings: Reading(readers=1))
    encoder = SlowEncoder()
    encoder.gate.clear()
    monkeypatch.setattr(parts, "open_encoder", lambda settings, say: encoder)
    monkeypatch.setattr("ingest.sync.FIRST_SLICE_CHUNKS", 1)
    for number in range(5):
        (docs / f"{number}.txt").write_text(f"Document {number} of the folder.")
    service = start(docs, is_watching=False)
    eventually(lambda: service.indexing is not None)
    with service.uploads.begin("cat.txt", 9) as incoming:
        incoming.write(b"Cats meow")
        incoming.finish()
    service.sync_now()
    encoder.gate.set()
    service.wait(PATIENCE_SECONDS)
    texts = [text.rpartition("\n")[2] for text in encoder.documents]
    assert len(texts) == len(set(texts)) == 7  # nothing is encoded twice
    assert texts.index("Cats meow") <= 1
    assert service.catalog.counts()["documents"] == 7
    assert service.sync_state().ended_at is not None


def test_expired_conversations_leave_the_index(start: Callable[..., Service], docs: Path) -> None:
    service = start(docs, is_watching=False)
    service.wait(PATIENCE_SECONDS)
    with service.uploads.begin(
        "cat.txt", 9, "local", "0" * 8 + "-0000" * 3 + "-" + "0" * 12
    ) as one:
        one.write(b"Cats meow")
        added = one.finish()
    service.sync_now()
    eventually(lambda: service.catalog.counts()["documents"] == 2)
    os.utime(added.parent, (0, 0))
    service.sync_now()
    eventually(lambda: service.catalog.counts()["documents"] == 1)
    assert not added.exists()


def test_an_index_that_cannot_be_written_is_searched_and_taken_over_once_it_can(
    start: Callable[..., Service], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(docs, is_watching=False)
    first.wait(PATIENCE_SECONDS)
    first.close()
    (docs / "cat.txt").write_text("Cats sleep in warm places.")
    monkeypatch.setattr("rag.service_sync.LOCK_RETRY_SECONDS", 0.05)
    shut = "The index cannot be written (Read-only file system)."
    opened = parts.open_indexes

    def open_shut(settings: Settings, dimension: int, **others: Any) -> Indexes:
        if not others["read_only"]:
            raise IndexStateError(shut)
        return opened(settings, dimension, **others)

    lines: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(parts, "open_indexes", open_shut)
        service = start(docs, lines=lines)
        hits = service.footnote.search("pump cats", 5)
        assert [Path(hit.chunk.path).name for hit in hits] == ["pump.txt"]
        state = service.sync_state()
        assert state.is_unwritable and state.problem == shut and not state.follows_another_process
        assert any(line.startswith(shut) for line in lines)
        with pytest.raises(LibraryError, match="Read-only"):
            service.library.sync_now()
        with pytest.raises(IndexStateError, match="Read-only"):
            service.check_writable()
    eventually(lambda: len(service.footnote.search("pump cats", 5)) == 2)
    assert not service.sync_state().is_unwritable and service.problem == ""
    service.check_writable()

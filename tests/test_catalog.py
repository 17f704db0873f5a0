from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

import rag.catalog
from rag.catalog import SCHEMA_VERSION, Catalog
from rag.errors import IndexStateError
from rag.types import Chunk


def chunks_of_lines(text: str) -> list[Chunk]:
    chunks, start = [], 0
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\n")
        chunks.append(Chunk(start, start + len(body), body, "Title", ("A", "B"), 3, "en"))
        start += len(line)
    return chunks


def put(catalog: Catalog, path: str, text: str) -> int:
    chunks = chunks_of_lines(text)
    keys = [f"key:{chunk.text}" for chunk in chunks]
    vectors = {key: np.full(4, len(key), dtype=np.float32) for key in keys}
    return catalog.put_document(path, "T", "hash", len(text), 7, text, chunks, keys, vectors)


@pytest.fixture
def catalog(tmp_path: Path):
    with Catalog(tmp_path / "c.sqlite3") as opened:
        yield opened


def test_what_is_put_comes_back(catalog: Catalog) -> None:
    document_id = put(catalog, "/a", "one\n二二\n")
    (document,) = catalog.documents()
    assert (document.document_id, document.path, document.size) == (document_id, "/a", 7)
    assert document == catalog.document_by_path("/a")
    assert catalog.document_by_path("/b") is None
    assert catalog.document_text(document_id) == "one\n二二\n"
    first, second = catalog.chunks_of(document_id)
    assert (first.text, first.headings, first.page) == ("one", ("A", "B"), 3)
    assert (second.start, second.end, second.ordinal, second.title) == (4, 6, 1, "T")
    assert catalog.chunks_by_ids([second.chunk_id, 99]) == {second.chunk_id: second}
    assert catalog.index_texts([first.chunk_id]) == [(first.chunk_id, "Title\none", "en")]
    assert catalog.counts() == {"documents": 1, "chunks": 2, "embeddings": 2, "failures": 0}
    assert catalog.verify() == []
    with pytest.raises(KeyError):
        catalog.document_text(99)


def test_vectors_keep_the_order_asked(catalog: Catalog) -> None:
    put(catalog, "/a", "x\nyyyy\n")
    first, second = catalog.live_chunk_ids().tolist()
    found = catalog.vectors([second, first, second])
    assert found.dtype == np.float32
    assert found.tolist() == [[8.0] * 4, [5.0] * 4, [8.0] * 4]
    assert catalog.vectors([]).shape[0] == 0
    with pytest.raises(KeyError):
        catalog.vectors([99])


def test_replacing_logs_and_never_reuses_ids(catalog: Catalog) -> None:
    put(catalog, "/a", "one\ntwo\n")
    old = catalog.live_chunk_ids().tolist()
    middle = catalog.sequence()
    put(catalog, "/a", "one\nthree\n")
    new = catalog.live_chunk_ids().tolist()
    assert not set(old) & set(new)
    assert catalog.changes_since(middle) == (new, old, middle + 4)
    assert catalog.changes_since(0) == (new, old, middle + 4)
    catalog.delete_document("/a")
    added, deleted, newest = catalog.changes_since(0)
    assert (added, deleted) == ([], sorted(old + new))
    put(catalog, "/a", "four\n")
    assert min(catalog.live_chunk_ids()) > max(deleted)
    assert catalog.changes_since(newest)[1] == []
    assert catalog.changes_since(catalog.sequence()) == ([], [], newest + 1)


@pytest.mark.parametrize("at_once", [1, 2, 50_000])
def test_a_shortened_log_tells_who_is_too_far_behind_what_lives(
    catalog: Catalog, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.catalog, "DROPPED_AT_ONCE", at_once)
    put(catalog, "/a", "one\ntwo\n")
    put(catalog, "/a", "one\nthree\n")
    put(catalog, "/b", "four\n")
    live, newest = catalog.live_chunk_ids().tolist(), catalog.sequence()
    before = [catalog.changes_since(number) for number in range(newest + 1)]
    assert catalog.shorten_log(4) == 4
    assert (catalog.log_start(), catalog.sequence()) == (4, newest)
    assert catalog.shorten_log(3) == 0 and catalog.log_start() == 4
    for number, expected in enumerate(before):
        if number >= 4:
            assert catalog.changes_since(number) == expected
        else:
            assert catalog.changes_since(number) == (live, [], newest)
            held = np.array([1, 2, live[0], 90], dtype=np.int64)
            assert catalog.changes_since(number, lambda held=held: held) == (
                live[1:], [1, 2, 90], newest,
            )  # fmt: skip
    assert catalog.shorten_log(99) == newest - 5  # the newest stays: it tells the number
    assert (catalog.log_start(), catalog.sequence()) == (newest - 1, newest)
    put(catalog, "/c", "five\n")
    assert catalog.changes_since(newest)[2] == newest + 1
    assert catalog.verify() == []


def test_shortening_an_empty_log_does_nothing(catalog: Catalog) -> None:
    assert catalog.shorten_log(5) == 0 and catalog.log_start() == 0


def test_known_embeddings_need_no_vector_and_prune_drops_the_unused(catalog: Catalog) -> None:
    put(catalog, "/a", "one\n")
    chunks = chunks_of_lines("one\n")
    catalog.put_document("/b", "T", "h", 1, 1, "one\n", chunks, ["key:one"], {})
    assert catalog.known_keys(["key:one", "key:none"]) == {"key:one"}
    put(catalog, "/c", "gone\n")
    catalog.delete_document("/c")
    assert catalog.prune_embeddings() == 1
    assert catalog.known_keys(["key:one", "key:gone"]) == {"key:one"}


def test_a_failed_put_changes_nothing(catalog: Catalog) -> None:
    put(catalog, "/a", "one\n")
    before = (catalog.documents(), catalog.sequence())
    with pytest.raises(ValueError, match="key:x"):
        catalog.put_document("/a", "T", "h", 1, 1, "x", [chunks_of_lines("x")[0]], ["key:x"], {})
    with pytest.raises(ValueError, match="1 chunks but 0"):
        catalog.put_document("/a", "T", "h", 1, 1, "x", [chunks_of_lines("x")[0]], [], {})
    catalog.set_meta("dimension", "5")
    with pytest.raises(ValueError, match="5 dimensions"):
        put(catalog, "/a", "new\n")
    assert (catalog.documents(), catalog.sequence()) == before
    assert catalog.verify() == []


def test_move_keeps_chunks_and_replaces_the_target(catalog: Catalog) -> None:
    document_id = put(catalog, "/a", "one\n")
    ids = catalog.live_chunk_ids().tolist()
    sequence = catalog.sequence()
    assert catalog.move_document("/a", "/z", 9)
    assert catalog.sequence() == sequence
    (moved,) = catalog.documents()
    assert (moved.document_id, moved.path, moved.mtime_ns) == (document_id, "/z", 9)
    put(catalog, "/b", "two\n")
    assert catalog.move_document("/z", "/b", 10)
    assert catalog.live_chunk_ids().tolist() == ids
    assert not catalog.move_document("/none", "/b", 1)
    assert [document.path for document in catalog.documents()] == ["/b"]
    catalog.touch_document("/b", 77, 88)
    assert [(d.size, d.mtime_ns) for d in catalog.documents()] == [(77, 88)]


def test_the_state_is_another_after_every_change_that_a_search_may_notice(
    catalog: Catalog,
) -> None:
    changes = [
        lambda: put(catalog, "/a", "one\ntwo\n"),
        lambda: put(catalog, "/a", "one\ntwo\n"),
        lambda: catalog.copy_document("/a", "/b", 1, 2),
        lambda: catalog.move_document("/b", "/c", 3),
        lambda: catalog.touch_document("/c", 5, 4),
        lambda: catalog.put_sentences([("key:one", np.ones((1, 4), np.float32))]),
        lambda: catalog.delete_document("/c"),
    ]
    states = [catalog.state()]
    for change in changes:
        change()
        states.append(catalog.state())
    assert len(set(states)) == len(states) and all(states)
    catalog.delete_document("/gone")
    catalog.put_failure("/x", 1, 1, "damaged", "broken")
    catalog.set_meta("name", "value")
    assert catalog.state() == states[-1]


def test_a_catalog_of_before_states_has_none_until_a_writer_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    with Catalog(path) as old, old._writing() as connection:
        connection.execute("DELETE FROM meta WHERE key = 'state'")
    with Catalog(path, read_only=True) as reader:
        assert reader.state() == ""
        Catalog(path).close()
        assert reader.state()


def test_failures_clear_when_the_file_is_read(catalog: Catalog) -> None:
    catalog.put_failure("/a", 1, 2, "damaged", "no end")
    catalog.put_failure("/a", 1, 3, "password", "locked")
    catalog.put_failure("/b", 1, 2, "empty", "")
    assert catalog.failures()["/a"] == (1, 3, "password", "locked")
    put(catalog, "/a", "one\n")
    catalog.delete_failure("/b")
    assert catalog.failures() == {}


def test_meta(catalog: Catalog) -> None:
    assert catalog.get_meta("k") is None
    catalog.set_meta("k", "1")
    catalog.set_meta("k", "2")
    assert catalog.get_meta("k") == "2"


def test_verify_names_a_wrong_span_and_a_lost_vector(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    with Catalog(path) as catalog:
        put(catalog, "/a", "one\ntwo\n")
    raw = sqlite3.connect(path)
    raw.execute("UPDATE documents SET text = 'one\ntwX\n'")
    raw.execute("DELETE FROM embeddings WHERE key = 'key:one'")
    raw.commit()
    raw.close()
    with Catalog(path) as catalog:
        problems = catalog.verify()
    assert any("chunk 2 of /a differs from its span 4:7" in line for line in problems)
    assert any("chunk 1 has no embedding" in line for line in problems)


def test_other_schema_versions_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    with pytest.raises(IndexStateError, match="no index"):
        Catalog(path, read_only=True)
    Catalog(path).close()
    for version, cure in ((SCHEMA_VERSION + 1, "Upgrade"), (-1, "index the folders again")):
        raw = sqlite3.connect(path)
        raw.execute(f"PRAGMA user_version = {version}")
        raw.close()
        with pytest.raises(IndexStateError, match=cure):
            Catalog(path)
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(IndexStateError, match="cannot be opened"):
        Catalog(path)


def test_a_reader_sees_writes_is_not_blocked_and_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    with Catalog(path) as writer, Catalog(path, read_only=True) as reader:
        put(writer, "/a", "one\n")
        assert reader.counts()["documents"] == 1
        with pytest.raises(IndexStateError, match="read-only"):
            reader.set_meta("k", "v")
        with writer._writing():
            put(writer, "/b", "two\n")
            assert reader.counts()["documents"] == 1  # neither waits nor sees half
        assert reader.counts()["documents"] == 2
        with reader.snapshot():
            before = reader.sequence()
            put(writer, "/c", "three\n")
            assert reader.sequence() == before
        assert reader.sequence() == before + 1


def test_threads_share_a_catalog(catalog: Catalog) -> None:
    errors: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for turn in range(10):
                put(catalog, f"/{name}", f"text {name} {turn}\n")
                assert catalog.document_by_path(f"/{name}") is not None
                assert len(catalog.vectors(catalog.live_chunk_ids()[:0])) == 0
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert catalog.counts()["chunks"] == 4
    assert catalog.verify() == []

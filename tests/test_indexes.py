from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag.indexes
from rag.catalog import Catalog
from rag.errors import IndexStateError
from rag.indexes import Indexes
from rag.types import Chunk

WORDS = ("cat", "dog", "税收", "rain", "zebra")


def embed(text: str) -> np.ndarray:
    """Word counts with a little of the length: similarities are exact, and ties are rare."""
    counts = [text.count(word) for word in WORDS]
    return np.array([*counts, len(text) / 100], dtype=np.float32)


def put(catalog: Catalog, path: str, text: str) -> None:
    chunks, start = [], 0
    for line in text.split("\n"):
        chunks.append(Chunk(start, start + len(line), line, "title", (), None, "en"))
        start += len(line) + 1
    keys = [chunk.text for chunk in chunks]
    catalog.put_document(
        path, "title", "hash", len(text), 1, text, chunks, keys, {key: embed(key) for key in keys}
    )


def open_indexes(folder: Path, read_only: bool = False, exact_limit: int = 1000) -> Indexes:
    return Indexes(folder, dimension=6, read_only=read_only, exact_limit=exact_limit)


def state(indexes: Indexes) -> dict[str, object]:
    """Everything that must not depend on how the indexes came to be."""
    return {
        "dense": indexes.dense.ids().tolist(),
        "lexical": indexes.lexical.ids().tolist(),
        "vectors": [indexes.dense.search(embed(word), 50) for word in WORDS],
        "words": [sorted(i for i, _ in indexes.lexical.search(word, 500)) for word in WORDS],
    }


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "delete", "move", "catch_up", "save", "reopen", "shorten"]),
        st.sampled_from("abc"),
        st.sampled_from("abc"),
        st.lists(st.lists(st.sampled_from(WORDS), max_size=3), min_size=1, max_size=3),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=15)
@given(steps)
def test_following_equals_a_fresh_rebuild(
    plan: list[tuple[str, str, str, list[list[str]]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "index"
        indexes = open_indexes(folder)
        for action, path, other, lines in plan:
            if action == "put":
                put(indexes.catalog, path, "\n".join(" ".join(line) for line in lines))
            elif action == "delete":
                indexes.catalog.delete_document(path)
            elif action == "move":
                indexes.catalog.move_document(path, other, 2)
            elif action == "catch_up":
                indexes.catch_up()
            elif action == "save":
                indexes.save()
            elif action == "shorten":  # whatever the indexes hold
                indexes.catalog.shorten_log(indexes.catalog.sequence())
            else:
                indexes.close()
                indexes = open_indexes(folder)
        indexes.catch_up()
        followed = state(indexes)
        assert followed["dense"] == indexes.catalog.live_chunk_ids().tolist()
        assert indexes.verify(repair=False) == []
        indexes.close()
        (folder / "dense.faiss").unlink(missing_ok=True)
        (folder / "lexical" / "meta.json").write_text("{")
        with open_indexes(folder) as rebuilt:
            assert state(rebuilt) == followed


@settings(deadline=None, max_examples=15)
@given(steps)
def test_an_index_in_lists_follows_too(
    plan: list[tuple[str, str, str, list[list[str]]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "index"
        indexes = open_indexes(folder, exact_limit=2)
        for action, path, other, lines in plan:
            if action == "put":
                put(indexes.catalog, path, "\n".join(" ".join(line) for line in lines))
            elif action == "delete":
                indexes.catalog.delete_document(path)
            elif action == "move":
                indexes.catalog.move_document(path, other, 2)
            elif action == "save":
                indexes.save()
            elif action == "shorten":
                indexes.catalog.shorten_log(indexes.catalog.sequence())
            else:
                indexes.close()  # perhaps while it grows
                indexes = open_indexes(folder, exact_limit=2)
        indexes.save()
        live = indexes.catalog.live_chunk_ids().tolist()
        assert not indexes.dense.is_outgrown
        assert [i for i, _ in sorted(indexes.dense.search(embed("cat"), 500))] == live
        assert indexes.verify() == []
        indexes.close()


@pytest.fixture
def eager_shortening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each save drops all that the indexes hold."""
    monkeypatch.setattr(rag.indexes, "KEPT_CHANGES", 0)
    monkeypatch.setattr(rag.indexes, "DROPPED_CHANGES", 1)


def log_length(catalog: Catalog) -> int:
    return int(catalog._rows("SELECT COUNT(*) FROM log")[0][0])


@pytest.mark.usefixtures("eager_shortening")
def test_the_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    with open_indexes(tmp_path) as indexes:
        for number in range(30):
            put(indexes.catalog, "/a", f"cat {number}\nrain\nzebra")
            indexes.save()
            assert log_length(indexes.catalog) <= 1
            assert indexes.verify() == []


def test_a_little_of_the_log_is_kept_for_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.indexes, "KEPT_CHANGES", 10)
    monkeypatch.setattr(rag.indexes, "DROPPED_CHANGES", 20)
    with open_indexes(tmp_path) as indexes:
        lengths = []
        for number in range(30):
            put(indexes.catalog, f"/{number}", "cat\nrain\nzebra")
            indexes.save()
            lengths.append(log_length(indexes.catalog))
        assert lengths[:9] == [3 * n for n in range(1, 10)] and lengths[9] == 10
        assert max(lengths) < 30


@pytest.mark.usefixtures("eager_shortening")
def test_what_the_snapshot_does_not_hold_stays_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.dense_follower.UNSAVED_SHARE", 1.0)
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "/a", "cat\ndog\nrain\nzebra")
        indexes.save()
        put(indexes.catalog, "/b", "zebra")
        indexes.save()  # too little for a snapshot
        assert indexes.catalog.changes_since(4) == ([5], [], 5)
    with open_indexes(tmp_path) as again:
        assert again.verify() == [] and len(again.dense) == 5


@pytest.mark.usefixtures("eager_shortening")
@pytest.mark.parametrize("exact_limit", [2, 1000])
def test_a_reader_that_was_overtaken_takes_what_lives(tmp_path: Path, exact_limit: int) -> None:
    with open_indexes(tmp_path, exact_limit=exact_limit) as writer:
        put(writer.catalog, "/a", "cat\ndog")
        put(writer.catalog, "/b", "rain")
        writer.save()
        with open_indexes(tmp_path, read_only=True, exact_limit=exact_limit) as reader:
            before = reader.dense.sequence
            put(writer.catalog, "/a", "zebra\ndog")
            writer.catalog.delete_document("/b")
            put(writer.catalog, "/c", "税收")
            writer.save()
            assert before < reader.catalog.log_start()
            reader.catch_up()
            assert reader.verify() == []
            assert reader.dense.sequence == writer.catalog.sequence()
            assert reader.dense.ids().tolist() == writer.catalog.live_chunk_ids().tolist()


@pytest.mark.usefixtures("eager_shortening")
@pytest.mark.parametrize("lost", ["dense.faiss", "lexical", "both"])
def test_a_lost_index_is_made_without_the_log(tmp_path: Path, lost: str) -> None:
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "/a", "cat\ndog")
        put(indexes.catalog, "/a", "zebra\ndog")
        indexes.save()
        expected = state(indexes)
    if lost != "lexical":
        (tmp_path / "dense.faiss").unlink()
    if lost != "dense.faiss":
        shutil.rmtree(tmp_path / "lexical")
    with open_indexes(tmp_path) as indexes:
        assert indexes.verify() == [] and state(indexes) == expected


def test_a_word_index_that_was_left_in_its_first_batch_drops_what_is_gone_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number is still 0 then, but it holds something."""
    monkeypatch.setattr(rag.indexes, "BATCH_CHUNKS", 1)
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "/a", "cat")
        put(indexes.catalog, "/b", "dog")
        apply, calls = indexes.lexical.apply, list[object]()

        def killed(*arguments: Any) -> None:
            if calls:
                raise KeyboardInterrupt
            calls.append(arguments)
            apply(*arguments)

        monkeypatch.setattr(indexes.lexical, "apply", killed)
        with pytest.raises(KeyboardInterrupt):
            indexes.catch_up()
        indexes.catalog.delete_document("/a")
    with open_indexes(tmp_path) as indexes:
        assert indexes.verify() == []


def test_a_crash_before_catching_up_loses_nothing(tmp_path: Path) -> None:
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "/a", "cat\ndog")
        indexes.save()
        put(indexes.catalog, "/a", "zebra")
        put(indexes.catalog, "/b", "rain")
    with open_indexes(tmp_path) as indexes:
        assert indexes.dense.ids().tolist() == [3, 4]
        assert indexes.lexical.search("cat", 5) == []
        assert [i for i, _ in indexes.lexical.search("zebra", 5)] == [3]
        assert indexes.verify() == []


def test_what_the_log_still_tells_is_no_fault_for_a_reader(tmp_path: Path) -> None:
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "a", "cat\ndog")
        put(indexes.catalog, "b", "rain")
        indexes.save()
    with Catalog(tmp_path / "catalog.sqlite3") as catalog:  # of a writer that is killed here
        put(catalog, "a", "zebra\ncat")
        catalog.delete_document("b")
    with open_indexes(tmp_path, read_only=True) as reader:
        assert len(reader.lexical) == 3 and reader.verify() == []
    with open_indexes(tmp_path) as indexes:
        assert indexes.verify() == []
        sequence = indexes.catalog.sequence()
        indexes.lexical.apply([], [int(indexes.lexical.ids()[0])], sequence)
    with open_indexes(tmp_path, read_only=True) as reader:
        assert reader.verify() == ["tantivy: 1 chunks of the catalog are missing"]


def test_a_second_writer_is_told_the_pid(tmp_path: Path) -> None:
    with (
        open_indexes(tmp_path),
        pytest.raises(IndexStateError, match=rf"process {os.getpid()}\b"),
    ):
        open_indexes(tmp_path)
    open_indexes(tmp_path).close()  # the lock was let go


def test_another_dimension_is_refused_and_lets_the_lock_go(tmp_path: Path) -> None:
    open_indexes(tmp_path).close()
    with pytest.raises(IndexStateError, match="6 dimensions"):
        Indexes(tmp_path, dimension=8, read_only=False)
    open_indexes(tmp_path).close()


def test_a_reader_follows_and_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(IndexStateError, match="no index"):
        open_indexes(tmp_path, read_only=True)
    Catalog(tmp_path / "catalog.sqlite3").close()
    with open_indexes(tmp_path, read_only=True) as reader:
        assert not (tmp_path / "lexical").exists()  # a reader makes nothing
        with open_indexes(tmp_path) as writer:
            put(writer.catalog, "/a", "cat\ndog")
            writer.catch_up()
            reader.catch_up()
            assert state(reader) == state(writer)
            put(writer.catalog, "/a", "dog dog")
            writer.catch_up()
            reader.catch_up()
            assert state(reader) == state(writer)
        with pytest.raises(IndexStateError, match="read-only"):
            reader.save()


def test_a_reader_in_another_process_sees_writes(tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np; from pathlib import Path; from rag.indexes import Indexes\n"
        "indexes = Indexes(Path(sys.argv[1]), dimension=6, read_only=True)\n"
        "query = np.array([0, 0, 0, 0, 1, 0], dtype=np.float32)\n"
        "for line in sys.stdin:\n"
        "    indexes.catch_up()\n"
        "    dense = [i for i, score in indexes.dense.search(query, 9) if score > 0.5]\n"
        "    print(dense, [i for i, _ in indexes.lexical.search('zebra', 9)], flush=True)\n"
    )
    with open_indexes(tmp_path) as writer:
        command = [sys.executable, "-c", script, str(tmp_path)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as reader:
            assert reader.stdin is not None and reader.stdout is not None
            for text, expected in (("cat", "[] []"), ("cat\nzebra", "[3] [3]"), ("dog", "[] []")):
                put(writer.catalog, "/a", text)
                writer.catch_up()
                reader.stdin.write("\n")
                reader.stdin.flush()
                assert reader.stdout.readline() == f"{expected}\n"


def test_verify_finds_and_repairs_what_disagrees(tmp_path: Path) -> None:
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "/a", "cat\ndog\nzebra")
        indexes.catch_up()
        good = state(indexes)
        indexes.dense.apply([1, 77], np.ones((2, 6), dtype=np.float32), [2])
        indexes.lexical.apply([(88, "ghost", "en")], [3], indexes.lexical.sequence)
        problems = indexes.verify()
        assert problems == [
            "FAISS: 1 chunks of the catalog are missing",
            "FAISS: 1 chunks are not in the catalog",
            "FAISS: 1 vectors differ from the catalog's",
            "tantivy: 1 chunks of the catalog are missing",
            "tantivy: 1 chunks are not in the catalog",
        ]
        assert indexes.verify(repair=True) == problems
        assert indexes.verify() == []
        assert state(indexes) == good
    with open_indexes(tmp_path) as indexes:
        assert state(indexes) == good


@pytest.mark.parametrize("content", [b"", b"not an index"])
def test_a_damaged_snapshot_is_rebuilt(tmp_path: Path, content: bytes) -> None:
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "/a", "cat\ndog")
        indexes.save()
        good = state(indexes)
    (tmp_path / "dense.faiss").write_bytes(content)
    with open_indexes(tmp_path) as indexes:
        assert state(indexes) == good


def test_indexes_ahead_of_a_restored_catalog_are_rebuilt(tmp_path: Path) -> None:
    with open_indexes(tmp_path) as indexes:
        put(indexes.catalog, "/a", "cat\ndog")
        indexes.save()
    for file in tmp_path.glob("catalog.sqlite3*"):
        file.unlink()
    with open_indexes(tmp_path) as indexes:
        assert len(indexes.dense) == len(indexes.lexical) == 0
        put(indexes.catalog, "/a", "zebra")
        indexes.catch_up()
        assert indexes.verify() == []

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.catalog import Catalog
from rag.dense import DenseIndex
from rag.dense_follower import DenseFollower
from rag.types import Chunk

LIMIT = 100


def put(catalog: Catalog, path: str, count: int, seed: int = 0) -> None:
    chunks = [Chunk(i, i + 1, "x", "", (), None, "en") for i in range(count)]
    rows = np.random.default_rng([seed, *path.encode()]).normal(size=(count, 8)).astype("f4")
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    keys = [f"{path}{seed}{i}" for i in range(count)]
    vectors = dict(zip(keys, rows, strict=True))
    catalog.put_document(path, path, "h", 1, 1, "x" * count, chunks, keys, vectors)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "c.sqlite3") as opened:
        yield opened


def follow(catalog: Catalog, *, read_only: bool = False) -> DenseFollower:
    path = catalog.path.with_name("dense.faiss")
    return DenseFollower(catalog, path, 8, read_only=read_only, exact_limit=LIMIT)


def agrees(follower: DenseFollower, catalog: Catalog) -> bool:
    """Whether exactly what lives is held, each vector as the catalog has it."""
    index = follower.index
    live = catalog.live_chunk_ids()
    stored = index.stored_form(catalog.vectors(live.tolist()))
    return index.ids().tolist() == live.tolist() and bool((index.vectors(live) == stored).all())


def test_it_grows_aside_and_a_save_keeps_the_lists(catalog: Catalog) -> None:
    follower = follow(catalog)
    put(catalog, "/a", 60)
    follower.save()
    assert follower.index.is_exact
    for name in "bcd":
        put(catalog, f"/{name}", 60)
        follower.catch_up()
    follower.wait_grown()
    assert not follower.index.is_exact
    catalog.delete_document("/b")
    follower.save()
    assert agrees(follower, catalog)
    again = follow(catalog)
    assert not again.index.is_exact
    assert agrees(again, catalog)


def test_a_large_index_that_begins_from_nothing_begins_in_lists(catalog: Catalog) -> None:
    put(catalog, "/a", 3 * LIMIT)
    follower = follow(catalog)
    follower.catch_up()
    assert not follower.index.is_exact and not follower.index.is_outgrown
    assert agrees(follower, catalog)


def test_what_changes_while_it_grows_is_kept(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = follow(catalog)
    put(catalog, "/a", 80)
    follower.catch_up()
    grown = DenseIndex.grown

    def grown_while_things_change(index: DenseIndex) -> DenseIndex:
        copy = grown(index)
        catalog.delete_document("/a")
        put(catalog, "/c", 90)
        follower.catch_up()
        return copy

    monkeypatch.setattr(DenseIndex, "grown", grown_while_things_change)
    put(catalog, "/b", 60)
    follower.catch_up()
    follower.wait_grown()
    assert not follower.index.is_exact
    assert agrees(follower, catalog)


def test_growing_that_fails_leaves_the_exact_index(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(index: DenseIndex) -> DenseIndex:
        raise MemoryError

    monkeypatch.setattr(DenseIndex, "grown", fail)
    follower = follow(catalog)
    put(catalog, "/a", 90)
    follower.catch_up()
    put(catalog, "/b", 90)
    follower.save()
    assert follower.index.is_exact
    assert agrees(follower, catalog)
    assert agrees(follow(catalog), catalog)  # what was saved is whole


def test_a_closed_one_drops_what_was_growing(catalog: Catalog) -> None:
    follower = follow(catalog)
    put(catalog, "/a", 90)
    follower.catch_up()
    before = follower.index
    follower.close()
    follower.grow()
    assert follower.index is before


def test_a_reader_takes_the_lists_that_the_writer_saved(catalog: Catalog) -> None:
    writer, reader = follow(catalog), follow(catalog, read_only=True)
    put(catalog, "/a", 90)
    writer.save()
    reader.catch_up()
    assert reader.index.is_exact
    put(catalog, "/b", 90)
    reader.catch_up()
    assert reader.index.is_exact and reader.index.is_outgrown
    writer.save()
    reader.catch_up()
    assert not reader.index.is_exact
    assert agrees(reader, catalog)


def test_a_snapshot_is_written_when_enough_has_changed(catalog: Catalog) -> None:
    follower = follow(catalog)
    put(catalog, "/a", 500)
    follower.save()
    path = catalog.path.with_name("dense.faiss")
    written = path.stat()
    put(catalog, "/b", 3)
    follower.save()
    assert path.stat() == written  # the log holds those few
    assert agrees(follow_and_catch_up(catalog), catalog)
    put(catalog, "/c", 10)
    follower.save()
    assert path.stat() != written


def follow_and_catch_up(catalog: Catalog) -> DenseFollower:
    follower = follow(catalog)
    follower.catch_up()
    return follower

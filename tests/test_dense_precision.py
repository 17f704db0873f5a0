"""float32, float16 and int8, in a row and in lists: the same index but for the rounding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dense import topics
from test_dense_follower import put

from rag import dense
from rag.catalog import Catalog
from rag.dense import DenseIndex, Precision
from rag.dense_follower import DenseFollower

SMALL, LIMIT = 100, 1000
STEPS: dict[str, float] = {"float32": 0.0, "float16": 5e-4, "int8": 5e-3}  # of a number below 1
FORMS = [(precision, lists) for precision in STEPS for lists in (False, True)]


@pytest.fixture(autouse=True)
def _small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "INT8_SAMPLE", SMALL)


def made(rows: np.ndarray, precision: Precision, *, lists: bool) -> DenseIndex:
    limit = len(rows) - 1 if lists else LIMIT
    index = DenseIndex(rows.shape[1], exact_limit=limit, precision=precision)
    index.apply(range(len(rows)), rows, [], sequence=7)
    return index.grown() if index.is_outgrown else index


@pytest.mark.parametrize(("precision", "lists"), FORMS)
def test_it_has_the_form_that_is_set(precision: Precision, lists: bool) -> None:
    index = made(topics(400, 1), precision, lists=lists)
    assert (index.held_precision, index.is_flat) == (precision, not lists)
    assert index.is_as_set and not index.is_outgrown
    assert index.is_exact == (precision == "float32" and not lists)


@pytest.mark.parametrize(("precision", "lists"), FORMS)
def test_what_is_held_is_the_stored_form_and_near_the_vectors(
    precision: Precision, lists: bool, tmp_path: Path
) -> None:
    rows = topics(400, 1)
    index = made(rows, precision, lists=lists)
    late = topics(50, 9)  # after the ranges were found
    index.apply(range(500, 550), late, [3])
    index.save(tmp_path / "dense.faiss")
    for one in (index, DenseIndex.load(tmp_path / "dense.faiss", precision=precision)):
        assert one.ids().tolist() == [*range(3), *range(4, 400), *range(500, 550)]
        held = one.vectors(np.arange(500, 550))
        assert np.array_equal(held, one.stored_form(late))
        assert np.abs(one.vectors(np.arange(3)) - rows[:3]).max() <= STEPS[precision]
        assert one.held_precision == precision and one.is_as_set


@settings(deadline=None, max_examples=30)
@given(
    form=st.sampled_from(FORMS),
    deleted=st.sets(st.integers(0, 299), max_size=200),
    allowed=st.none() | st.sets(st.integers(0, 320)),
    k=st.integers(1, 12),
)
def test_it_finds_the_best_of_what_it_holds(
    form: tuple[Precision, bool], deleted: set[int], allowed: set[int] | None, k: int
) -> None:
    index = made(topics(300, 1), form[0], lists=form[1])
    index.apply([310], topics(1, 4), deleted)
    query = topics(1, 5)[0]
    left = [i for i in [*range(300), 310] if i not in deleted]
    chosen = [i for i in left if allowed is None or i in allowed]
    mask = None if allowed is None else np.array(sorted(allowed), dtype=np.int64)
    hits = index.search(query, k, mask)
    assert {i for i, _ in hits} <= set(chosen)
    scores = index.vectors(np.array(chosen, dtype=np.int64)) @ query
    best = sorted(scores.tolist(), reverse=True)[:k]
    assert [score for _, score in hits] == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_coarse_numbers_find_nearly_what_exact_ones_do(precision: Precision) -> None:
    rows = topics(3000, 1)
    exact, coarse = DenseIndex(16), DenseIndex(16, precision=precision)
    exact.apply(range(3000), rows, [])
    coarse.apply(range(3000), rows, [])
    coarse = coarse.grown() if coarse.is_outgrown else coarse
    found = 0
    for query in topics(60, 2):
        wanted = {i for i, _ in exact.search(query, 10)}
        found += len(wanted & {i for i, _ in coarse.search(query, 10)})
    assert found / 600 > 0.95
    assert coarse.held_precision == precision


def test_int8_waits_for_a_sample_then_grows_again_into_lists() -> None:
    rows = topics(400, 1)
    index = DenseIndex(16, exact_limit=200, precision="int8")
    index.apply(range(50), rows[:50], [])
    assert index.held_precision == "float32" and index.is_as_set and not index.is_outgrown
    index.apply(range(50, 150), rows[50:150], [])
    assert index.is_outgrown
    index = index.grown()
    assert index.held_precision == "int8" and index.is_flat and not index.is_outgrown
    index.apply(range(150, 400), rows[150:], [])
    assert index.is_outgrown
    index = index.grown()
    assert index.held_precision == "int8" and not index.is_flat and len(index) == 400


# Followed from the catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "c.sqlite3") as opened:
        yield opened


def follow(catalog: Catalog, precision: Precision, *, read_only: bool = False) -> DenseFollower:
    path = catalog.path.with_name("dense.faiss")
    follower = DenseFollower(
        catalog, path, 8, read_only=read_only, exact_limit=LIMIT, precision=precision
    )
    follower.catch_up()
    follower.wait_grown()
    return follower


def test_a_writer_makes_another_precision_anew_and_a_reader_takes_what_there_is(
    catalog: Catalog,
) -> None:
    put(catalog, "/a", 150)
    kinds: tuple[Precision, ...] = ("auto", "int8", "float16", "float32")
    for number, precision in enumerate(kinds):
        follower = follow(catalog, precision)
        follower.save()
        held = "float32" if precision == "auto" else precision
        assert follower.index.held_precision == held
        live = catalog.live_chunk_ids()
        stored = follower.index.stored_form(catalog.vectors(live.tolist()))
        assert np.array_equal(follower.index.vectors(live), stored)
        reader = follow(catalog, kinds[number - 1], read_only=True)
        assert reader.index.held_precision == held and len(reader.index) == 150

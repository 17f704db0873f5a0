from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import dense
from rag.dense import DenseIndex
from rag.errors import IndexStateError
from rag.id_set import IdSet


def unit_rows(count: int, dimension: int = 8, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute_force(rows: dict[int, np.ndarray], query: np.ndarray, k: int) -> list[int]:
    scores = {chunk_id: float(row @ query) for chunk_id, row in rows.items()}
    return sorted(scores, key=lambda chunk_id: -scores[chunk_id])[:k]


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(
        st.tuples(st.lists(st.integers(1, 30)), st.lists(st.integers(1, 30))), max_size=6
    ),
    allowed=st.none() | st.sets(st.integers(1, 40)),
    k=st.integers(1, 12),
)
def test_it_equals_brute_force_after_any_changes(
    steps: list[tuple[list[int], list[int]]], allowed: set[int] | None, k: int
) -> None:
    index, held, pool = DenseIndex(8), {}, unit_rows(31)
    for added, deleted in steps:
        fresh = sorted(set(added))
        index.apply(fresh, pool[fresh].reshape(-1, 8), deleted)
        held = {i: row for i, row in held.items() if i not in deleted}
        held |= {i: pool[i] for i in fresh}
    query = unit_rows(1, seed=5)[0]
    chosen = {i: row for i, row in held.items() if allowed is None or i in allowed}
    mask = None if allowed is None else np.array(sorted(allowed), dtype=np.int64)
    hits = index.search(query, k, mask)
    assert [i for i, _ in hits] == brute_force(chosen, query, k)
    for i, score in hits:
        assert score == pytest.approx(float(held[i] @ query), abs=1e-5)
    assert index.ids().tolist() == sorted(held)
    assert len(index) == len(held)


def test_several_wordings_count_a_chunk_once_by_its_best() -> None:
    index = DenseIndex(3)
    index.apply([1, 2, 3], np.eye(3, dtype=np.float32), [])
    queries = np.array([[1.0, 0.5, 0.0], [0.9, 0.6, 0.1]], dtype=np.float32)
    found = index.search(queries, 3, None)
    assert [i for i, _ in found] == [1, 2, 3]
    assert [score for _, score in found] == pytest.approx([1.0, 0.6, 0.1])


def test_an_empty_filter_finds_nothing_and_shapes_are_checked() -> None:
    index = DenseIndex(8)
    query = unit_rows(1)[0]
    assert index.search(query, 3) == []
    index.apply([1], unit_rows(1), [])
    assert index.search(query, 3, np.array([], dtype=np.int64)) == []
    assert index.search(query, 0) == []
    with pytest.raises(ValueError, match="8 wide"):
        index.search(query[:4], 3)
    with pytest.raises(ValueError, match="shape"):
        index.apply([1, 2], unit_rows(1), [])


def test_save_and_load_are_equal(tmp_path: Path) -> None:
    index, path = DenseIndex(8), tmp_path / "dense.faiss"
    index.apply([7, 3, 2**40], unit_rows(3), [], sequence=12)
    index.apply([], unit_rows(0), [3], sequence=13)
    index.save(path)
    loaded = DenseIndex.load(path)
    query = unit_rows(1, seed=2)[0]
    assert loaded.sequence == 13
    assert loaded.ids().tolist() == [7, 2**40]
    assert loaded.search(query, 5) == index.search(query, 5)
    loaded.apply([3], unit_rows(1), [7])  # a loaded index takes changes
    assert loaded.ids().tolist() == [3, 2**40]
    assert [file.name for file in tmp_path.iterdir()] == ["dense.faiss"]


@pytest.mark.parametrize("damage", ["missing", "empty", "short", "head"])
def test_a_damaged_snapshot_is_refused(tmp_path: Path, damage: str) -> None:
    index, path = DenseIndex(8), tmp_path / "dense.faiss"
    index.apply([1, 2], unit_rows(2), [])
    index.save(path)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "short":
        path.write_bytes(data[:-5])
    else:
        path.write_bytes(b"XXXX" + data[4:])
    with pytest.raises(IndexStateError, match="delete it"):
        DenseIndex.load(path)


# In lists


def test_the_stored_form_is_rounded_as_faiss_rounds() -> None:
    """It rounds halves between two numbers otherwise than numpy does."""
    lists = filled(topics(200, 1), exact_limit=100).grown()
    halves = (1 + (2 * np.arange(160) + 1) / 2**11).astype(np.float32).reshape(10, 16)
    lists.apply(range(1000, 1010), halves, [])
    assert (lists.vectors(np.arange(1000, 1010)) == lists.stored_form(halves)).all()


def topics(count: int, seed: int) -> np.ndarray:
    """Unit rows around forty centers, as text has topics."""
    chance = np.random.default_rng(seed)
    rows = unit_rows(40, 16)[chance.integers(40, size=count)]
    rows = (rows + 0.15 * chance.normal(size=rows.shape)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(rows: np.ndarray, **options: int) -> DenseIndex:
    index = DenseIndex(rows.shape[1], **options)
    index.apply(range(len(rows)), rows, [], sequence=7)
    return index


def test_it_says_when_it_is_outgrown() -> None:
    index = filled(topics(200, 1), exact_limit=200)
    assert index.is_exact and not index.is_outgrown
    index.apply([200], topics(1, 2), [])
    assert index.is_outgrown
    grown = index.grown()
    assert not grown.is_exact and not grown.is_outgrown
    grown.apply(range(1000, 5000), topics(4000, 3), [])
    assert grown.is_outgrown
    assert not grown.grown().is_outgrown


def test_lists_find_what_an_exact_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "PROBED_LISTS", 40)  # of 128
    exact = filled(topics(8000, 1), exact_limit=100)
    lists = exact.grown()
    found = 0
    for query in topics(100, 2):
        wanted = {i for i, _ in exact.search(query, 10)}
        found += len(wanted & {i for i, _ in lists.search(query, 10)})
    assert found / 1000 > 0.98
    assert lists.ids().tolist() == exact.ids().tolist()
    assert lists.sequence == exact.sequence == 7


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(
        st.tuples(st.lists(st.integers(0, 400)), st.lists(st.integers(0, 400))), max_size=5
    ),
    allowed=st.none() | st.sets(st.integers(0, 400)),
    k=st.integers(1, 12),
)
def test_lists_follow_any_changes(
    steps: list[tuple[list[int], list[int]]], allowed: set[int] | None, k: int
) -> None:
    pool = topics(401, 1)
    index = filled(pool[:200], exact_limit=100).grown()
    held = dict(enumerate(pool[:200]))
    for added, deleted in steps:
        fresh = sorted(set(added))
        index.apply(fresh, pool[fresh].reshape(-1, 16), deleted)
        held = {i: row for i, row in held.items() if i not in deleted}
        held |= {i: pool[i] for i in fresh}
    assert index.ids().tolist() == sorted(held)
    query = topics(1, 5)[0]
    chosen = {i: row for i, row in held.items() if allowed is None or i in allowed}
    hits = index.search(query, k, None if allowed is None else IdSet(allowed))
    best = [float(chosen[i] @ query) for i in brute_force(chosen, query, k)]
    assert {i for i, _ in hits} <= chosen.keys()
    assert [score for _, score in hits] == pytest.approx(best, abs=2e-3)  # half precision
    if allowed is not None:
        assert hits == index.search(query, k, np.array(sorted(allowed), dtype=np.int64))


def test_a_narrow_filter_finds_far_chunks_in_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "PROBED_LISTS", 4)
    rows = topics(8000, 1)
    lists = filled(rows, exact_limit=100).grown()
    query = rows[0]
    far = sorted(range(8000), key=lambda i: float(rows[i] @ query))[:3]
    assert {i for i, _ in lists.search(query, 10, IdSet(far))} == set(far)


def test_a_filter_on_what_lies_far_away_finds_the_best_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Chinese chunks do for an English question: the lists nearest to it hold none of them."""
    monkeypatch.setattr(dense, "PROBED_LISTS", 40)  # of 256
    near, far = topics(8000, 1), topics(8000, 2)
    near[:, 0], far[:, 0] = 3, -3
    rows = np.concatenate([near, far]).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = filled(rows, exact_limit=100)
    lists, allowed = exact.grown(), IdSet(range(8000, 16000))
    found = 0
    for query in rows[:50]:
        wanted = {i for i, _ in exact.search(query, 10, allowed)}
        found += len(wanted & {i for i, _ in lists.search(query, 10, allowed)})
    assert found / 500 > 0.95
    lists.apply([], rows[:0], range(8000, 16000))
    assert lists.search(rows[0], 10, allowed) == []


def test_lists_are_saved_and_loaded_and_changed(tmp_path: Path) -> None:
    lists, path = filled(topics(500, 1), exact_limit=100).grown(), tmp_path / "dense.faiss"
    lists.save(path)
    loaded = DenseIndex.load(path)
    query = topics(1, 2)[0]
    assert loaded.search(query, 20) == lists.search(query, 20)
    assert (loaded.sequence, loaded.is_exact) == (7, False)
    loaded.apply([3, 900], topics(2, 3), [5])
    assert loaded.ids().tolist() == sorted({*range(500), 900} - {5})
    ids = np.array([900, 3], dtype=np.int64)
    assert (loaded.vectors(ids) == loaded.stored_form(topics(2, 3)[::-1])).all()
    with pytest.raises(KeyError, match="5"):
        loaded.vectors(np.array([5]))


def test_a_copy_that_grows_while_things_change_misses_none_that_the_log_replays() -> None:
    rows = topics(3000, 1)
    index = filled(rows[:2000], exact_limit=100)
    parts = index.blocks()
    first_ids, _ = next(parts)
    index.apply(range(2000, 3000), rows[2000:], [int(first_ids[0]), 1999])
    seen = np.concatenate([first_ids, *(ids for ids, _ in parts)])
    assert set(range(1, 1999)) <= set(seen.tolist())
    grown = index.grown()
    grown.apply(range(2000, 3000), rows[2000:], [0, 1999])  # what was copied comes again
    assert grown.ids().tolist() == sorted(set(range(3000)) - {0, 1999})


def test_centers_are_found_on_gpus_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    moved = []

    def to_gpus(index: object) -> object:
        moved.append(index)
        return index  # a stand-in computes the same

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 2)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", to_gpus)
    rows = topics(500, 1)
    lists = filled(rows, exact_limit=100).grown()
    assert len(moved) == 1 and moved[0].ntotal > 1  # k-means put its centers there
    assert lists.search(rows[3], 1)[0][0] == 3

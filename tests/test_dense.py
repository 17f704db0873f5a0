from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.dense import DenseIndex
from rag.errors import IndexStateError


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

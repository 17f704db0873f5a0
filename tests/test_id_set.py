from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.id_set import IdSet

ids = st.sets(st.integers(0, 300))


@settings(deadline=None)
@given(ids, ids, ids)
def test_it_is_a_set(first: set[int], added: set[int], removed: set[int]) -> None:
    original = IdSet(first)
    changed = original.with_changes(added, removed)
    expected = (first | added) - removed
    assert changed.ids().tolist() == sorted(expected)
    assert len(changed) == len(expected)
    assert original.ids().tolist() == sorted(first)  # a copy was changed
    asked = np.arange(-5, 400)
    assert asked[changed.contains(asked)].tolist() == sorted(expected)
    assert (original | IdSet(added)).ids().tolist() == sorted(first | added)


@settings(deadline=None)
@given(ids, ids)
def test_what_is_in_both_and_runs(first: set[int], second: set[int]) -> None:
    both = IdSet(first) & IdSet(second)
    assert both.ids().tolist() == sorted(first & second) and len(both) == len(first & second)
    runs = both.runs()
    assert [i for start, end in runs.tolist() for i in range(start, end + 1)] == both.ids().tolist()
    assert all(end + 1 < start for end, start in zip(runs[:-1, 1], runs[1:, 0], strict=True))
    assert IdSet.of_ranges(runs).ids().tolist() == both.ids().tolist()


@settings(deadline=None)
@given(ids)
def test_faiss_sees_the_same_members(members: set[int]) -> None:
    import faiss

    selector = IdSet(members).selector(faiss)
    assert {i for i in range(400) if selector.is_member(i)} == members
    assert not selector.is_member(-1)
    assert not selector.is_member(2**40)


def test_a_negative_id_is_refused() -> None:
    with pytest.raises(ValueError, match="-3 is no chunk id"):
        IdSet([5, -3])

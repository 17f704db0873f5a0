from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rag.ranking import (
    FOREIGN_SHIFT,
    MIN_DEVIATION,
    SENTENCE_WEIGHT,
    WORD_WEIGHT,
    Scale,
    fuse,
    shifted,
    similarities,
)

RANDOM = np.random.default_rng(7)
numbers = st.floats(-3, 3, width=32)


def vectors(count: int, dimension: int = 6) -> Any:
    return RANDOM.normal(size=(count, dimension)).astype(np.float32)


def test_standardizing_equals_counting_over_all_chunks() -> None:
    chunks, queries = vectors(500), vectors(3)
    found = chunks @ queries.T
    expected = (found - found.mean(axis=0)) / found.std(axis=0)
    assert np.allclose(Scale.of(chunks).standardize(found, queries), expected, atol=1e-3)


def test_chunks_that_are_all_alike_stand_out_by_nothing() -> None:
    same = np.ones((4, 6), dtype=np.float32)
    assert np.allclose(Scale.of(same).standardize(same @ same[:1].T, same[:1]), 0)
    odd = Scale.of(same).standardize(same @ same[:1].T + 5 * MIN_DEVIATION, same[:1])
    assert np.allclose(odd, 5, rtol=1e-3)


def test_joining_equals_measuring_together_and_pooling_leaves_out_the_gap() -> None:
    near, far = vectors(40), vectors(60) + 5
    scales = [Scale.of(near), Scale.of(far)]
    together, joined = Scale.of(np.concatenate([near, far])), Scale.joined(scales)
    assert joined.count == 100
    assert np.allclose(joined.mean, together.mean, atol=1e-4)
    assert np.allclose(joined.covariance, together.covariance, atol=1e-3)
    assert np.trace(Scale.pooled(scales).covariance) < np.trace(joined.covariance) / 3


def test_a_small_group_is_steadied_more() -> None:
    prior = Scale.of(vectors(1000))
    mean = vectors(1)[0] + 9
    few, many = (Scale(n, mean, np.eye(6, dtype=np.float32)).steadied(prior) for n in (2, 2000))
    assert np.linalg.norm(few.mean - mean) > 100 * np.linalg.norm(many.mean - mean)


def test_what_all_questions_share_counts_less_the_more_so_in_another_language() -> None:
    common, topic = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    queries, means = (common + topic)[None], common[None]
    own = shifted(queries, means, is_foreign=False)[0]
    foreign = shifted(queries, means, is_foreign=True)[0]
    assert own[1] == foreign[1] == 1
    assert 1 > own[0] > foreign[0] == pytest.approx(1 - FOREIGN_SHIFT)


def test_the_best_sentence_lifts_a_chunk() -> None:
    query = np.eye(3, dtype=np.float32)[:1]
    chunks = np.array([[0.5, 0, 0], [0.5, 0, 0]], np.float32)
    sentences = np.array([[0.9, 0, 0], [0.1, 0, 0]], np.float32)
    alone, lifted = similarities(chunks, [None, sentences], query)[:, 0]
    assert alone == pytest.approx(0.5)
    assert lifted == pytest.approx((0.5 + SENTENCE_WEIGHT * 0.9) / (1 + SENTENCE_WEIGHT))


@given(arrays(np.float64, 8, elements=numbers), arrays(np.float64, 8, elements=st.floats(0, 1)))
def test_within_a_group_the_order_is_the_weighted_sum(meaning: Any, matched: Any) -> None:
    total = fuse(meaning, matched, np.zeros(8, dtype=np.int64))
    expected = meaning + WORD_WEIGHT * matched
    assert np.allclose(total - total.max(), expected - expected.max())
    assert total.max() == pytest.approx(meaning.max())


@given(arrays(np.float64, 8, elements=numbers), arrays(np.float64, 8, elements=st.floats(0, 1)))
def test_between_groups_the_best_meaning_decides(meaning: Any, matched: Any) -> None:
    groups = np.array([0, 1, 0, 1, 2, 2, 0, 1])
    total = fuse(meaning, matched, groups)
    for group in range(3):
        assert total[groups == group].max() == pytest.approx(meaning[groups == group].max())

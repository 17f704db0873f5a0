"""Orders what both indexes found by how much each piece of evidence says.

A similarity means little by itself: encoders put all texts close together, questions of one
language closer, and texts of the question's own language closest. So it is counted in standard
deviations above what the chunks of its language have with this question, after part of what all
questions have in common is taken out of it. Words count by the share of the question's weight that
a chunk matches, so that a few known words among many unknown ones count for little. The constants
hold over eight collections; docs/decisions.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag.encoder import Vectors

OWN_SHIFT = 0.3  # of the mean question, where the chunks are in the question's language
FOREIGN_SHIFT = 0.6  # where they are in another
SENTENCE_WEIGHT = 0.6  # of the best sentence, against 1 of the whole chunk
WORD_WEIGHT = 5.0  # standard deviations that a full match of the words is worth
PRIOR_CHUNKS = 8  # so much the whole index counts in a group's own statistics
NAME_WEIGHT = 2.0  # that a document is worth which is about all that the question names
MIN_DEVIATION = 0.01  # of similarities; a handful of chunks may have none

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """What chunks have in common: count, mean (d,) and covariance (d, d) of their embeddings."""

    count: int
    mean: Vectors
    covariance: Vectors

    @classmethod
    def of(cls, vectors: Vectors, count: int | None = None) -> Scale:
        """Measured on vectors (n, d), which may be a sample of `count`."""
        mean = vectors.mean(axis=0)
        rest = vectors - mean
        return cls(len(vectors) if count is None else count, mean, rest.T @ rest / len(vectors))

    @classmethod
    def pooled(cls, scales: Sequence[Scale]) -> Scale:
        """Of several groups as one: what the groups differ in does not count as spread."""
        count = sum(scale.count for scale in scales)
        shares = [scale.count / count for scale in scales]
        mean = sum(s.mean * share for s, share in zip(scales, shares, strict=True))
        spread = sum(s.covariance * share for s, share in zip(scales, shares, strict=True))
        return cls(count, np.asarray(mean), np.asarray(spread))

    @classmethod
    def joined(cls, scales: Sequence[Scale]) -> Scale:
        """Of several groups as if they were measured together."""
        whole = cls.pooled(scales)
        away = np.stack([scale.mean - whole.mean for scale in scales])
        shares = np.array([scale.count / whole.count for scale in scales], dtype=np.float32)
        return cls(whole.count, whole.mean, whole.covariance + (away.T * shares) @ away)

    def steadied(self, prior: Scale) -> Scale:
        """A few chunks say little about their group; the prior fills up."""
        own = self.count / (self.count + PRIOR_CHUNKS)
        return Scale(
            self.count,
            own * self.mean + (1 - own) * prior.mean,
            own * self.covariance + (1 - own) * prior.covariance,
        )

    def standardize(self, similarities: Vectors, queries: Vectors) -> Scores:
        """(m, n) similarities with n queries (n, d), in standard deviations above their mean."""
        means = queries @ self.mean
        variances = np.einsum("nd,de,ne->n", queries, self.covariance, queries)
        deviations = np.sqrt(np.maximum(variances, MIN_DEVIATION**2))
        return np.asarray((similarities - means) / deviations, dtype=np.float64)


def shifted(queries: Vectors, means: Vectors, *, is_foreign: bool) -> Vectors:
    """Queries (n, d) less a part of the mean question of their language (n, d)."""
    share = FOREIGN_SHIFT if is_foreign else OWN_SHIFT
    rows: Vectors = (queries - share * means).astype(np.float32)
    return rows


def similarities(
    vectors: Vectors, sentences: Sequence[Vectors | None], queries: Vectors
) -> Vectors:
    """(m, n): of each chunk as a whole and by its best sentence; one without takes the whole."""
    whole = vectors @ queries.T
    best = whole.copy()
    for row, rows in enumerate(sentences):
        if rows is not None:
            best[row] = (rows @ queries.T).max(axis=0)
    mixed: Vectors = (whole + SENTENCE_WEIGHT * best).astype(np.float32) / (1 + SENTENCE_WEIGHT)
    return mixed


def fuse(meaning: Scores, matched: Scores, groups: npt.NDArray[np.int64]) -> Scores:
    """Meaning (m,) and the matched share of the words (m,) as one score for each of m chunks.

    Words cannot match across languages. So within a group both count, and between groups meaning
    alone: the best of each group keeps the place that its meaning gives it.
    """
    total = meaning + WORD_WEIGHT * matched
    for group in np.unique(groups):
        rows = groups == group
        total[rows] += meaning[rows].max() - total[rows].max()
    return total

"""The tail of the change log: what the catalog holds and a derived index does not yet.

A search takes what the indexes find, as of the change that each has reached, then reads the
catalog, and searches the chunks added since one by one. So a document that is being replaced is
found in one version: the old chunks are in the catalog no more, the new ones are in the tail.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from rag.catalog import Catalog
from rag.encoder import Vectors
from rag.lexical import LexicalIndex

MAX_TAIL_CHANGES = 2000  # beyond, searching them one by one takes longer than catching up
K1, B = 1.2, 0.75  # tantivy's

Hits = list[tuple[int, float]]


def dense_hits(catalog: Catalog, chunk_ids: Sequence[int], queries: Vectors) -> Hits:
    """(chunk id, best inner product) with the queries (n, d)."""
    if not chunk_ids:
        return []
    scores = (catalog.vectors(chunk_ids) @ queries.T).max(axis=1)
    return list(zip(chunk_ids, scores.tolist(), strict=True))


def lexical_hits(
    catalog: Catalog, lexical: LexicalIndex, chunk_ids: Sequence[int], query: str
) -> Hits:
    """(chunk id, BM25) of the chunks that hold any term of the query.

    The terms weigh what they weigh in the index; the mean length is the tail's own.
    """
    words = set(lexical.terms(query))
    rows = catalog.index_texts(chunk_ids)
    counts = {chunk_id: Counter(lexical.terms(text)) for chunk_id, text, _ in rows}
    mean_length = np.mean([count.total() for count in counts.values()]) if counts else 1.0
    weights = {word: lexical.weight(word) for word in words}
    hits = []
    for chunk_id, count in counts.items():
        norm = K1 * (1 - B + B * count.total() / max(1.0, float(mean_length)))
        found = [word for word in words if count[word]]
        score = sum(weights[w] * count[w] * (K1 + 1) / (count[w] + norm) for w in found)
        if found:
            hits.append((chunk_id, score))
    return hits


def merge(hits: Hits, others: Hits) -> Hits:
    """All hits, each once with its best score, best first, ties by id."""
    best = dict(hits)
    for chunk_id, score in others:
        best[chunk_id] = max(score, best.get(chunk_id, -math.inf))
    return sorted(best.items(), key=lambda hit: (-hit[1], hit[0]))

"""A chunk's sentences, encoded one by one: which they are, and how the catalog keeps them.

One vector for a chunk blurs what a single sentence says. The chunks that a search finds are
compared once more by their best sentence; see rag/ranking.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from rag.encoder import Vectors
from rag.sentences import split_sentences

MIN_CHARACTERS = 25  # a shorter sentence goes with the next: "Yes." says nothing alone
MAX_SENTENCES = 24  # of a chunk; more are joined evenly
LEVELS = 127  # of a value, to either side of 0


def sentences_of(text: str) -> list[str]:
    """The sentences of a chunk to encode; none if it is a single one."""
    pieces: list[str] = []
    for start, end in split_sentences(text):
        piece = " ".join(text[start:end].split())
        if pieces and len(pieces[-1]) < MIN_CHARACTERS:
            pieces[-1] += f" {piece}"
        else:
            pieces.append(piece)
    if len(pieces) > 1 and len(pieces[-1]) < MIN_CHARACTERS:
        last = pieces.pop()
        pieces[-1] += f" {last}"
    if len(pieces) < 2:
        return []
    bounds = np.linspace(0, len(pieces), min(MAX_SENTENCES, len(pieces)) + 1).astype(int)
    return [" ".join(pieces[a:b]) for a, b in pairwise(bounds.tolist())]


def pack_vectors(vectors: Vectors) -> bytes:
    """(n, d) in a byte a value, and a float16 a row that scales it: its greatest value."""
    if not len(vectors):
        return b""
    scales = np.abs(vectors).max(axis=1, keepdims=True).astype("<f2")
    scales = np.nextafter(scales, np.float16(np.inf))  # never below the value it scales
    levels = np.round(vectors / scales.astype(np.float32) * LEVELS).astype(np.int8)
    return bytes(scales.tobytes() + levels.tobytes())


def unpack_vectors(packed: Sequence[bytes], dimension: int) -> list[Vectors]:
    """The vectors (n, d) of each; off by less than a two-hundredth of a row's greatest value."""
    found = []
    for one in packed:
        count = len(one) // (dimension + 2)
        scales = np.frombuffer(one, "<f2", count).astype(np.float32)
        levels = np.frombuffer(one, np.int8, count * dimension, offset=2 * count)
        rows = levels.reshape(count, dimension).astype(np.float32)
        found.append((rows * scales[:, None] / LEVELS).astype(np.float32))
    return found

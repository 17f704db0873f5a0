"""The two forms of the FAISS index: all vectors in a row, or in lists around centers.

Both hold vectors (n, d) with unit rows under chunk ids, and are searched by inner product. Numbers
are kept as float32, as float16 (the same ranks but for near ties), or as int8: a step of a range
that each column has of its own, found in a sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rag.id_set import Ids, IdSet

SAMPLED_PER_LIST = 50  # k-means sees so many vectors for each list; more gave no better recall
TRAINING_ROUNDS = 10
BLOCK_VECTORS = 20_000

INT8_MARGIN = 0.1  # of the sampled range, on both sides: later vectors reach further

Vectors = npt.NDArray[np.float32]
Precision = Literal["float32", "float16", "int8"]


def make_flat(
    dimension: int, precision: Precision = "float32", sample: Vectors | None = None
) -> Any:
    """Every vector is compared. The ranges of int8 are found in the sample (n, d)."""
    import faiss

    if precision == "float32":
        return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
    flat = faiss.IndexScalarQuantizer(dimension, _kind(precision), faiss.METRIC_INNER_PRODUCT)
    if sample is not None:
        flat.sq.rangestat_arg = INT8_MARGIN
        flat.train(np.ascontiguousarray(sample, dtype=np.float32))
    return faiss.IndexIDMap2(flat)


def _kind(precision: Precision) -> int:
    """What FAISS calls it."""
    import faiss

    kinds: dict[str, int] = {
        "float16": faiss.ScalarQuantizer.QT_fp16,
        "int8": faiss.ScalarQuantizer.QT_8bit,
    }
    return kinds[precision]


def num_lists_for(count: int) -> int:
    """How many lists `count` vectors want: the power of two next to twice the square root.

    It doubles when there are four times as many: then an index is made anew.
    """
    return int(2 ** max(2, round(np.log2(2 * max(1, count) ** 0.5))))


def make_lists(sample: Vectors, num_lists: int, precision: Precision) -> Any:
    """An empty index of lists around the centers that k-means finds in the sample (n, d).

    The centers are found on the GPUs that there are, if FAISS is built for them; searches stay on
    the CPU, where an index can be filtered and changed.
    """
    import faiss

    dimension = sample.shape[1]
    quantizer = faiss.IndexFlatIP(dimension)
    lists: Any
    if precision == "float32":
        lists = faiss.IndexIVFFlat(quantizer, dimension, num_lists, faiss.METRIC_INNER_PRODUCT)
    else:
        lists = faiss.IndexIVFScalarQuantizer(
            quantizer, dimension, num_lists, _kind(precision), faiss.METRIC_INNER_PRODUCT, False
        )
        lists.sq.rangestat_arg = INT8_MARGIN
    lists.cp.spherical = True
    lists.cp.niter = TRAINING_ROUNDS
    lists.cp.min_points_per_centroid = 1
    if faiss.get_num_gpus():
        on_gpus = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(dimension))
        lists.clustering_index = on_gpus
    lists.train(np.ascontiguousarray(sample, dtype=np.float32))
    lists.clustering_index = None
    return lists


def is_flat(index: Any) -> bool:
    return not hasattr(index, "nlist")


def quantizer_of(index: Any) -> Any:
    """What rounds the vectors of an index; None if nothing does."""
    import faiss

    return getattr(faiss.downcast_index(index.index) if is_flat(index) else index, "sq", None)


def precision_of(index: Any) -> Precision:
    """What the numbers of an index are kept as."""
    quantizer = quantizer_of(index)
    if quantizer is None:
        return "float32"
    return "float16" if quantizer.qtype == _kind("float16") else "int8"


def rounded(index: Any, vectors: Vectors) -> Vectors:
    """What becomes of vectors (n, d) in an index."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    quantizer = quantizer_of(index)
    if quantizer is None:
        return rows
    decoded: Vectors = quantizer.decode(quantizer.compute_codes(rows))
    return decoded


def blocks(index: Any) -> Iterator[tuple[Ids, Vectors]]:
    """Everything that an index holds, in copied blocks: ids (n,), vectors (n, d).

    Between two blocks the index may change: a flat one is copied at once, because a removal moves
    all that follows; in lists a vector stays in its list.
    """
    if is_flat(index):
        ids, vectors = all_ids(index), index.index.reconstruct_n(0, index.ntotal)
        for start in range(0, len(ids), BLOCK_VECTORS):
            yield ids[start : start + BLOCK_VECTORS], vectors[start : start + BLOCK_VECTORS]
        return
    for number in range(index.nlist):
        if count := index.invlists.list_size(number):
            yield _list_ids(index, number, count), _list_vectors(index, number, count)


@dataclass(frozen=True, slots=True)
class Scope:
    """The lists that hold any of some ids, and how many lists and held ids those are."""

    lists: IdSet
    num_lists: int
    num_ids: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Which ids lie in which list: all ids, list after list, and where each list ends."""

    ids: Ids
    ends: Ids

    def scope(self, allowed: IdSet) -> Scope:
        """Where the allowed ids lie."""
        before = np.concatenate([[0], np.cumsum(allowed.contains(self.ids))])
        in_list = np.diff(before[self.ends], prepend=0)
        lists = np.flatnonzero(in_list)
        return Scope(IdSet(lists), len(lists), int(before[-1]))


def layout(index: Any) -> Layout:
    """The lists of an index as they are now."""
    sizes = [index.invlists.list_size(number) for number in range(index.nlist)]
    return Layout(all_ids(index), np.cumsum(sizes, dtype=np.int64))


def all_ids(index: Any) -> Ids:
    """The ids that an index holds: as they came, or list after list."""
    import faiss

    if is_flat(index):
        ids: Ids = faiss.vector_to_array(index.id_map)
        return ids
    sizes = [(n, index.invlists.list_size(n)) for n in range(index.nlist)]
    parts = [_list_ids(index, number, count) for number, count in sizes if count]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _list_ids(index: Any, number: int, count: int) -> Ids:
    import faiss

    ids: Ids = faiss.rev_swig_ptr(index.invlists.get_ids(number), count).copy()
    return ids


def _list_vectors(index: Any, number: int, count: int) -> Vectors:
    import faiss

    codes = faiss.rev_swig_ptr(index.invlists.get_codes(number), count * index.code_size)
    codes = codes.reshape(count, index.code_size)
    quantizer = quantizer_of(index)
    rows: Vectors = codes.view("<f4").copy() if quantizer is None else quantizer.decode(codes)
    return rows

"""Vector search by inner product, with FAISS: exact while small, in lists when large."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from rag import dense_lists
from rag.errors import IndexStateError
from rag.id_set import Ids, IdSet, id_array

# A snapshot is what FAISS writes, then this trailer: magic, sequence, count, dimension, great id.
TRAILER = struct.Struct("<8sqqqq")
MAGIC = b"FNDENSE2"

EXACT_LIMIT = 50_000  # vectors compared one by one: 5 ms at 384 dimensions
# A question lies apart from all passages, so its nearest ones lie in many lists. 128 lists hold
# 99 % of the ten nearest at 100,000 vectors (512 lists), 300,000 (1024) and 1,000,000 (2048).
PROBED_LISTS = 128
INT8_SAMPLE = 1_000  # vectors that tell the ranges of int8; before, they are kept as float32
LOCKED_VECTORS = 2_000  # added at once: a search waits no longer than that takes

Vectors = npt.NDArray[np.float32]
Precision = Literal["auto", "float32", "float16", "int8"]


class DenseIndex:
    """Chunk embeddings (n, d) by chunk id. A lock serves one writer and many readers.

    Above `exact_limit` vectors it `is_outgrown`; `grown()` gives one whose vectors lie in lists,
    of which a search looks at the nearest. `precision` is what the numbers are kept as; `auto` is
    float32 before it is outgrown, and float16 in lists. `sequence` is the last change of the
    catalog's log that the index holds.
    """

    def __init__(
        self,
        dimension: int,
        *,
        exact_limit: int = EXACT_LIMIT,
        precision: Precision = "auto",
    ) -> None:
        import faiss

        self.dimension = dimension
        self.exact_limit = exact_limit
        self.precision = precision
        self.sequence = 0
        self._faiss: Any = faiss
        first: dense_lists.Precision = "float16" if precision == "float16" else "float32"
        self._index: Any = dense_lists.make_flat(dimension, first)
        self._greatest_id = -1  # that was ever added: a greater one is new
        self._layout: dense_lists.Layout | None = None  # of the lists, until they change
        self._scopes: WeakKeyDictionary[IdSet, dense_lists.Scope] = WeakKeyDictionary()
        self._lock = threading.RLock()

    @property
    def is_exact(self) -> bool:
        """Whether every vector is compared, in full precision."""
        return self.is_flat and self.held_precision == "float32"

    @property
    def is_flat(self) -> bool:
        """Whether every vector is compared."""
        return dense_lists.is_flat(self._index)

    @property
    def held_precision(self) -> dense_lists.Precision:
        """What the numbers are kept as just now."""
        return dense_lists.precision_of(self._index)

    @property
    def is_as_set(self) -> bool:
        """Whether it has the precision that is set, or will have it once it has grown."""
        if self.precision == "int8" and self.is_flat:
            return self.held_precision != "float16"
        return self.held_precision == self._precision_in(lists=not self.is_flat)

    def _precision_in(self, *, lists: bool) -> dense_lists.Precision:
        if self.precision == "auto":
            return "float16" if lists else "float32"
        return self.precision

    @property
    def is_outgrown(self) -> bool:
        """Whether `grown()` would search faster, or in the precision that is set."""
        count = len(self)
        if not self.is_flat:
            return dense_lists.num_lists_for(count) >= 2 * int(self._index.nlist)
        is_unranged = self.precision == "int8" and self.held_precision == "float32"
        return count > self.exact_limit or (is_unranged and count >= INT8_SAMPLE)

    def apply(
        self,
        added_ids: Iterable[int],
        vectors: Vectors,
        deleted_ids: Iterable[int],
        sequence: int | None = None,
    ) -> None:
        """Add `vectors[i]` as `added_ids[i]` and delete the others; repeating it is harmless."""
        added = id_array(added_ids)
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        if len(added) and rows.shape != (len(added), self.dimension):
            raise ValueError(f"vectors have shape {rows.shape}, not {(len(added), self.dimension)}")
        for start in range(0, len(added), LOCKED_VECTORS):
            end = start + LOCKED_VECTORS
            self._replace(added[start:end], rows[start:end], id_array(()))
        self._replace(added[:0], rows[:0], np.setdiff1d(id_array(deleted_ids), added))
        if sequence is not None:
            self.sequence = sequence

    def _replace(self, added: Ids, rows: Vectors, deleted: Ids) -> None:
        with self._lock:
            self._layout = None
            stale = np.concatenate([deleted, added])
            stale = stale[stale <= self._greatest_id]
            if len(stale) and self._index.ntotal:
                self._index.remove_ids(self._faiss.IDSelectorBatch(stale))
            if len(added):
                self._index.add_with_ids(rows, added)
                self._greatest_id = max(self._greatest_id, int(added.max()))

    def search(
        self, query: Vectors, k: int, allowed: Ids | IdSet | None = None
    ) -> list[tuple[int, float]]:
        """The k best (chunk id, inner product), best first, ties by id.

        `query` is (d,), or (n, d) for n wordings, where a chunk's best score counts. `allowed`
        are the only ids that may be found; when it is empty nothing is found.
        """
        rows = np.ascontiguousarray(np.atleast_2d(query), dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dimension:
            raise ValueError(f"query has shape {query.shape}; the index is {self.dimension} wide")
        if isinstance(allowed, np.ndarray):
            allowed = id_array(allowed[(allowed >= 0) & (allowed <= self._greatest_id)])
        if allowed is not None and not len(allowed):
            return []
        with self._lock:
            k = min(k, self._index.ntotal)
            if k < 1 or not len(rows):
                return []
            scores, ids = self._index.search(rows, k, params=self._parameters(allowed))
        best: dict[int, float] = {}
        for chunk_id, score in zip(ids.ravel().tolist(), scores.ravel().tolist(), strict=True):
            if chunk_id >= 0:  # FAISS fills up with -1
                best[chunk_id] = max(score, best.get(chunk_id, score))
        return sorted(best.items(), key=lambda hit: (-hit[1], hit[0]))[:k]

    def _parameters(self, allowed: Ids | IdSet | None) -> Any:
        """What FAISS is told: the filter, and in how many lists to look."""
        faiss = self._faiss
        if self.is_flat:
            if allowed is None:
                return None
            if isinstance(allowed, IdSet):
                return faiss.SearchParameters(sel=allowed.selector(faiss))
            return faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))
        if allowed is None:
            return faiss.SearchParametersIVF(nprobe=min(PROBED_LISTS, self._index.nlist))
        return self._list_parameters(allowed if isinstance(allowed, IdSet) else IdSet(allowed))

    def _list_parameters(self, allowed: IdSet) -> Any:
        """Look only in lists that hold something allowed, and compare as many vectors as ever.

        A filter that lets few through so opens more lists, up to all: then the search is exact.
        Without this, the Chinese chunks near an English question lie in none of the lists next
        to it.
        """
        scope = self._scope(allowed)
        wanted = PROBED_LISTS * self._index.ntotal * scope.num_lists
        num_lists = -(-wanted // max(1, self._index.nlist * scope.num_ids))
        return self._faiss.SearchParametersIVF(
            nprobe=max(1, min(num_lists, scope.num_lists)),
            sel=allowed.selector(self._faiss),
            quantizer_params=self._faiss.SearchParameters(sel=scope.lists.selector(self._faiss)),
        )

    def _scope(self, allowed: IdSet) -> dense_lists.Scope:
        """Worked out once for a set of ids, until something changes."""
        if self._layout is None:
            self._layout = dense_lists.layout(self._index)
            self._scopes.clear()
        scope = self._scopes.get(allowed)
        if scope is None:
            scope = self._scopes[allowed] = self._layout.scope(allowed)
        return scope

    # Growing

    def grown(self, expected: int = 0, sample: Vectors | None = None) -> DenseIndex:
        """A copy in lists, made for as many vectors as are held (or for `expected`, if more).

        With int8 and no more than `exact_limit` it is one without lists. The lists' centers and
        the ranges of int8 are found in `sample`, or else among what is held. Searches and changes
        of this index go on meanwhile; `sequence` says which changes the copy surely holds, so
        that the log brings it up to date.
        """
        copy = DenseIndex(self.dimension, exact_limit=self.exact_limit, precision=self.precision)
        with self._lock:
            copy.sequence = self.sequence
            count = max(expected, len(self))
        num_lists = dense_lists.num_lists_for(count)
        if sample is None:
            sample = self._sample(max(INT8_SAMPLE, dense_lists.SAMPLED_PER_LIST * num_lists))
        if self.precision == "int8" and count <= self.exact_limit:
            copy._index = dense_lists.make_flat(self.dimension, "int8", sample)
        else:
            precision = self._precision_in(lists=True)
            copy._index = dense_lists.make_lists(sample, min(num_lists, len(sample)), precision)
        for ids, vectors in self.blocks():
            copy._index.add_with_ids(vectors, ids)
            copy._greatest_id = max(copy._greatest_id, int(ids.max()))
        return copy

    def _sample(self, count: int) -> Vectors:
        """About so many of the vectors, evenly from everything held."""
        step = max(1, len(self) // count)
        parts = []
        offset = 0
        for _, vectors in self.blocks():
            parts.append(vectors[offset::step])
            offset = (offset - len(vectors)) % step
        return np.concatenate(parts)

    # What is held

    def blocks(self) -> Iterator[tuple[Ids, Vectors]]:
        """Everything held, in blocks: ids (n,) and vectors (n, d). Changes may come between."""
        parts = dense_lists.blocks(self._index)
        while True:
            with self._lock:
                block = next(parts, None)
            if block is None:
                return
            yield block

    def ids(self) -> Ids:
        """All chunk ids, ascending."""
        with self._lock:
            return np.sort(dense_lists.all_ids(self._index))

    def contains(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """For each id, whether it is held."""
        return np.isin(ids, self.ids())

    def vectors(self, ids: Ids) -> Vectors:
        """The embeddings (n, d) of ids that are held; looks through everything. KeyError."""
        wanted = id_array(ids)
        found: dict[int, Vectors] = {}
        for held, vectors in self.blocks():
            for position in np.flatnonzero(np.isin(held, wanted)):
                found[int(held[position])] = vectors[position]
        rows = [found[chunk_id] for chunk_id in wanted.tolist()]
        return np.stack(rows) if rows else np.zeros((0, self.dimension), dtype=np.float32)

    def stored_form(self, vectors: Vectors) -> Vectors:
        """What becomes of vectors (n, d) that are added: rounded, as FAISS does."""
        with self._lock:
            return dense_lists.rounded(self._index, vectors)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    # Snapshots

    def save(self, path: Path) -> None:
        """Write a snapshot that replaces the old one only when it is complete and synced."""
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            with self._lock:
                self._faiss.write_index(self._index, str(temporary))
                numbers = (self.sequence, len(self), self.dimension, self._greatest_id)
            with temporary.open("ab") as file:
                file.write(TRAILER.pack(MAGIC, *numbers))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)

    @classmethod
    def load(
        cls, path: Path, *, exact_limit: int = EXACT_LIMIT, precision: Precision = "auto"
    ) -> DenseIndex:
        """Read a snapshot, of whatever precision.

        Raises IndexStateError if it is missing, cut short or damaged.
        """
        cure = "It is derived: delete it and it is rebuilt from the catalog."
        try:
            with path.open("rb") as file:
                file.seek(-TRAILER.size, os.SEEK_END)
                magic, sequence, count, dimension, greatest_id = TRAILER.unpack(file.read())
        except (OSError, struct.error) as error:
            raise IndexStateError(
                f"The snapshot {path} cannot be read ({error}). {cure}"
            ) from error
        if magic != MAGIC:
            raise IndexStateError(f"The snapshot {path} is cut short or of another version. {cure}")
        loaded = cls(dimension, exact_limit=exact_limit, precision=precision)
        try:
            loaded._index = loaded._faiss.read_index(str(path))
        except RuntimeError as error:
            raise IndexStateError(f"The snapshot {path} is damaged. {cure}") from error
        if loaded._index.ntotal != count or loaded._index.d != dimension:
            raise IndexStateError(f"The snapshot {path} contradicts its trailer. {cure}")
        loaded.sequence, loaded._greatest_id = sequence, greatest_id
        return loaded


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

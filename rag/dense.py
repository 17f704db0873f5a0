"""Exact vector search by inner product, with FAISS."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.errors import IndexStateError

# A snapshot is what FAISS writes, then this trailer: magic, sequence, count, dimension.
TRAILER = struct.Struct("<8sqqq")
MAGIC = b"FNDENSE1"

Ids = npt.NDArray[np.int64]


class DenseIndex:
    """Chunk embeddings (n, d) by chunk id. A lock serves one writer and many readers.

    `sequence` is the last change of the catalog's log that the index holds.
    """

    def __init__(self, dimension: int) -> None:
        import faiss

        self.dimension = dimension
        self.sequence = 0
        self._faiss: Any = faiss
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._lock = threading.RLock()

    def apply(
        self,
        added_ids: Iterable[int],
        vectors: npt.NDArray[np.float32],
        deleted_ids: Iterable[int],
        sequence: int | None = None,
    ) -> None:
        """Add `vectors[i]` as `added_ids[i]` and delete the others; repeating it is harmless."""
        added = _id_array(added_ids)
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        if len(added) and rows.shape != (len(added), self.dimension):
            raise ValueError(f"vectors have shape {rows.shape}, not {(len(added), self.dimension)}")
        with self._lock:
            stale = np.concatenate([_id_array(deleted_ids), added])
            if len(stale) and self._index.ntotal:
                self._index.remove_ids(self._faiss.IDSelectorBatch(stale))
            if len(added):
                self._index.add_with_ids(rows, added)
            if sequence is not None:
                self.sequence = sequence

    def search(
        self, query: npt.NDArray[np.float32], k: int, allowed: Ids | None = None
    ) -> list[tuple[int, float]]:
        """The k best (chunk id, inner product), best first, ties by id.

        `query` is (d,), or (n, d) for n wordings, where a chunk's best score counts. `allowed`
        are the only ids that may be found; when it is empty nothing is found.
        """
        rows = np.ascontiguousarray(np.atleast_2d(query), dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dimension:
            raise ValueError(f"query has shape {query.shape}; the index is {self.dimension} wide")
        parameters = None
        if allowed is not None:
            chosen = _id_array(allowed)
            if not len(chosen):
                return []
            parameters = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBatch(chosen))
        with self._lock:
            k = min(k, self._index.ntotal)
            if k < 1 or not len(rows):
                return []
            scores, ids = self._index.search(rows, k, params=parameters)
        best: dict[int, float] = {}
        for chunk_id, score in zip(ids.ravel().tolist(), scores.ravel().tolist(), strict=True):
            if chunk_id >= 0:  # FAISS fills up with -1
                best[chunk_id] = max(score, best.get(chunk_id, score))
        return sorted(best.items(), key=lambda hit: (-hit[1], hit[0]))[:k]

    def ids(self) -> Ids:
        """All chunk ids, ascending."""
        with self._lock:
            held: Ids = self._faiss.vector_to_array(self._index.id_map)
            return np.sort(held)

    def contains(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """For each id, whether it is held."""
        return np.isin(ids, self.ids())

    def vectors(self, ids: Ids) -> npt.NDArray[np.float32]:
        """The embeddings (n, d) of ids that are held."""
        with self._lock:
            found: npt.NDArray[np.float32] = self._index.reconstruct_batch(_id_array(ids))
            return found

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def save(self, path: Path) -> None:
        """Write a snapshot that replaces the old one only when it is complete and synced."""
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            with self._lock:
                self._faiss.write_index(self._index, str(temporary))
                trailer = TRAILER.pack(MAGIC, self.sequence, len(self), self.dimension)
            with temporary.open("ab") as file:
                file.write(trailer)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)

    @classmethod
    def load(cls, path: Path) -> DenseIndex:
        """Read a snapshot. Raises IndexStateError if it is missing, cut short or damaged."""
        cure = "It is derived: delete it and it is rebuilt from the catalog."
        try:
            with path.open("rb") as file:
                file.seek(-TRAILER.size, os.SEEK_END)
                magic, sequence, count, dimension = TRAILER.unpack(file.read())
        except (OSError, struct.error) as error:
            raise IndexStateError(
                f"The snapshot {path} cannot be read ({error}). {cure}"
            ) from error
        if magic != MAGIC:
            raise IndexStateError(f"The snapshot {path} is cut short or of another version. {cure}")
        loaded = cls(dimension)
        try:
            loaded._index = loaded._faiss.read_index(str(path))
        except RuntimeError as error:
            raise IndexStateError(f"The snapshot {path} is damaged. {cure}") from error
        if loaded._index.ntotal != count or loaded._index.d != dimension:
            raise IndexStateError(f"The snapshot {path} contradicts its trailer. {cure}")
        loaded.sequence = sequence
        return loaded


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _id_array(ids: Iterable[int]) -> Ids:
    if not isinstance(ids, np.ndarray):
        ids = np.fromiter((int(chunk_id) for chunk_id in ids), dtype=np.int64)
    return np.ascontiguousarray(ids, dtype=np.int64)

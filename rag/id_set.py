"""A set of chunk ids as a bitmap: cheap to test while an index is searched, cheap to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class IdSet:
    """Ids from 0, as bits: an eighth of a byte for each id up to the greatest.

    The catalog counts its ids up from 1, so even a hundred million chunks make 12 MB. A set that
    was handed to a search must not change: make a changed copy with `with_changes`.
    """

    __slots__ = ("__weakref__", "_bits", "count")

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._bits = np.zeros(0, dtype=np.uint8)
        self.count = 0  # how many ids are in the set
        self._set(id_array(ids), True)

    def _set(self, ids: Ids, member: bool) -> None:
        if not len(ids):
            return
        if int(ids.min()) < 0:
            raise ValueError(f"{int(ids.min())} is no chunk id")
        flags = np.zeros(max(8 * len(self._bits), int(ids.max()) + 1), dtype=np.bool_)
        flags[: 8 * len(self._bits)] = np.unpackbits(self._bits, bitorder="little")
        flags[ids] = member
        self._bits = np.packbits(flags, bitorder="little")
        self.count = int(np.count_nonzero(flags))

    def with_changes(self, added: Iterable[int], removed: Iterable[int]) -> IdSet:
        """A copy with some ids more and some fewer."""
        changed = IdSet()
        changed._bits, changed.count = self._bits, self.count
        changed._set(id_array(added), True)
        known = id_array(removed)
        changed._set(known[known < 8 * len(changed._bits)], False)
        return changed

    @classmethod
    def of_ranges(cls, ranges: Ids) -> IdSet:
        """All ids from the first to the last of each range (n, 2)."""
        found = cls()
        if len(ranges):
            steps = np.zeros(int(ranges.max()) + 2, dtype=np.int32)
            np.add.at(steps, ranges[:, 0], 1)
            np.add.at(steps, ranges[:, 1] + 1, -1)
            found._take(np.packbits(np.cumsum(steps) > 0, bitorder="little"))
        return found

    def runs(self) -> Ids:
        """(n, 2): the first and last id of each run of ids without a gap."""
        flags = np.unpackbits(self._bits, bitorder="little").astype(np.int8)
        edges = np.flatnonzero(np.diff(flags, prepend=0, append=0))
        edges[1::2] -= 1
        return edges.reshape(-1, 2).astype(np.int64)

    def _take(self, bits: npt.NDArray[np.uint8]) -> None:
        self._bits, self.count = bits, int(np.bitwise_count(bits).sum())

    def contains(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """For each id, whether it is in the set."""
        found = np.zeros(len(ids), dtype=np.bool_)
        inside = (ids >= 0) & (ids < 8 * len(self._bits))
        known = ids[inside]
        found[inside] = (self._bits[known >> 3] >> (known & 7).astype(np.uint8)) & 1
        return found

    def ids(self) -> Ids:
        """The ids, ascending."""
        return np.flatnonzero(np.unpackbits(self._bits, bitorder="little")).astype(np.int64)

    def selector(self, faiss: Any) -> Any:
        """The set as FAISS tests it."""
        return faiss.IDSelectorBitmap(self._bits)

    def __or__(self, other: IdSet) -> IdSet:
        return self.with_changes(other.ids(), ())

    def __and__(self, other: IdSet) -> IdSet:
        found = IdSet()
        size = min(len(self._bits), len(other._bits))
        found._take(self._bits[:size] & other._bits[:size])
        return found

    def __len__(self) -> int:
        return self.count


def id_array(ids: Iterable[int]) -> Ids:
    """The ids as FAISS takes them (n,)."""
    if not isinstance(ids, np.ndarray):
        ids = np.fromiter((int(chunk_id) for chunk_id in ids), dtype=np.int64)
    return np.ascontiguousarray(ids, dtype=np.int64)


def among(allowed: IdSet | None, ids: Sequence[int]) -> list[int]:
    """Those of the ids that are allowed, in their order; all if `allowed` is None."""
    if allowed is None:
        return list(ids)
    is_allowed = allowed.contains(id_array(ids))
    return [i for i, is_member in zip(ids, is_allowed, strict=True) if is_member]

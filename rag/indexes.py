"""The catalog with the two indexes derived from it, in one folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from rag import lock
from rag.catalog import DIMENSION_KEY, ENCODER_KEY, Catalog
from rag.dense import EXACT_LIMIT, DenseIndex, Precision
from rag.dense_follower import BATCH_CHUNKS, DenseFollower
from rag.disk import disk_errors, may_write
from rag.errors import IndexStateError
from rag.id_set import Ids, IdSet
from rag.lexical import LexicalIndex
from rag.lock import take_lock
from rag.mirror import Mirror

CATALOG_FILE = "catalog.sqlite3"
DENSE_FILE = "dense.faiss"
LEXICAL_FOLDER = "lexical"
LOCK_FILE = lock.LOCK_FILE
KEPT_CHANGES = 20_000  # of the log, for readers that are a little behind
DROPPED_CHANGES = 20_000  # fewer are not worth the writing


class Indexes:
    """Owns the catalog, the dense index and the lexical index of a folder.

    One writer at a time, in any process; readers see its changes after `catch_up`. Raises
    IndexStateError if another writer holds the folder (after waiting `wait_seconds` for it, which
    `say` is told), if the vectors are of another dimension, or if the disk cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dimension: int,
        read_only: bool,
        wait_seconds: float = 0.0,
        say: Callable[[str], None] | None = None,
        exact_limit: int = EXACT_LIMIT,
        precision: Precision = "auto",
    ) -> None:
        self.folder = folder
        self.dimension = dimension
        self.read_only = read_only
        self._lock = threading.RLock()
        self._lock_file: int | None = None
        self._dense: DenseFollower | None = None
        self._lexical: LexicalIndex | None = None
        self._mirror: Mirror | None = None
        with disk_errors(folder):
            if not read_only:
                folder.mkdir(parents=True, exist_ok=True)
                self._lock_file = take_lock(folder / LOCK_FILE, wait_seconds, say)
            try:
                self.catalog = Catalog(folder / CATALOG_FILE, read_only=read_only)
            except BaseException:
                self._release_lock()
                raise
            try:
                self._open(exact_limit, precision)
            except BaseException:
                self.close()
                raise

    def _open(self, exact_limit: int, precision: Precision) -> None:
        if not self.read_only:
            _drop_leftovers(self.folder)
        self._check_dimension()
        self._dense = DenseFollower(
            self.catalog,
            self.folder / DENSE_FILE,
            self.dimension,
            read_only=self.read_only,
            exact_limit=exact_limit,
            precision=precision,
        )
        self._lexical = self._open_lexical()
        self.catch_up()

    @property
    def dense(self) -> DenseIndex:
        """The vectors' index; ask for it at each search, since it is replaced when it grows."""
        assert self._dense is not None
        return self._dense.index

    @property
    def lexical(self) -> LexicalIndex:
        """The word index; a reader that comes before the first writer has an empty one."""
        assert self._lexical is not None
        return self._lexical

    def _check_dimension(self) -> None:
        stored = self.catalog.get_meta(DIMENSION_KEY)
        if stored is None and not self.read_only:
            self.catalog.set_meta(DIMENSION_KEY, str(self.dimension))
        elif stored is not None and int(stored) != self.dimension:
            raise IndexStateError(
                f"The index {self.folder} holds vectors of {stored} dimensions, but the encoder "
                f"makes {self.dimension}. Set the old encoder again, or index into a new folder."
            )

    def claim_encoder(self, fingerprint: str) -> None:
        """Make sure that the vectors are this encoder's; an index without one becomes its.

        Raises IndexStateError if they are another's: their similarities would mean nothing.
        """
        stored = self.catalog.get_meta(ENCODER_KEY)
        if stored is None and not self.read_only:
            self.catalog.set_meta(ENCODER_KEY, fingerprint)
        elif stored not in (None, fingerprint):
            raise IndexStateError(
                f"The index {self.folder} was made with another encoder. Set that one again, or "
                "index into a new folder with --index."
            )

    def _open_lexical(self) -> LexicalIndex:
        path = self.folder / LEXICAL_FOLDER
        if self.read_only:
            # Opening would create it: wait until the writer has.
            return self._read_lexical(path) if (path / "meta.json").exists() else LexicalIndex(None)
        try:
            lexical = LexicalIndex(path)
        except IndexStateError:
            return self._new_lexical()
        if lexical.sequence > self.catalog.sequence():
            lexical.close()
            return self._new_lexical()
        return lexical

    def _read_lexical(self, path: Path) -> LexicalIndex:
        if not may_write(path):
            self._mirror = Mirror(path)
            path = self._mirror.folder
        return LexicalIndex(path)

    def _new_lexical(self) -> LexicalIndex:
        path = self.folder / LEXICAL_FOLDER
        shutil.rmtree(path, ignore_errors=True)
        return LexicalIndex(path)

    # Following the log

    def catch_up(self) -> None:
        """Bring both indexes to the catalog's newest change."""
        with self._lock:
            assert self._dense is not None
            self._dense.catch_up()
            if self.read_only:
                self._reload_lexical()
            else:
                self._catch_up_lexical()

    def _catch_up_lexical(self) -> None:
        before = self.lexical.sequence
        with self.catalog.snapshot():
            if self.catalog.sequence() == before:
                return
            added, deleted, newest = self.catalog.changes_since(before, self.lexical.ids)
            for start in range(0, len(added), BATCH_CHUNKS):
                batch = added[start : start + BATCH_CHUNKS]
                self.lexical.apply(self.catalog.index_texts(batch), [], before)
            self.lexical.apply([], deleted, newest)

    def _reload_lexical(self) -> None:
        meta = self.folder / LEXICAL_FOLDER / "meta.json"
        if self.lexical.in_memory and meta.exists():
            self._lexical = self._read_lexical(meta.parent)
        else:
            if self._mirror is not None:
                self._mirror.refresh()
            self.lexical.reload()

    def save(self) -> None:
        """Catch up, write the dense snapshot where enough changed, and shorten the log.

        The word index is on disk once it has caught up.
        """
        if self.read_only:
            raise IndexStateError(f"The index {self.folder} was opened read-only.")
        assert self._dense is not None
        self.catch_up()
        self._dense.save()
        self._shorten_log()

    def _shorten_log(self) -> None:
        """Drop from the log what both indexes hold on disk, so that it does not grow for ever."""
        assert self._dense is not None
        wanted = self.catalog.sequence() - KEPT_CHANGES
        reached = min(wanted, self._dense.saved_sequence, self.lexical.sequence)
        if reached - self.catalog.log_start() >= DROPPED_CHANGES:
            self.catalog.shorten_log(reached)

    # Checking

    def verify(self, repair: bool = False) -> list[str]:
        """What is wrong, one line each; `repair` rebuilds a derived index that disagrees.

        The problems found are returned even when repaired. The catalog itself is not repaired.
        A word index that is behind the log is sound: a reader searches the rest of the log, and
        the next writer catches up.
        """
        with self._lock:
            self.catch_up()
            problems = self.catalog.verify()
            live = self.catalog.live_chunk_ids()
            dense = _difference("FAISS", live, self.dense.ids()) + self._wrong_vectors(live)
            behind = self.catalog.changes_since(self.lexical.sequence)[:2]
            lexical = _difference("tantivy", live, self.lexical.ids(), *behind)
            if repair and self.read_only and (dense or lexical):
                raise IndexStateError(f"The index {self.folder} was opened read-only: no repair.")
            if repair and dense:
                assert self._dense is not None
                self._dense.rebuild()
            if repair and lexical:
                self.lexical.close()
                self._lexical = self._new_lexical()
                self._catch_up_lexical()
            return problems + dense + lexical

    def _wrong_vectors(self, live: Ids) -> list[str]:
        wrong, known = 0, IdSet(live)
        for ids, vectors in self.dense.blocks():
            is_live = known.contains(ids)
            if is_live.any():
                stored = self.dense.stored_form(self.catalog.vectors(ids[is_live]))
                wrong += int((vectors[is_live] != stored).any(axis=1).sum())
        return [f"FAISS: {wrong} vectors differ from the catalog's"] if wrong else []

    def _release_lock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def close(self) -> None:
        """Close the files and let the lock go, without saving: what is missing is replayed."""
        with self._lock:
            if self._dense is not None:
                self._dense.close()
            if self._lexical is not None:
                self._lexical.close()
            if self._mirror is not None:
                self._mirror.close()
            self.catalog.close()
            self._release_lock()

    def __enter__(self) -> Indexes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _drop_leftovers(folder: Path) -> None:
    """Delete the half-written files of a writer that was killed; only the lock's holder may."""
    for place in (folder, folder / LEXICAL_FOLDER):
        for path in [*place.glob("*.tmp"), *place.glob(".tmp*")]:
            path.unlink(missing_ok=True)


def _difference(
    name: str, live: Ids, held: Ids, added: Sequence[int] = (), deleted: Sequence[int] = ()
) -> list[str]:
    """How the ids held differ from the living ones, the changes still to be followed aside."""
    problems = []
    if missing := np.setdiff1d(np.setdiff1d(live, held), added).size:
        problems.append(f"{name}: {missing} chunks of the catalog are missing")
    if surplus := np.setdiff1d(np.setdiff1d(held, live), deleted).size:
        problems.append(f"{name}: {surplus} chunks are not in the catalog")
    if repeated := held.size - np.unique(held).size:
        problems.append(f"{name}: {repeated} chunks are held more than once")
    return problems

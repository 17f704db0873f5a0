"""Brings an index to the present state of its folders, doing nothing twice.

The files are read and chunked by a pool ahead of the encoder, which takes texts of like lengths
from a window over many documents; a thread behind it commits each document that is complete.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.changes import Changes, Comparison
from ingest.chunker import CHUNKER_VERSION, MAX_CONTEXT_TOKENS
from ingest.pool import Prepared, Reader, ReaderPool
from ingest.reading import DEFAULT_READING, Reading, ReadingProcess
from ingest.scan import Failure, Scan, scan
from ingest.touched import Busy, nothing_is_busy
from ingest.window import Pending, Window
from ingest.writing import Writer
from rag.catalog import SYNCED_KEY, Catalog
from rag.disk import disk_errors
from rag.encoder import Encoder, embedding_key
from rag.errors import ReadError, SettingError
from rag.indexes import Indexes

ROOTS_KEY = "roots"
CHUNKING_KEY = "chunking"
READING_KEY = "reading"  # how files were read when some of them failed
PRUNED_KEY = "pruned"  # the sequence after which the unused embeddings were dropped
WINDOW_CHUNKS = 2048  # sorted together: enough that lengths match, some 4 MB
FIRST_SLICE_CHUNKS = 32
SLICE_SECONDS = (1.0, 3.0)  # of encoding between two looks at what came in, and at the stop
WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` files are read and encoded; `path` is the last of them, or the first.

    Files are done together, since texts of like lengths of many files are encoded together: it is
    `num_encoded`, the passages that this run has encoded, that grows from the first second.
    """

    done: int
    total: int
    path: str
    num_encoded: int = 0

    def __str__(self) -> str:
        return f"{self.done} of {self.total} documents, {self.num_encoded:,} passages encoded"


@dataclass(slots=True)
class SyncReport:
    """What a sync did. `num_chunks` stand in the files it read; `num_encoded` were new text.

    `new` counts `copied` files too.
    """

    new: int = 0
    changed: int = 0
    moved: int = 0
    copied: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: list[Failure] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what readers found odd or left out
    num_chunks: int = 0
    num_encoded: int = 0
    seconds: float = 0.0
    encoder_seconds: float = 0.0
    was_stopped: bool = False


def remembered_roots(catalog: Catalog) -> list[str]:
    """The folders that were indexed, as absolute paths."""
    roots: list[str] = json.loads(catalog.get_meta(ROOTS_KEY) or "[]")
    return roots


def sync(
    indexes: Indexes,
    encoder: Encoder,
    roots: Sequence[Path],
    *,
    max_file_bytes: int,
    max_chunk_tokens: int,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    explain: Callable[[str], None] | None = None,
    reading: Reading = DEFAULT_READING,
    follow_links: bool = False,
    busy: Busy = nothing_is_busy,
    first: Sequence[Path] = (),
    left_out: Collection[str] = (),
) -> SyncReport:
    """Index what is new or changed under the roots (absolute), and drop what is gone.

    `first` are more folders, which go first and are not remembered; the files and folders
    `left_out` count as not there.

    Files of equal size and time are not opened; text that was encoded before is not encoded
    again; documents outside the roots stay. `explain` gets a line when all must be read anew;
    what is `busy` stays as it is.
    Raises SettingError if a root that was never indexed is not there, IndexStateError if the
    index was made with another encoder, or its disk is full or may not be written; what was
    committed before stays, and the next sync goes on from there.
    """
    run = _Sync(
        indexes,
        encoder,
        max_tokens=min(max_chunk_tokens, encoder.max_tokens - MAX_CONTEXT_TOKENS),
        reading=reading,
        progress=progress or (lambda _: None),
        should_stop=should_stop or (lambda: False),
        explain=explain or (lambda _: None),
        busy=busy,
    )
    with disk_errors(indexes.folder):
        is_whole = run.remember([Path(root) for root in roots])
        roots = [*first, *map(Path, roots)]
        found = scan(
            roots, max_file_bytes=max_file_bytes, follow_links=follow_links, left_out=left_out
        )
        return run.run(roots, found, is_whole)


class _Sync:
    def __init__(
        self,
        indexes: Indexes,
        encoder: Encoder,
        *,
        max_tokens: int,
        reading: Reading,
        progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        explain: Callable[[str], None],
        busy: Busy,
    ) -> None:
        self._indexes = indexes
        self._catalog = indexes.catalog
        self._encoder = encoder
        self._max_tokens = max_tokens
        self._reading = reading
        self._progress = progress
        self._should_stop = should_stop
        self._explain = explain
        self._busy = busy
        self._started = time.monotonic()
        self._report = SyncReport()
        self._changes = Changes()
        self._window = Window()
        self._slice_chunks = FIRST_SLICE_CHUNKS
        self._done = 0
        self._last_path = ""  # of the files that are done, or the first

    def run(self, roots: Sequence[Path], found: Scan, is_whole: bool) -> SyncReport:
        """Bring the catalog to what was found; `is_whole`: no remembered root is missing."""
        report = self._report
        report.unsupported, report.failed = found.unsupported, list(found.failed)
        changes = self._changes = Comparison(
            self._catalog,
            found,
            is_stale=self._is_stale(),
            may_retry=self._catalog.get_meta(READING_KEY) != self._reading_name(),
            busy=self._busy,
        ).run(roots)
        self._count(changes)
        self._indexes.catch_up()  # what is gone is gone before the reading begins
        if changes.wanted:
            self._index()
        report.failed.sort(key=lambda failure: failure.path)
        if not report.was_stopped:
            self._set_meta(CHUNKING_KEY, self._chunking())
            self._set_meta(READING_KEY, self._reading_name())
            self._set_meta(SYNCED_KEY, f"{time.time():.3f}")
        self._tidy(may_prune=is_whole and not report.was_stopped)
        report.seconds = time.monotonic() - self._started
        return report

    def remember(self, roots: Sequence[Path]) -> bool:
        """Add the roots to those remembered; False if one of them is not there just now."""
        self._indexes.claim_encoder(self._encoder.fingerprint)
        known = remembered_roots(self._catalog)
        for root in roots:
            if str(root) not in known and not root.exists():
                raise SettingError(f"{root} is not there. Give a folder or a file that exists.")
        named = list(dict.fromkeys([*known, *map(str, roots)]))
        self._set_meta(ROOTS_KEY, json.dumps(named, ensure_ascii=False))
        return all(Path(root).exists() for root in named)

    def _set_meta(self, key: str, value: str) -> None:
        if self._catalog.get_meta(key) != value:
            self._catalog.set_meta(key, value)

    def _chunking(self) -> str:
        return f"{CHUNKER_VERSION}/{self._max_tokens}"

    def _is_stale(self) -> bool:
        """Whether the documents were cut otherwise than they would be now."""
        held = self._catalog.get_meta(CHUNKING_KEY)
        if held == self._chunking():
            return False
        if held is not None:
            self._explain(
                f"The chunks were cut as {held} (version/tokens), now {self._chunking()}: all "
                "files are read again, one by one; until its turn each is found as it was."
            )
        return True

    def _reading_name(self) -> str:
        """Names how files are read; passwords do not stand in the index."""
        reading = self._reading
        limits = (CHUNKER_VERSION, reading.seconds, reading.memory_bytes, reading.options)
        return hashlib.sha256(repr(limits).encode()).hexdigest()[:16]

    def _count(self, changes: Changes) -> None:
        report = self._report
        report.failed += changes.failed
        report.unchanged = changes.unchanged
        report.moved, report.removed = changes.moved, changes.removed
        report.copied = report.new = changes.copied

    def _tidy(self, *, may_prune: bool) -> None:
        """Save, and drop unused embeddings: also for an earlier sync that was cut short."""
        newest = self._catalog.sequence()
        self._indexes.save()
        if may_prune and self._catalog.get_meta(PRUNED_KEY) != str(newest):
            self._catalog.prune_embeddings()
            self._catalog.set_meta(PRUNED_KEY, str(newest))

    # The pipeline

    def _index(self) -> None:
        """Read, encode and commit what was found to be new or changed."""
        wanted = self._changes.wanted
        self._last_path = wanted[0].file.path
        self._tell()
        stop = threading.Event()

        def make_reader() -> Reader:
            return ReadingProcess(self._reading, stop)

        with (
            Writer(self._indexes) as writer,
            ReaderPool(
                wanted,
                make_reader,
                self._encoder.token_starts,
                self._max_tokens,
                min(self._reading.num_readers, len(wanted)),
                self._busy,
            ) as pool,
        ):
            try:
                self._run_stages(pool, writer)
            finally:
                stop.set()
            writer.finish()

    def _run_stages(self, pool: ReaderPool, writer: Writer) -> None:
        remaining = len(self._changes.wanted)
        while remaining or self._window:
            if self._should_stop():
                self._report.was_stopped = True
                return
            remaining -= self._take_in(pool, remaining)
            self._encode_slice()
            for pending in self._window.completed():
                self._commit(pending, writer)

    def _take_in(self, pool: ReaderPool, remaining: int) -> int:
        """Fill the window with what is read by now; return how many files came in."""
        taken = 0
        while taken < remaining and len(self._window) < WINDOW_CHUNKS:
            prepared = pool.get(0.0 if self._window else WAIT_SECONDS)
            if prepared is None:
                break
            taken += 1
            self._accept(prepared)
        return taken

    def _accept(self, prepared: Prepared) -> None:
        file, error = prepared.file, prepared.error
        if error is not None and not isinstance(error, ReadError):
            raise error
        if error is not None:
            self._fail(prepared, error)
        elif prepared.document is not None:
            chunks = prepared.chunks
            keys = [embedding_key(self._encoder, chunk.context, chunk.text) for chunk in chunks]
            self._window.add(prepared, keys, self._catalog.known_keys(keys))
            return
        elif prepared.content_hash:
            self._catalog.touch_document(file.path, file.size, file.mtime_ns)
            self._report.unchanged += 1
        self._finished(file.path)

    def _fail(self, prepared: Prepared, error: ReadError) -> None:
        """Note it, and drop the old version: its text stands nowhere any more."""
        file = prepared.file
        if self._catalog.delete_document(file.path):
            self._report.removed += 1
        message = str(error)
        self._catalog.put_failure(file.path, file.size, file.mtime_ns, error.reason, message)
        self._report.failed.append(Failure(file.path, error.reason, message))

    def _encode_slice(self) -> None:
        """Encode some of the window, as much as takes a second or two."""
        keys, texts = self._window.take(self._slice_chunks)
        if not keys:
            return
        started = time.monotonic()
        self._window.fill(keys, self._encoder.encode_documents(texts))
        seconds = time.monotonic() - started
        self._report.num_encoded += len(keys)
        self._report.encoder_seconds += seconds
        self._tell()
        if seconds < SLICE_SECONDS[0] and len(keys) == self._slice_chunks:
            self._slice_chunks = min(2 * self._slice_chunks, WINDOW_CHUNKS)
        elif seconds > SLICE_SECONDS[1]:
            self._slice_chunks = max(self._slice_chunks // 2, 1)

    def _commit(self, pending: Pending, writer: Writer) -> None:
        prepared = pending.prepared
        path, document = prepared.file.path, prepared.document
        assert document is not None
        writer.put(lambda: pending.store(self._catalog))
        self._count_read(prepared)
        self._report.notes += [f"{path}: {note}" for note in document.notes]
        self._finished(path)

    def _count_read(self, prepared: Prepared) -> None:
        path, report = prepared.file.path, self._report
        document = self._changes.documents.get(path)
        report.num_chunks += len(prepared.chunks)
        if path in self._changes.renamed:
            pass  # counted as moved
        elif document is None:
            report.new += 1
        elif document.content_hash == prepared.content_hash:
            report.unchanged += 1
        else:
            report.changed += 1

    def _finished(self, path: str) -> None:
        self._done += 1
        self._last_path = path
        self._tell()

    def _tell(self) -> None:
        total, encoded = len(self._changes.wanted), self._report.num_encoded
        self._progress(Progress(self._done, total, self._last_path, encoded))

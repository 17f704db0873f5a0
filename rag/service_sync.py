"""How a running service keeps its index up to date: with its folders, or behind another process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from ingest.refining import Refining
from ingest.sync import Progress, SyncReport
from ingest.touched import Busy, nothing_is_busy
from ingest.watch import watch
from rag import generations, parts
from rag.catalog import ENCODER_KEY, Catalog
from rag.config import Settings
from rag.documents import (
    LatestCatalog,
    all_roots,
    changes_in,
    explain_reindexing,
    open_catalog,
    open_old_encoder,
    run_sync,
    uploads_of,
)
from rag.encoder import Encoder
from rag.errors import FootnoteError, IndexStateError
from rag.indexes import Indexes
from rag.library import Failed, SyncState
from rag.parts import Say
from rag.readiness import Readiness
from rag.recorded import RecordedFootnote
from rag.reranker import Reranker

log = logging.getLogger(__name__)

FIRST_SYNC_PATIENCE_SECONDS = 60.0  # questions wait that long for the first look at the folders
LOCK_RETRY_SECONDS = 5.0


class DocumentKeeping:
    """The half of a service that opens the index and keeps it; the other half answers from it."""

    def __init__(
        self, settings: Settings, say: Say, roots: Sequence[Path] | None, is_watching: bool
    ) -> None:
        self.settings = settings
        self._catalogs = [open_catalog(settings.index, create=roots is not None)]
        self._holds = ExitStack()
        self._holds.enter_context(generations.hold(generations.current(settings.index)))
        self.last_sync: SyncReport | None = None
        self.last_sync_at: datetime | None = None  # when it ended
        self.indexing: str | None = None  # how far the sync under way is
        self.uploads = uploads_of(settings)
        self._say = say
        self._roots = roots
        self._is_watching = is_watching
        self._lock = threading.RLock()
        self._syncing = threading.RLock()
        self._sync_asked = threading.Event()
        self._stop = threading.Event()
        self._refining = Refining(self._stop, say)
        self._readiness = Readiness(self._lock, {})
        self.problem = ""
        self.is_unwritable = False  # the index is only read, since it cannot be written
        self._threads: list[threading.Thread] = []
        self._said: set[str] = set()  # by the last sync: a failed file is named once
        self._retired: list[Indexes] = []  # a question under way may still read them
        self._own_encoder: Encoder | None = None  # that the settings name
        self._reranker: Reranker | None = None
        self._encoder: Encoder | None = None  # that searches
        self._words_only = False  # the vectors are of an encoder that cannot be had any more
        self._indexes: Indexes | None = None
        self._footnote: RecordedFootnote | None = None

    def _set_footnote(self) -> None:
        """Make the pipeline that answers from what is open now."""
        raise NotImplementedError

    @property
    def catalog(self) -> Catalog:
        """For reading; what it gives is always the serving generation's."""
        return cast(Catalog, LatestCatalog(self._catalogs))

    @property
    def follows_another_process(self) -> bool:
        """Whether another process writes to the index, and this one waits to take over."""
        is_reader = self._indexes is not None and self._indexes.read_only
        return is_reader and self._roots is not None and not self.is_unwritable

    def check_writable(self) -> None:
        """For who does nothing but write. Raises IndexStateError."""
        if self.is_unwritable:
            raise IndexStateError(self.problem)

    def roots(self) -> list[Path]:
        """The folders that are kept up to date."""
        return all_roots(self._roots or (), self.catalog)

    def sync_state(self) -> SyncState:
        """How the index stands to its folders."""
        report = self.last_sync
        return SyncState(
            indexing=self.indexing,
            ended_at=self.last_sync_at,
            problem=self.problem,
            follows_another_process=self.follows_another_process,
            is_unwritable=self.is_unwritable,
            roots=tuple(map(str, self.roots())),
            failed=tuple(
                Failed(one.path, one.reason, one.message)
                for one in (report.failed if report else ())
            ),
            unsupported=tuple(report.unsupported if report else ()),
        )

    def sync_now(self) -> None:
        """Look at the folders in the background; a sync under way begins anew, and is not lost."""
        self._sync_asked.set()
        self._launch(self._sync_if_asked)

    def _launch(self, job: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._run, args=(job,), name=job.__name__, daemon=True)
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            if self._stop.is_set():
                return
            log.debug("%s failed", job.__name__, exc_info=True)
            self._fail(parts.as_footnote_error(error))

    def _fail(self, error: FootnoteError) -> None:
        self._say(str(error))
        if not self._readiness.fail(error):
            self.problem = str(error)  # what is open still answers

    def _done(self, part: str) -> None:
        self._readiness.done(part, self._set_footnote)

    def _keep_documents(self) -> None:
        def say(line: str) -> None:
            self._readiness.tell("encoder", line)
            self._say(line)

        encoder = self._own_encoder = parts.open_encoder(self.settings, say)
        self._reranker = parts.open_reranker(self.settings, say)
        indexes = self._open_indexes()
        self._serve(indexes)
        self._done("encoder")
        if self._roots is None:
            self._done("documents")
            return
        if indexes.read_only and not self._take_over():
            return
        roots = self.roots()
        if generations.fits(self.settings.index, encoder.fingerprint):
            assert self._indexes is not None
            self._sync(self._indexes, roots)
        elif not self._reindex(encoder, roots):
            return
        self._done("documents")
        if self._is_watching and not self._stop.is_set():
            if self.settings.sentence_vectors:
                self._launch(self._refine)
            watch(
                [self.uploads.folder, *roots],
                on_change=lambda busy: self._follow(roots, busy),
                stop=self._stop,
                debounce_ms=self.settings.debounce_ms,
                poll_seconds=self.settings.poll_seconds,
                say=self._say,
            )

    def _sync_if_asked(self) -> None:
        """Sync, unless another that has seen all was faster, or the first one is still to come."""
        with self._syncing:
            indexes = self._indexes
            if indexes is None or indexes.read_only or self.last_sync is None:
                return
            if self._sync_asked.is_set() and not self._stop.is_set():
                self._follow(self.roots(), nothing_is_busy)

    def _dimension(self) -> int:
        assert self._own_encoder is not None
        folder = generations.current(self.settings.index)
        return generations.dimension_of(folder) or self._own_encoder.dimension

    def _open_indexes(self) -> Indexes:
        """As the writer if no other process is, else as its follower."""
        if self._roots is not None:
            try:
                return parts.open_indexes(self.settings, self._dimension(), read_only=False)
            except IndexStateError as error:
                holder = parts.lock_holder(self.settings.index)
                if holder is None:
                    return self._open_unwritable(error)
                text = str(holder)
                self._say(f"{text[:1].upper()}{text[1:]} writes to the index; following that one.")
        return self._open_reader()

    def _open_unwritable(self, error: IndexStateError) -> Indexes:
        """A disk that is full or may not be written keeps nobody from searching what is there."""
        try:
            indexes = self._open_reader()
        except FootnoteError:
            raise error from None
        self.is_unwritable, self.problem = True, str(error)
        self._say(f"{error} What is indexed is found; changes are not, until it can be written.")
        return indexes

    def _open_reader(self) -> Indexes:
        return parts.open_indexes(self.settings, self._dimension(), read_only=True)

    def _serve(self, indexes: Indexes) -> None:
        """Answer from these indexes from now on, with the encoder that made their vectors."""
        encoder, words_only = self._encoder_of(indexes)
        if indexes.catalog.path != self._catalogs[-1].path:
            self._holds.enter_context(generations.hold(indexes.folder))
            self._catalogs.append(Catalog(indexes.catalog.path, read_only=True))
        with self._lock:
            if self._indexes is not None:
                self._retired.append(self._indexes)
            self._indexes, self._encoder, self._words_only = indexes, encoder, words_only
            if self._footnote is not None:
                self._set_footnote()

    def _encoder_of(self, indexes: Indexes) -> tuple[Encoder, bool]:
        """The encoder to search with, and whether it can find by words alone."""
        own = self._own_encoder
        assert own is not None
        stored = indexes.catalog.get_meta(ENCODER_KEY)
        for encoder in (own, self._encoder):
            if encoder is not None and stored in (None, encoder.fingerprint):
                return encoder, False
        old = open_old_encoder(self.settings, indexes.catalog, self._say)
        return (own, True) if old is None else (old, False)

    def _reindex(self, encoder: Encoder, roots: Sequence[Path]) -> bool:
        """Fill a new generation while the old one answers, and put it in its place.

        False when stopped before; the next start goes on with it.
        """
        self._say(explain_reindexing(self.catalog))
        self._done("documents")
        index, precision = self.settings.index, self.settings.vector_precision
        indexes = generations.begin(index, encoder.fingerprint, encoder.dimension, precision)
        try:
            self._sync(indexes, roots, encoder)
            if self._stop.is_set():
                indexes.close()
                return False
        except BaseException:
            indexes.close()
            raise
        generations.activate(index, indexes.folder)
        self._serve(indexes)
        self._say("The new generation of the index answers from now on.")
        return True

    def _take_over(self) -> bool:
        """Follow the writer until it ends, then become it; False when stopped before."""
        self._done("documents")
        while not self._stop.wait(LOCK_RETRY_SECONDS):
            if parts.lock_holder(self.settings.index) is not None:
                continue
            try:
                indexes = parts.open_indexes(self.settings, self._dimension(), read_only=False)
            except IndexStateError as error:  # another follower was faster, or the disk as before
                if self.is_unwritable:
                    self.problem = str(error)
                continue
            self.is_unwritable, self.problem = False, ""
            self._serve(indexes)
            return True
        return False

    def _follow(self, roots: Sequence[Path], busy: Busy) -> None:
        """Sync after a change; what goes wrong is said once, and tried again at the next."""
        assert self._indexes is not None
        try:
            self._sync(self._indexes, roots, busy=busy)
            self.problem = ""
        except FootnoteError as error:
            if str(error) != self.problem:
                self._say(str(error))
            self.problem = str(error)

    def _refine(self) -> None:
        self._refining.run(self._to_refine)

    def _to_refine(self) -> tuple[Indexes, Encoder] | None:
        """The index that answers, if this is its writer and its vectors are the encoder's."""
        with self._lock:
            if self._indexes is None or self._indexes.read_only or self._words_only:
                return None
            return self._indexes, cast(Encoder, self._encoder)

    def _sync(
        self,
        indexes: Indexes,
        roots: Sequence[Path],
        encoder: Encoder | None = None,
        busy: Busy = nothing_is_busy,
    ) -> None:
        """Until all is seen that was asked for meanwhile; what was done of it stays done."""
        encoder = encoder or cast(Encoder, self._encoder)
        with self._syncing, self._refining.paused():
            try:
                while not self._stop.is_set():
                    self._sync_asked.clear()
                    self._sync_once(indexes, roots, encoder, busy)
                    if not self._sync_asked.is_set():
                        break
            finally:
                self.indexing = None

    def _sync_once(
        self, indexes: Indexes, roots: Sequence[Path], encoder: Encoder, busy: Busy
    ) -> None:
        started = time.monotonic()

        def progress(now: Progress) -> None:
            self.indexing = str(now)
            self._readiness.tell("documents", f"reading {now}")
            if time.monotonic() - started > FIRST_SYNC_PATIENCE_SECONDS:
                self._done("documents")

        def should_stop() -> bool:
            return self._stop.is_set() or self._sync_asked.is_set()

        report = run_sync(
            indexes, encoder, roots, self.settings, progress, should_stop, self._say, busy
        )
        self.last_sync, self.last_sync_at = report, datetime.now(UTC)
        lines = changes_in(report)
        for line in (line for line in lines if line not in self._said):
            self._say(line)
        self._said = set(lines)

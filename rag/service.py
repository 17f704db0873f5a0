"""A running Footnote: it opens its parts in the background, and keeps the index up to date."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from ingest.refining import Refining
from ingest.sync import Progress, SyncReport, remembered_roots
from ingest.touched import Busy, nothing_is_busy
from ingest.watch import watch
from rag import generations, parts
from rag.catalog import ENCODER_KEY, Catalog
from rag.config import Settings, load_settings
from rag.documents import (
    LatestCatalog,
    all_roots,
    changes_in,
    explain_reindexing,
    open_catalog,
    open_old_encoder,
    run_sync,
)
from rag.encoder import Encoder
from rag.errors import FootnoteError, IndexStateError
from rag.generate import Generator
from rag.indexes import Indexes
from rag.parts import Say
from rag.pipeline import Footnote
from rag.readiness import Readiness
from rag.recorded import RecordedFootnote
from rag.recording import Recording
from rag.reranker import Reranker
from rag.retriever import EVERYTHING
from rag.where import Where

log = logging.getLogger(__name__)

FIRST_SYNC_PATIENCE_SECONDS = 60.0  # questions wait that long for the first look at the folders
LOCK_RETRY_SECONDS = 5.0
CLOSE_PATIENCE_SECONDS = 10.0


def say_on_stderr(line: str) -> None:
    """One line for the person who started the program."""
    print(line, file=sys.stderr, flush=True)


class Service:
    """Opens encoder, indexes and language model side by side, and answers when all are ready.

    With `roots` (given, or remembered by the index when empty) it brings the index up to date
    and, with `is_watching`, keeps it so. While another process writes to the index it follows
    that one, and takes over afterwards. With `roots=None` it only reads. `where` narrows all
    questions. Raises IndexStateError.
    """

    def __init__(
        self,
        settings: Settings,
        say: Say = say_on_stderr,
        *,
        roots: Sequence[Path] | None = (),
        is_watching: bool = True,
        with_generator: bool = True,
        where: Where = EVERYTHING,
    ) -> None:
        self.settings, self._where = settings, where
        self.recording = Recording(settings, counts=roots is not None)
        self.passwords = tuple(password.get_secret_value() for password in settings.passwords)
        self._catalogs = [open_catalog(settings.index, create=roots is not None)]
        self._holds = ExitStack()
        self._holds.enter_context(generations.hold(generations.current(settings.index)))
        self.last_sync: SyncReport | None = None
        self.indexing: str | None = None  # how far the sync under way is
        self._say, self._roots, self._is_watching = say, roots, is_watching
        self._lock, self._stop, self._problem = threading.RLock(), threading.Event(), ""
        waiting = {"encoder": "loading the encoder", "documents": "opening the index"}
        if with_generator:
            waiting["generator"] = "loading the language model"
        self._readiness = Readiness(self._lock, waiting)
        self._refining = Refining(self._stop, say)
        self._threads: list[threading.Thread] = []
        self._said: set[str] = set()  # by the last sync: a failed file is named once
        self._retired: list[Indexes] = []  # a question under way may still read them
        self._own_encoder: Encoder | None = None  # that the settings name
        self._reranker: Reranker | None = None
        self._encoder: Encoder | None = None  # that searches
        self._words_only = False  # the vectors are of an encoder that cannot be had any more
        self._generator: Generator | None = None
        self._indexes: Indexes | None = None
        self._footnote: RecordedFootnote | None = None

    @property
    def catalog(self) -> Catalog:
        """For reading; what it gives is always the serving generation's."""
        return cast(Catalog, LatestCatalog(self._catalogs))

    # What the page and the commands use

    def start(self) -> None:
        """Begin to open everything, in the background."""
        if self._threads:
            return
        self._launch(self._keep_documents)
        if self._readiness.waits_for("generator"):
            self._launch(self._load_generator)

    def _launch(self, job: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._run, args=(job,), name=job.__name__, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def footnote(self) -> RecordedFootnote:
        """The pipeline, at the index's newest state; waits until it is ready.

        Raises the error that keeps it from becoming ready.
        """
        self.wait()
        indexes = self._indexes
        assert self._footnote is not None and indexes is not None
        if indexes.read_only:
            if indexes.folder != generations.current(self.settings.index):
                self._serve(self._open_reader())
            indexes.catch_up()
        return self._footnote

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until ready; False if it was not in time. Raises what went wrong instead."""
        return self._readiness.wait(timeout)

    def state(self) -> str:
        return parts.state_with(self._generator, self._readiness.state())

    def status(self) -> dict[str, Any]:
        """Everything a program may want to know."""
        indexes = self._indexes
        return {
            "ready": self._readiness.is_ready,
            "state": self.state(),
            "problem": self._problem,
            "indexing": self.indexing,
            "generator": self._generator.name if self._generator else None,
            "follows_another_process": bool(
                indexes and indexes.read_only and self._roots is not None
            ),
            **parts.index_status(self.settings.index, remembered_roots),
        }

    def wait_closed(self) -> None:
        """Wait until the background work has ended, or failed."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(1.0)  # in pieces, so that Ctrl-C is heard
        if self._problem:
            raise FootnoteError(self._problem)

    def close(self) -> None:
        """Stop the background work and let everything go. Questions under way end with an error."""
        self._stop.set()
        self._readiness.fail(FootnoteError("Footnote was stopped."))
        for thread in self._threads:
            thread.join(CLOSE_PATIENCE_SECONDS)
        if self._generator is not None:
            self._generator.close()
        for indexes in [*self._retired, *([self._indexes] if self._indexes else [])]:
            indexes.close()
        for catalog in self._catalogs:
            catalog.close()
        self.recording.close()
        self._holds.close()
        if self._indexes is not None and not self._indexes.read_only:
            generations.remove_unused(self.settings.index)

    # Becoming ready

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
            self._problem = str(error)  # what is open still answers

    def _done(self, part: str) -> None:
        self._readiness.done(part, self._set_footnote)

    def _set_footnote(self) -> None:
        assert self._indexes is not None and self._encoder is not None
        settings = self.settings
        footnote = Footnote(
            self._indexes,
            self._encoder,
            self._generator,
            top_k=settings.top_k,
            context_tokens=parts.context_tokens(settings) if self._generator else None,
            rewrites=self._generator is not None and parts.rewrites_by_model(settings),
            **parts.writing_options(settings),
            words_only=self._words_only,
            where=self._where,
            reranker=self._reranker,
        )
        self._footnote = self.recording.recorded(footnote)

    def _load_generator(self) -> None:
        def say(line: str) -> None:
            self._readiness.tell("generator", line)
            self._say(line)

        generator = parts.open_generator(self.settings, say)
        if self._stop.is_set():  # closed meanwhile: nobody else would
            if generator is not None:
                generator.close()
            return
        self._generator = generator
        self._done("generator")

    # Keeping the documents

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
        roots = all_roots(self._roots or (), self.catalog)
        if generations.fits(self.settings.index, encoder.fingerprint):
            assert self._indexes is not None
            self._sync(self._indexes, roots)
        elif not self._reindex(encoder, roots):
            return
        self._done("documents")
        if self._is_watching and roots and not self._stop.is_set():
            if self.settings.sentence_vectors:
                self._launch(self._refine)
            watch(
                roots,
                on_change=lambda busy: self._follow(roots, busy),
                stop=self._stop,
                debounce_ms=self.settings.debounce_ms,
                poll_seconds=self.settings.poll_seconds,
                say=self._say,
            )

    def _dimension(self) -> int:
        assert self._own_encoder is not None
        folder = generations.current(self.settings.index)
        return generations.dimension_of(folder) or self._own_encoder.dimension

    def _open_indexes(self) -> Indexes:
        """As the writer if no other process is, else as its follower."""
        if self._roots is not None:
            try:
                return parts.open_indexes(self.settings, self._dimension(), read_only=False)
            except IndexStateError:
                holder = parts.lock_holder(self.settings.index)
                if holder is None:
                    raise
                text = str(holder)
                self._say(f"{text[:1].upper()}{text[1:]} writes to the index; following that one.")
        return self._open_reader()

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
            except IndexStateError:  # another follower was faster
                continue
            self._serve(indexes)
            return True
        return False

    def _follow(self, roots: Sequence[Path], busy: Busy) -> None:
        """Sync after a change; what goes wrong is said once, and tried again at the next."""
        assert self._indexes is not None
        try:
            self._sync(self._indexes, roots, busy=busy)
            self._problem = ""
        except FootnoteError as error:
            if str(error) != self._problem:
                self._say(str(error))
            self._problem = str(error)

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
        encoder = encoder or cast(Encoder, self._encoder)
        started = time.monotonic()

        def progress(now: Progress) -> None:
            self.indexing = str(now)
            self._readiness.tell("documents", f"reading {now}")
            if time.monotonic() - started > FIRST_SYNC_PATIENCE_SECONDS:
                self._done("documents")

        try:
            with self._refining.paused():
                self.last_sync = run_sync(
                    indexes, encoder, roots, self.settings, progress, self._stop, self._say, busy
                )
        finally:
            self.indexing = None
        lines = changes_in(self.last_sync)
        for line in (line for line in lines if line not in self._said):
            self._say(line)
        self._said = set(lines)


def open_service(say: Say = say_on_stderr) -> Service:
    """A service as the settings say; for those who start the page without the command."""
    return Service(load_settings(), say)

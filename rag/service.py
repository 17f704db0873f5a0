"""A running Footnote: it opens its parts in the background, and keeps the index up to date."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.sync import remembered_roots
from rag import generations, parts
from rag.config import Settings, load_settings
from rag.conversation_files import Conversations
from rag.encoder import Encoder
from rag.errors import FootnoteError
from rag.generate import Generator
from rag.library import Library
from rag.parts import Say
from rag.pipeline import Footnote
from rag.readiness import Readiness
from rag.recorded import RecordedFootnote
from rag.recording import Recording
from rag.retriever import EVERYTHING
from rag.service_sync import DocumentKeeping
from rag.where import Where

CLOSE_PATIENCE_SECONDS = 10.0


def say_on_stderr(line: str) -> None:
    """One line for the person who started the program."""
    print(line, file=sys.stderr, flush=True)


class Service(DocumentKeeping):
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
        super().__init__(settings, say, roots, is_watching)
        self.recording = Recording(settings, counts=roots is not None)
        self._where = self._with_uploads(where)
        self.passwords = tuple(password.get_secret_value() for password in settings.passwords)
        waiting = {"encoder": "loading the encoder", "documents": "opening the index"}
        if with_generator:
            waiting["generator"] = "loading the language model"
        self._readiness = Readiness(self._lock, waiting)
        self._generator: Generator | None = None
        self.library = Library(self.catalog, settings.index, self.uploads, self)
        self.conversations = Conversations(self.library)

    def _with_uploads(self, where: Where) -> Where:
        """On the page a collection has what people add beside it, and the page says whose.

        A command finds what was added to be kept, as far as it lies in its collection.
        """
        if self._roots is None:
            return where.also(self.uploads.visible())
        return self.uploads.only([self.uploads.folder], where) if where else where

    # What the page and the commands use

    def start(self) -> None:
        """Begin to open everything, in the background."""
        if self._threads:
            return
        self._launch(self._keep_documents)
        if self._readiness.waits_for("generator"):
            self._launch(self._load_generator)

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

    @property
    def encoder(self) -> Encoder:
        """What makes the index's vectors; waits until all is ready, as `footnote` does."""
        self.wait()
        assert self._encoder is not None
        return self._encoder

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until ready; False if it was not in time. Raises what went wrong instead."""
        return self._readiness.wait(timeout)

    def state(self) -> str:
        return parts.state_with(self._generator, self._readiness.state())

    def components(self) -> dict[str, str]:
        """Each part with a word on how it is; of the language model its own, such as restarting."""
        return parts.components_with(self._generator, self._readiness.components())

    def status(self) -> dict[str, Any]:
        """Everything a program may want to know."""
        return {
            "ready": self._readiness.is_ready,
            "state": self.state(),
            "problem": self.problem,
            "indexing": self.indexing,
            "generator": self._generator.name if self._generator else None,
            "follows_another_process": self.follows_another_process,
            **parts.index_status(self.settings.index, remembered_roots),
        }

    def wait_closed(self) -> None:
        """Wait until the background work has ended, or failed."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(1.0)  # in pieces, so that Ctrl-C is heard
        if self.problem:
            raise FootnoteError(self.problem)

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


def open_service(say: Say = say_on_stderr) -> Service:
    """A service as the settings say; for those who start the page without the command."""
    return Service(load_settings(), say)

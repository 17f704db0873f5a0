"""What belongs to one conversation: the files that were added in it, and what it is narrowed to."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from rag.errors import LibraryError
from rag.library import EVERYBODY, EVERYTHING, Asker, Library
from rag.uploads import Incoming
from rag.where import Where

KEPT_CONVERSATIONS = 2000
ANNOUNCED_SECONDS = 30.0  # files that a page said would follow, and that did not come
State = Literal["indexing", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class AddedFile:
    """A file that was added; `document_id` once it can be found, `message` if it cannot be read."""

    path: str
    name: str
    size: int
    is_kept: bool
    state: State
    document_id: int | None = None
    reason: str = ""
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "path": self.path, "name": self.name, "size": self.size, "kept": self.is_kept,
            "state": self.state, "id": self.document_id, "reason": self.reason,
            "message": self.message,
        }  # fmt: skip


class KeptNarrowings(Protocol):
    """Where narrowings outlast the program; by owner and conversation."""

    def get(self, owner: str, conversation: str) -> Where: ...
    def put(self, owner: str, conversation: str, where: Where) -> None: ...


@dataclass(slots=True)
class _Conversation:
    kept: list[str] = field(default_factory=list)  # files added here to stay
    narrowed: Where = EVERYTHING
    num_coming: int = 0
    num_announced: int = 0
    announced_until: float = 0.0


class Conversations:
    """The conversations that are going on. Safe to use from many threads.

    A person's conversations are nobody else's: they are told apart by both names. With `kept`,
    which may be set later, what one is narrowed to is known again after a restart.
    """

    kept: KeptNarrowings | None = None

    def __init__(self, library: Library, clock: Callable[[], float] = time.monotonic) -> None:
        self.library = library
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], _Conversation] = OrderedDict()

    def _of(self, conversation: str, asker: Asker) -> _Conversation:
        key = (asker.name, conversation.lower())
        if (found := self._known.get(key)) is None:
            found = self._known[key] = _Conversation()
            if self.kept is not None:
                found.narrowed = self.kept.get(*key)
        self._known.move_to_end(key)
        while len(self._known) > KEPT_CONVERSATIONS:
            self._known.popitem(last=False)
        return found

    # Narrowing

    def narrow(self, conversation: str, where: Where, asker: Asker = EVERYBODY) -> None:
        """Search only there from the next question on; an open filter ends it."""
        self.library.uploads.collection(asker.name, conversation)  # refuses what is no name
        with self._lock:
            self._of(conversation, asker).narrowed = where
            if self.kept is not None:
                self.kept.put(asker.name, conversation, where)

    def narrowed(self, conversation: str, asker: Asker = EVERYBODY) -> Where:
        """What the asker has narrowed a conversation to."""
        with self._lock:
            return self._of(conversation, asker).narrowed

    def where(self, conversation: str, asker: Asker = EVERYBODY) -> Where:
        """What a question is answered from: as narrowed, of what the asker may see here.

        A conversation that is asked is in use, so its files stay.
        """
        with suppress(LibraryError):  # a name that is none has no files
            self.library.uploads.touch(asker.name, conversation)
        seen = self.library.uploads.visible(asker.name, conversation)
        return self.narrowed(conversation, asker).also(asker.where).also(seen)

    def here(self, conversation: str, asker: Asker = EVERYBODY) -> Asker:
        """The asker with what they may see in this conversation, whatever it is narrowed to."""
        seen = self.library.uploads.visible(asker.name, conversation)
        return replace(asker, where=asker.where.also(seen))

    # Files

    def announce(self, conversation: str, num_files: int, asker: Asker = EVERYBODY) -> None:
        """So many more files are about to come, which a question waits for."""
        with self._lock:
            found = self._of(conversation, asker)
            found.num_announced = max(num_files, 0)
            found.announced_until = self._clock() + ANNOUNCED_SECONDS

    def receive(
        self,
        name: str,
        num_bytes: int,
        conversation: str,
        *,
        is_kept: bool = False,
        asker: Asker = EVERYBODY,
    ) -> Coming:
        """Take a file; LibraryError if it is not to be."""
        if not asker.may_add:
            raise LibraryError("forbidden", "Files are added by those who sign in.")
        uploads = self.library.uploads
        uploads.collection(asker.name, conversation)
        place = None if is_kept else conversation
        return Coming(self, uploads.begin(name, num_bytes, asker.name, place), conversation, asker)

    def files(self, conversation: str, asker: Asker = EVERYBODY) -> list[AddedFile]:
        """The files that were added here, and how they fare."""
        uploads = self.library.uploads
        with self._lock:
            kept = list(self._of(conversation, asker).kept)
        paths = [*map(Path, kept), *uploads.files(asker.name, conversation)]
        failed = {one.path: one for one in self.library.failures(asker)} if paths else {}
        found = []
        for path in dict.fromkeys(paths):
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                continue
            shown = AddedFile(str(path), path.name, size, uploads.is_kept(str(path)), "indexing")
            document = self.library.catalog.document_by_path(str(path))
            if document is not None and document.size == size:
                shown = replace(shown, state="ready", document_id=document.document_id)
            elif failure := failed.get(str(path)):
                message = failure.message.replace(f"{path}", path.name)
                shown = replace(shown, state="failed", reason=failure.reason, message=message)
            found.append(shown)
        return found

    def num_unsettled(self, conversation: str, asker: Asker = EVERYBODY) -> int:
        """How many files are on their way, or not yet read."""
        with self._lock:
            now = self._of(conversation, asker)
            is_awaited = self._clock() < now.announced_until
            coming = now.num_coming + (now.num_announced if is_awaited else 0)
        return coming + sum(one.state == "indexing" for one in self.files(conversation, asker))

    def remove(self, conversation: str, name: str, asker: Asker = EVERYBODY) -> None:
        """Delete a file that was added here. KeyError if there is none of that name."""
        for one in self.files(conversation, asker):
            if one.name == name:
                self.library.uploads.delete(one.path)
                self.library.sync_added()
                return
        raise KeyError(name)

    def forget(self, conversation: str, asker: Asker = EVERYBODY) -> None:
        """The conversation is over: delete what belonged to it alone."""
        with self._lock:
            self._known.pop((asker.name, conversation.lower()), None)
            if self.kept is not None:
                self.kept.put(asker.name, conversation, EVERYTHING)
        if self.library.uploads.forget(asker.name, conversation):
            self.library.sync_added()

    def _coming(self, conversation: str, asker: Asker, change: int) -> None:
        with self._lock:
            found = self._of(conversation, asker)
            found.num_coming += change

    def _came(self, path: Path, conversation: str, asker: Asker) -> None:
        uploads = self.library.uploads
        if uploads.is_kept(str(path)):
            with self._lock:
                kept = self._of(conversation, asker).kept
                if str(path) not in kept:
                    kept.append(str(path))
        else:
            uploads.touch(asker.name, conversation)
        self.library.sync_added()


class Coming:
    """A file on its way into a conversation."""

    def __init__(
        self, conversations: Conversations, file: Incoming, conversation: str, asker: Asker
    ) -> None:
        self._conversations = conversations
        self._file = file
        self._conversation = conversation
        self._asker = asker

    def write(self, data: bytes) -> None:
        """Raises LibraryError as Incoming.write does."""
        self._file.write(data)

    def finish(self) -> Path:
        """Put it in its place, and have it indexed."""
        path = self._file.finish()
        self._conversations._came(path, self._conversation, self._asker)
        return path

    def __enter__(self) -> Coming:
        self._conversations._coming(self._conversation, self._asker, 1)
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.__exit__(*error)
        self._conversations._coming(self._conversation, self._asker, -1)

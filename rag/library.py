"""The library: which documents there are and how they fare, adding some, taking some out.

This is what the page and the HTTP API show and do; it knows neither of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, Literal, Protocol, get_args

from rag.catalog import Catalog
from rag.catalog_listing import Extent, ListedDocument
from rag.catalog_places import UNTRUSTED_MTIME
from rag.errors import LibraryError, SearchError
from rag.file_kinds import KINDS
from rag.left_out import LeftOut
from rag.library_news import News
from rag.uploads import LOCAL, Uploads
from rag.where import Where
from rag.where_documents import DocumentFilter

Sort = Literal["name", "folder", "type", "size", "changed", "indexed"]
SORTS: tuple[Sort, ...] = get_args(Sort)
MAX_LIMIT = 500  # documents of one answer
MAX_FOLDERS = 300  # that a person is offered to choose from
EVERYTHING = Where()
NO_EXTENT = Extent(0, None)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: what they may read, whether they may change what everybody finds, and add files."""

    name: str = LOCAL
    where: Where = EVERYTHING
    may_manage: bool = True
    may_add: bool = True


EVERYBODY = Asker()  # where nobody signs in


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be read. `message` names the cure."""

    path: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SyncState:
    """How the index stands to its folders. `indexing` is how far a sync under way is."""

    indexing: str | None = None
    ended_at: datetime | None = None
    problem: str = ""
    follows_another_process: bool = False
    is_unwritable: bool = False  # `problem` says why
    roots: tuple[str, ...] = ()
    failed: tuple[Failed, ...] = ()
    unsupported: tuple[str, ...] = ()


class Syncing(Protocol):
    """Who brings the index up to date."""

    def sync_state(self) -> SyncState: ...
    def sync_now(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as a list shows it. `added` is kept or temporary of a file that someone added."""

    document_id: int
    path: str
    name: str
    folder: str
    title: str
    kind: str
    size: int
    changed_at: datetime
    indexed_at: datetime
    num_passages: int
    num_pages: int | None
    added: str

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "id": self.document_id, "path": self.path, "name": self.name, "folder": self.folder,
            "title": self.title, "type": self.kind, "size": self.size,
            "changed_at": self.changed_at.isoformat(), "indexed_at": self.indexed_at.isoformat(),
            "passages": self.num_passages, "pages": self.num_pages, "added": self.added,
            "url": f"/view/{self.document_id}",
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of a list, and how long all of it is."""

    total: int
    offset: int
    entries: tuple[Entry, ...]


class Library:
    """Safe to use from many threads. `folder` is the index's."""

    def __init__(self, catalog: Catalog, folder: Path, uploads: Uploads, syncing: Syncing) -> None:
        self.catalog = catalog
        self.uploads = uploads
        self.news = News(catalog, lambda: syncing.sync_state().indexing is not None)
        self._left_out = LeftOut(folder)
        self._syncing = syncing

    # Looking

    def readable(self, asker: Asker = EVERYBODY) -> Where:
        """What a person may look at, in whatever conversation."""
        return asker.where.also(self.uploads.visible_anywhere(asker.name))

    def is_private(self, path: str, name: str) -> bool:
        """Whether someone else than the person of that name has added it."""
        return self.uploads.holds(path) and not self.uploads.holds(path, name)

    def is_elsewhere(self, path: str, name: str) -> bool:
        """Whether a new conversation of that person does not find it: it is another person's, or
        was added in one conversation alone."""
        is_own = self.uploads.holds(path, name) and self.uploads.is_kept(path)
        return self.uploads.holds(path) and not is_own

    def path_filter(self, asker: Asker = EVERYBODY) -> Callable[[str], bool]:
        """Tells of a path whether the asker may know of it, though there be no document."""
        return DocumentFilter(self.readable(asker), self.catalog).accepts_path

    def documents(
        self,
        asker: Asker = EVERYBODY,
        *,
        query: str = "",
        where: Where = EVERYTHING,
        sort: str = "name",
        descending: bool = False,
        offset: int = 0,
        limit: int = 50,
    ) -> Listing:
        """The documents whose path or title has all words of the query.

        Raises SearchError if there is no such order.
        """
        words = query.casefold().split()
        found = [
            one
            for one in self._seen(asker, where)
            if not words or _has_all(f"{one.path}\n{one.title}".casefold(), words)
        ]
        found.sort(key=_sort_key(sort), reverse=descending)
        offset = max(offset, 0)
        page = found[offset : offset + min(max(limit, 0), MAX_LIMIT)]
        extents = self.catalog.extents(one.document_id for one in page)
        roots = self.sync_state().roots
        entries = (self._entry(one, extents.get(one.document_id, NO_EXTENT), roots) for one in page)
        return Listing(len(found), offset, tuple(entries))

    def _seen(self, asker: Asker, where: Where = EVERYTHING) -> Iterable[ListedDocument]:
        wanted = DocumentFilter(where.also(self.readable(asker)), self.catalog)
        return (one for one in self.catalog.listing() if wanted.accepts(one))

    def _entry(self, document: ListedDocument, extent: Extent, roots: Sequence[str]) -> Entry:
        path = document.path
        seconds = document.mtime_ns / 1e9
        if document.mtime_ns == UNTRUSTED_MTIME:
            seconds = document.indexed_at
        added = ""
        if self.uploads.holds(path):
            added = "kept" if self.uploads.is_kept(path) else "temporary"
        return Entry(
            document.document_id,
            path,
            PurePath(path).name,
            "" if added else shown_folder(path, roots),
            document.title,
            kind_of(path),
            document.size,
            datetime.fromtimestamp(seconds, UTC),
            datetime.fromtimestamp(document.indexed_at, UTC),
            extent.num_passages,
            extent.num_pages,
            added,
        )

    def kinds_and_folders(self, asker: Asker = EVERYBODY) -> tuple[Counter[str], Counter[str]]:
        """How many documents there are by type, and by folder, for as many folders as one can
        choose from."""
        kinds, folders = Counter[str](), Counter[str]()
        for one in self._seen(asker):
            kinds[kind_of(one.path)] += 1
            if not self.uploads.holds(one.path):
                folders[str(PurePath(one.path).parent)] += 1
        return kinds, Counter(dict(folders.most_common(MAX_FOLDERS)))

    def has(self, where: Where, asker: Asker = EVERYBODY) -> bool:
        """Whether a filter lets any document through."""
        return any(True for _ in self._seen(asker, where))

    def sync_state(self) -> SyncState:
        return self._syncing.sync_state()

    def failures(self, asker: Asker = EVERYBODY) -> list[Failed]:
        """The files that could not be read, by path, each with its cure."""
        is_seen = self.path_filter(asker)
        kept = self.catalog.failures().items()
        found = {path: Failed(path, reason, text) for path, (_, _, reason, text) in kept}
        found |= {one.path: one for one in self.sync_state().failed}
        left_out = set(self._left_out.paths())
        return [found[path] for path in sorted(found) if path not in left_out and is_seen(path)]

    def left_out(self, asker: Asker = EVERYBODY) -> list[str]:
        """The paths that were taken out though their files are still there."""
        return list(filter(self.path_filter(asker), self._left_out.paths()))

    # Changing

    def sync_now(self, asker: Asker = EVERYBODY) -> None:
        """Look at the folders, in the background. LibraryError for who may not, or in vain."""
        _check_may_manage(asker)
        state = self._syncing.sync_state()
        if state.is_unwritable:
            raise LibraryError("unavailable", state.problem)
        self._syncing.sync_now()

    def sync_added(self) -> None:
        """Files were added or deleted: look at them, whoever did it."""
        self._syncing.sync_now()

    def remove(self, document_id: int, asker: Asker = EVERYBODY) -> Literal["deleted", "left out"]:
        """Take a document out: a file that was added is deleted, any other is left out.

        Files in the user's folders are never touched. Raises KeyError if the asker sees no such
        document, LibraryError if they may not take it out.
        """
        document = next((d for d in self._seen(asker) if d.document_id == document_id), None)
        if document is None:
            raise KeyError(document_id)
        if self.uploads.holds(document.path, asker.name):
            self.uploads.delete(document.path)
            self._syncing.sync_now()
            return "deleted"
        _check_may_manage(asker)
        self._left_out.add(document.path)
        self._syncing.sync_now()
        return "left out"

    def leave_out(self, path: str, asker: Asker = EVERYBODY) -> None:
        """Leave a file out that could not be read, so that it is not named any more."""
        _check_may_manage(asker)
        if path not in {one.path for one in self.failures(asker)}:
            raise LibraryError("missing", f"{path} is not among the files that were not read.")
        self._left_out.add(path)
        self._syncing.sync_now()

    def take_back(self, path: str, asker: Asker = EVERYBODY) -> None:
        """Take a file in again that was left out. LibraryError if it was not."""
        _check_may_manage(asker)
        if not self._left_out.remove(path):
            raise LibraryError("missing", f"{path} was not left out.")
        self._syncing.sync_now()


def _check_may_manage(asker: Asker) -> None:
    if not asker.may_manage:
        raise LibraryError("forbidden", "Only who looks after this library may do that.")


def kind_of(path: str) -> str:
    """What people call a file of this type: pdf, word, sheet …"""
    suffix = PurePath(path).suffix.lower()
    return next((kind for kind, suffixes in KINDS.items() if suffix in suffixes), suffix[1:])


def shown_folder(path: str, roots: Sequence[str]) -> str:
    """A document's folder from its root's name on, as people know it."""
    parent = PurePath(path).parent
    for root in sorted(roots, key=len, reverse=True):
        if parent.is_relative_to(root):
            return str(PurePath(PurePath(root).name) / parent.relative_to(root))
    return str(parent)


def _has_all(text: str, words: Sequence[str]) -> bool:
    return all(word in text for word in words)


def _sort_key(sort: str) -> Callable[[ListedDocument], Any]:
    keys: dict[str, Callable[[ListedDocument], Any]] = {
        "name": lambda one: PurePath(one.path).name.casefold(),
        "folder": lambda one: one.path.casefold(),
        "type": lambda one: (kind_of(one.path), PurePath(one.path).name.casefold()),
        "size": lambda one: one.size,
        "changed": lambda one: one.mtime_ns if one.mtime_ns >= 0 else int(one.indexed_at * 1e9),
        "indexed": lambda one: one.indexed_at,
    }
    if sort not in keys:
        raise SearchError(f"{sort!r} is no order. Choose one of: {', '.join(SORTS)}.")
    return keys[sort]

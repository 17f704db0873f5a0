"""Which chunks a filter lets through, kept up to date from the catalog's log."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from weakref import WeakKeyDictionary

from rag.catalog import Catalog
from rag.file_kinds import MEMBER_MARK
from rag.id_set import IdSet
from rag.language_groups import LanguageGroups
from rag.where import Where
from rag.where_match import Matcher, is_container

KEPT_FILTERS = 64  # an eighth of a megabyte each at a million chunks
MAX_FOLLOWED_CHANGES = 20_000  # beyond, reading everything takes no longer


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """The chunks that a filter lets through, at one state of the catalog."""

    ids: IdSet
    _parts: WeakKeyDictionary[IdSet, IdSet] = field(default_factory=WeakKeyDictionary)

    def within(self, group: IdSet) -> IdSet:
        """Those of a group; the same set each time, since indexes keep what they know of one."""
        part = self._parts.get(group)
        if part is None:
            part = self._parts[group] = self.ids & group
        return part


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found for a filter: of its documents alone (None: all), and in all."""

    sequence: int
    places: int
    of_documents: IdSet | None
    allowed: Allowed


class Filters:
    """Resolves filters against a catalog. Safe to use from many threads."""

    def __init__(self, catalog: Catalog, languages: LanguageGroups) -> None:
        self._catalog = catalog
        self._languages = languages
        self._lock = threading.RLock()
        self._kept: OrderedDict[Where, _Kept] = OrderedDict()

    def allowed(self, where: Where) -> Allowed:
        """The chunks let through, as the catalog (or the thread's snapshot of it) stands."""
        with self._lock, self._catalog.snapshot():
            sequence, places = self._catalog.sequence(), self._catalog.places()
            kept = self._kept.get(where)
            if kept is None or (kept.sequence, kept.places) != (sequence, places):
                is_newer = kept is not None and kept.sequence > sequence
                before = None if is_newer else kept
                of_documents = self._of_documents(where, before, places)
                allowed = Allowed(self._narrowed(where, of_documents))
                kept = _Kept(sequence, places, of_documents, allowed)
                if not is_newer:
                    self._kept[where] = kept
            if where in self._kept:
                self._kept.move_to_end(where)
            while len(self._kept) > KEPT_FILTERS:
                self._kept.popitem(last=False)
            return kept.allowed

    def _narrowed(self, where: Where, ids: IdSet | None) -> IdSet:
        """By language, and to what any of the filters in it lets through."""
        parts = [] if ids is None else [ids]
        if where.languages:
            parts.append(self._languages.chunks_in(where.languages))
        if where.any_of:
            union = IdSet()
            for one in where.any_of:
                union |= self.allowed(one).ids
            parts.append(union)
        found = parts[0] if parts else IdSet(self._catalog.live_chunk_ids())
        for part in parts[1:]:
            found &= part
        for one in where.none_of:
            found = found.with_changes((), self._whole_documents(one).ids())
        return found

    def _whole_documents(self, where: Where) -> IdSet:
        """All chunks of the documents of which a filter lets anything through."""
        touched = self._catalog.documents_of(self.allowed(where).ids.ids(), at_least=1)
        return IdSet.of_ranges(self._catalog.chunk_ranges(touched.tolist()))

    def _of_documents(self, where: Where, kept: _Kept | None, places: int) -> IdSet | None:
        """By all that is said of documents: what it was, and what the log says has changed."""
        if not (
            where.folders or where.globs or where.types or where.documents
            or where.after or where.before or where.outside
        ):  # fmt: skip
            return None
        if kept is not None and kept.of_documents is not None and kept.places == places:
            added, deleted, _ = self._catalog.changes_since(kept.sequence)
            if len(added) + len(deleted) <= MAX_FOLLOWED_CHANGES:
                came = self._find(where, added) if added else IdSet()
                return kept.of_documents.with_changes(came.ids(), deleted)
        return self._find(where, None)

    def _find(self, where: Where, among: Sequence[int] | None) -> IdSet:
        """From all documents, or those of some chunks."""
        matcher, whole, containers = Matcher(where), [], {}
        for document_id, path in self._catalog.find_documents(
            folders=_looked_up(where.folders),
            named=_named(where.documents),
            changed_ns=(_start_ns(where.after), _start_ns(where.before)),
            among_chunks=among,
        ):
            if matcher.accepts(document_id, path):
                whole.append(document_id)
            elif is_container(path):
                containers[document_id] = path
        found = IdSet.of_ranges(self._catalog.chunk_ranges(whole))
        if containers:
            found |= IdSet(chunks_of_members(self._catalog, matcher, containers))
        return found


def chunks_of_members(
    catalog: Catalog, matcher: Matcher, containers: Mapping[int, str]
) -> list[int]:
    """The chunks of members that are let through, of files (paths by id) that are not wholly."""
    found: list[int] = []
    rows = catalog.outlines(containers)
    for document_id, chunks in groupby(rows, key=lambda row: row[0]):
        path = containers[document_id]
        last: list[str] = []
        for _, chunk_id, heading, text in chunks:
            members = member_addresses(path, heading, text, last)
            if any(matcher.accepts(document_id, path, member) for member in members):
                found.append(chunk_id)
            last = members[-1:]
    return found


def member_addresses(path: str, heading: str, text: str, last: Sequence[str]) -> list[str]:
    """The addresses of the members that a container's chunk holds text of.

    A chunk's outermost heading is its member's address, unless it holds several small members:
    then their addresses stand in its text, after the end of the member that came `last`.
    """
    start = path.rpartition("/")[2] + MEMBER_MARK
    if heading.startswith(start):
        return [heading]
    lines = [line for line in text.splitlines() if line.startswith(start)]
    opens = bool(lines) and text.startswith(lines[0])
    return lines if opens else [*last, *lines]


def _looked_up(paths: Sequence[str]) -> list[str] | None:
    """Paths for the catalog, with the archives around them; None if it cannot look one up."""
    if not paths or not all(path.startswith("/") for path in paths):
        return None
    return [one for path in paths for one in (path, *_containers_around(path))]


def _named(documents: Sequence[int | str]) -> list[int | str] | None:
    ids = [one for one in documents if isinstance(one, int)]
    paths = [one for one in documents if isinstance(one, str)]
    found = _looked_up(paths) if paths else []
    return None if found is None or not documents else [*ids, *found]


def _containers_around(path: str) -> list[str]:
    """/d/a.zip for /d/a.zip!/b.pdf, and for /d/a.zip/b.pdf."""
    parts = path.replace(MEMBER_MARK, "/").split("/")
    around = ["/".join(parts[:end]) for end in range(2, len(parts))]
    return [one for one in around if is_container(one)]


def _start_ns(day: date | None) -> int | None:
    """The nanosecond at which a day begins, where this program runs."""
    if day is None:
        return None
    return int(datetime(day.year, day.month, day.day).astimezone().timestamp()) * 10**9

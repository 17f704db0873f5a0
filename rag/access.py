"""Who may read which documents: callers, rules, and what of an index a caller sees.

A rule covers files by folder, name and type, and names the groups that may read them. Where
several rules cover a file, each must let the caller in; a file that none covers is everyone's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from rag.catalog import Catalog
from rag.errors import SettingError
from rag.filters import chunks_of_members
from rag.types import StoredChunk, StoredDocument
from rag.where import Where
from rag.where_match import Matcher, is_container

USER_PREFIX = "user:"  # of the group that each caller alone is in


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Groups are compared to the letter; an admin may read everything."""

    name: str
    groups: frozenset[str] = frozenset()
    is_admin: bool = False

    @property
    def all_groups(self) -> frozenset[str]:
        """With `user:NAME`, so that a rule can name one person."""
        return self.groups | {USER_PREFIX + self.name}


LOCAL = Caller("local", is_admin=True)  # whoever sits at this machine, without sign-in
ANONYMOUS = Caller("anonymous")  # anyone, where the owner lets anyone in; keeps no history

# Whom the request under way was let in as; None before that, and for who is not signed in.
current_caller: ContextVar[Caller | None] = ContextVar("current_caller", default=None)


@dataclass(frozen=True, slots=True)
class Rule:
    """The files that `where` covers are read by these groups, and admins, alone.

    Raises SettingError if `where` says something that is not about whole files.
    """

    where: Where
    groups: frozenset[str]

    def __post_init__(self) -> None:
        if not self.where or replace(self.where, folders=(), globs=(), types=(), documents=()):
            raise SettingError(
                "An access rule covers folders, names (globs) or types of files, and nothing else. "
                "Give it folders, or a collection that has some and no languages."
            )

    def lets_in(self, caller: Caller) -> bool:
        return caller.is_admin or not self.groups.isdisjoint(caller.all_groups)


class Access:
    """The rules together; without rules every caller reads everything."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = [(rule, Matcher(rule.where)) for rule in rules]

    def where(self, caller: Caller | None) -> Where:
        """What a search of theirs is narrowed to. Nobody in particular is in no group."""
        caller = caller or ANONYMOUS
        return Where(none_of=tuple(r.where for r, _ in self._rules if not r.lets_in(caller)))

    def may_read(
        self, catalog: Catalog, caller: Caller | None, document_id: int, path: str
    ) -> bool:
        """Whether the document is theirs to open: all of it, members of an archive too."""
        caller = caller or ANONYMOUS
        for rule, matcher in self._rules:
            if rule.lets_in(caller):
                continue
            if matcher.accepts(document_id, path):
                return False
            if is_container(path) and chunks_of_members(catalog, matcher, {document_id: path}):
                return False
        return True


EVERYONE_READS = Access()


class ReadableCatalog:
    """A catalog as a caller may see it: other documents do not exist (KeyError, None, []).

    It has what shows documents, and nothing more: a new way in must be checked here first.
    `caller` tells who it is, at each call; by default whom the request was let in as. `is_private`
    tells of a path and a person's name whether it is another person's alone.
    """

    def __init__(
        self,
        catalog: Catalog,
        access: Access = EVERYONE_READS,
        caller: Callable[[], Caller | None] = current_caller.get,
        is_private: Callable[[str, str], bool] = lambda path, name: False,
    ) -> None:
        self._catalog = catalog
        self._is_private = is_private
        self._access = access
        self._caller = caller

    def snapshot(self) -> AbstractContextManager[None]:
        return self._catalog.snapshot()

    def sequence(self) -> int:
        return self._catalog.sequence()

    def documents(self) -> list[StoredDocument]:
        return [one for one in self._catalog.documents() if self._is_readable(one)]

    def document_by_path(self, path: str) -> StoredDocument | None:
        found = self._catalog.document_by_path(path)
        return found if found is not None and self._is_readable(found) else None

    def document_text(self, document_id: int) -> str:
        """Raises KeyError if there is no such document for the caller."""
        with self._catalog.snapshot():
            text = self._catalog.document_text(document_id)
            if not self.chunks_of(document_id):
                raise KeyError(document_id)
        return text

    def chunks_of(self, document_id: int) -> list[StoredChunk]:
        chunks = self._catalog.chunks_of(document_id)
        if chunks and not self._may_read(document_id, chunks[0].path):
            return []
        return chunks

    def _is_readable(self, document: StoredDocument) -> bool:
        return self._may_read(document.document_id, document.path)

    def _may_read(self, document_id: int, path: str) -> bool:
        caller = self._caller() or ANONYMOUS
        if self._is_private(path, caller.name):
            return False
        return self._access.may_read(self._catalog, caller, document_id, path)

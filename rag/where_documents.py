"""Whether a filter lets a whole document through, for lists of documents."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from rag.catalog import Catalog
from rag.catalog_places import UNTRUSTED_MTIME
from rag.filters import chunks_of_members
from rag.where import Where
from rag.where_match import Matcher, is_container


class Dated(Protocol):
    """What a filter needs to know of a document."""

    @property
    def document_id(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def mtime_ns(self) -> int: ...
    @property
    def indexed_at(self) -> float: ...


class DocumentFilter:
    """A filter, resolved at one state of the catalog."""

    def __init__(self, where: Where, catalog: Catalog) -> None:
        self._where = where
        self._matcher = Matcher(where)
        self._in_languages = catalog.documents_in(where.languages) if where.languages else None
        self._in_others = catalog.documents_not_only_in(where.languages) if where.languages else ()
        self._any_of = [DocumentFilter(one, catalog) for one in where.any_of]
        self._none_of = [DocumentFilter(one, catalog) for one in where.none_of]
        self._catalog = catalog

    def accepts(self, document: Dated) -> bool:
        """Whether passages of it may be found: a language need occur only in some of them."""
        if not self._matcher.accepts(document.document_id, document.path):
            return False
        if self._in_languages is not None and document.document_id not in self._in_languages:
            return False
        if not self._is_in_time(document):
            return False
        if any(one._touches(document) for one in self._none_of):
            return False
        return not self._any_of or any(one.accepts(document) for one in self._any_of)

    def accepts_whole(self, document: Dated) -> bool:
        """Whether all of it may be read, an archive with whatever is in it."""
        if not self.accepts(document) or document.document_id in self._in_others:
            return False
        if self._none_of and is_container(document.path):
            return False  # what is in it is not looked at here
        return not self._any_of or any(one.accepts_whole(document) for one in self._any_of)

    def _touches(self, document: Dated) -> bool:
        """Whether it lets any of it through, a file in an archive too."""
        if self.accepts(document):
            return True
        held = {document.document_id: document.path}
        return is_container(document.path) and bool(
            chunks_of_members(self._catalog, self._matcher, held)
        )

    def accepts_path(self, path: str) -> bool:
        """Of a file that is no document, its path alone counts."""
        if not self._matcher.accepts(0, path):
            return False
        if any(one.accepts_path(path) for one in self._none_of):
            return False
        return not self._any_of or any(one.accepts_path(path) for one in self._any_of)

    def _is_in_time(self, document: Dated) -> bool:
        where = self._where
        if where.after is None and where.before is None:
            return True
        is_known = document.mtime_ns != UNTRUSTED_MTIME
        seconds = document.mtime_ns / 1e9 if is_known else document.indexed_at
        day = datetime.fromtimestamp(seconds).date()
        return (where.after is None or day >= where.after) and (
            where.before is None or day < where.before
        )

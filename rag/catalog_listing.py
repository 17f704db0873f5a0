"""What the catalog can tell of its documents for a list that people look at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.catalog_reading import AMONG, CatalogReading


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document without its text. `indexed_at` is in seconds since 1970, by the clock."""

    document_id: int
    path: str
    title: str
    size: int
    mtime_ns: int
    indexed_at: float


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is in a document: its passages, and its pages if it has any."""

    num_passages: int
    num_pages: int | None


class CatalogListing(CatalogReading):
    """Questions of a list: everything small at once, and the costly for a page of it."""

    def listing(self) -> list[ListedDocument]:
        """All documents, by path."""
        with self.snapshot():
            # It stands behind the text in a row, but an index has it at hand.
            indexed_at = dict(self._rows("SELECT document_id, indexed_at FROM documents"))
            rows = self._rows(
                "SELECT document_id, path, title, size, mtime_ns FROM documents ORDER BY path"
            )
        return [
            ListedDocument(number, path, title, size, mtime_ns, indexed_at[number])
            for number, path, title, size, mtime_ns in rows
        ]

    def extents(self, document_ids: Iterable[int]) -> dict[int, Extent]:
        """How much is in some documents, by id."""
        rows = self._rows(
            "SELECT document_id, COUNT(*), MAX(page) FROM chunks"
            f" WHERE document_id {AMONG} GROUP BY document_id",
            json.dumps(list(document_ids)),
        )
        return {int(row[0]): Extent(int(row[1]), row[2]) for row in rows}

    def documents_in(self, languages: Sequence[str]) -> set[int]:
        """The documents with at least one passage in one of the languages."""
        rows = self._rows(
            f"SELECT DISTINCT document_id FROM chunks WHERE language {AMONG}",
            json.dumps(list(languages)),
        )
        return {int(row[0]) for row in rows}

    def documents_not_only_in(self, languages: Sequence[str]) -> set[int]:
        """The documents with at least one passage in none of the languages."""
        rows = self._rows(
            f"SELECT DISTINCT document_id FROM chunks WHERE NOT language {AMONG}",
            json.dumps(list(languages)),
        )
        return {int(row[0]) for row in rows}

    def content_hashes(self) -> dict[str, str]:
        """What stands in each document, by path."""
        return dict(self._rows("SELECT path, content_hash FROM documents"))

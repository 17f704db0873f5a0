"""Whether a catalog agrees with itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from rag.catalog_reading import CatalogReading


class CatalogChecking(CatalogReading):
    """Finds what is wrong with a catalog; one document's text at a time is in memory."""

    def verify(self) -> list[str]:
        """What is wrong with the catalog, one line each; empty when all is well."""
        checks: tuple[Callable[[], list[str]], ...] = (
            self._verify_file,
            self._verify_spans,
            self._verify_vectors,
        )
        try:
            with self.snapshot():
                return [problem for check in checks for problem in check()]
        except sqlite3.DatabaseError as error:
            return [f"catalog: {error}"]

    def _verify_file(self) -> list[str]:
        integrity = [str(row[0]) for row in self._rows("PRAGMA integrity_check")]
        problems = [f"catalog: {line}" for line in integrity if line != "ok"]
        for table, rowid, parent, _ in self._rows("PRAGMA foreign_key_check"):
            problems.append(f"catalog: row {rowid} of {table} has no row in {parent}")
        return problems

    def _verify_spans(self) -> list[str]:
        problems = []
        for (document_id,) in self._rows("SELECT document_id FROM documents"):
            text = self.document_text(document_id)
            for chunk in self.chunks_of(document_id):
                if text[chunk.start : chunk.end] != chunk.text:
                    problems.append(
                        f"catalog: chunk {chunk.chunk_id} of {chunk.path} differs from its span"
                        f" {chunk.start}:{chunk.end}"
                    )
        return problems

    def _verify_vectors(self) -> list[str]:
        lacking = self._rows(
            "SELECT chunk_id FROM chunks LEFT JOIN embeddings ON key = embedding_key"
            " WHERE key IS NULL"
        )
        problems = [f"catalog: chunk {row[0]} has no embedding" for row in lacking]
        sizes = self._rows("SELECT DISTINCT LENGTH(vector) FROM embeddings")
        if len(sizes) > 1 or any(size % 4 for (size,) in sizes):
            found = sorted(size for (size,) in sizes)
            problems.append(f"catalog: embeddings have differing sizes in bytes: {found}")
        return problems

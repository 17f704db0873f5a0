"""What can be asked of the catalog."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.catalog_file import STATE_KEY, CatalogFile
from rag.types import StoredChunk, StoredDocument

DOCUMENT_COLUMNS = "document_id, path, title, content_hash, size, mtime_ns"
SELECT_CHUNK = """
SELECT c.chunk_id, c.document_id, d.path, d.title, c.ordinal, c.start, c.end, c.text,
       c.headings, c.page, c.language
FROM chunks c JOIN documents d USING (document_id)
"""
SYNCED_KEY = "synced_at"  # in meta: when the last sync ended, in seconds since 1970
LOG_START_KEY = "log_start"  # in meta: the last change that the log does not hold any more
AMONG = "IN (SELECT value FROM json_each(?))"  # one parameter, however many values

Vectors = npt.NDArray[np.float32]

Ids = npt.NDArray[np.int64]
NO_IDS = np.zeros(0, dtype=np.int64)


class CatalogReading(CatalogFile):
    """The questions of a catalog; each sees one committed state."""

    # Documents

    def documents(self) -> list[StoredDocument]:
        """All documents, by path."""
        rows = self._rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents ORDER BY path")
        return [StoredDocument(*row) for row in rows]

    def document_by_path(self, path: str) -> StoredDocument | None:
        rows = self._rows(f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE path = ?", path)
        return StoredDocument(*rows[0]) if rows else None

    def document_text(self, document_id: int) -> str:
        """Raises KeyError if there is no such document (any more)."""
        try:
            rows = self._rows("SELECT text FROM documents WHERE document_id = ?", document_id)
        except OverflowError:  # a number larger than any row's
            rows = []
        if not rows:
            raise KeyError(document_id)
        return str(rows[0][0])

    def failures(self) -> dict[str, tuple[int, int, str, str]]:
        """By path: size, mtime_ns, reason, message."""
        rows = self._rows(
            "SELECT path, size, mtime_ns, reason, message FROM failures ORDER BY path"
        )
        return {path: (size, mtime, reason, text) for path, size, mtime, reason, text in rows}

    # Chunks and embeddings

    def chunks_by_ids(self, ids: Iterable[int]) -> dict[int, StoredChunk]:
        """Those of the chunks that (still) exist."""
        rows = self._rows(f"{SELECT_CHUNK} WHERE c.chunk_id {AMONG}", id_list(ids))
        return {row[0]: _stored_chunk(row) for row in rows}

    def chunks_of(self, document_id: int) -> list[StoredChunk]:
        """A document's chunks in reading order."""
        rows = self._rows(f"{SELECT_CHUNK} WHERE c.document_id = ? ORDER BY ordinal", document_id)
        return [_stored_chunk(row) for row in rows]

    def documents_of(self, chunk_ids: Iterable[int], at_least: int) -> Ids:
        """The documents that (still) hold so many of the chunks."""
        sql = (
            f"SELECT document_id FROM chunks WHERE chunk_id {AMONG}"
            " GROUP BY document_id HAVING COUNT(*) >= ?"
        )
        return self._ids(sql, id_list(chunk_ids), at_least)

    def live_chunk_ids(self) -> Ids:
        """All chunk ids, ascending."""
        return np.sort(self._ids("SELECT chunk_id FROM chunks"))

    def chunk_ids_by_language(self, among: Iterable[int] | None = None) -> dict[str, Ids]:
        """Chunk ids of each language, ascending: all, or those among the given that exist."""
        found: dict[str, list[int]] = {}
        if among is not None:
            sql = f"SELECT language, chunk_id FROM chunks WHERE chunk_id {AMONG} ORDER BY chunk_id"
            for language, chunk_id in self._rows(sql, id_list(among)):
                found.setdefault(language, []).append(chunk_id)
            return {language: np.array(ids, dtype=np.int64) for language, ids in found.items()}
        of_language = "SELECT chunk_id FROM chunks WHERE language = ? ORDER BY chunk_id"
        with self.snapshot():
            languages = self._rows("SELECT DISTINCT language FROM chunks")
            return {language: self._ids(of_language, language) for (language,) in languages}

    def _ids(self, sql: str, *parameters: Any) -> Ids:
        """The first column as it is read: a list of a million rows would take 100 MB."""
        with self._reading() as connection:
            rows = connection.execute(sql, parameters)
            return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def vectors(self, chunk_ids: Iterable[int]) -> Vectors:
        """The chunks' embeddings (n, d), in the order asked; (0, 0) when none is asked.

        Raises KeyError naming the first chunk that does not exist.
        """
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        rows = self._rows(
            "SELECT chunk_id, vector FROM chunks JOIN embeddings ON key = embedding_key"
            f" WHERE chunk_id {AMONG}",
            id_list(ids),
        )
        found: dict[int, bytes] = dict(rows)
        if not ids:
            return np.zeros((0, 0), dtype=np.float32)
        joined = bytearray().join(found[chunk_id] for chunk_id in ids)
        return (
            np.frombuffer(joined, dtype="<f4").reshape(len(ids), -1).astype(np.float32, copy=False)
        )

    def known_keys(self, keys: Iterable[str]) -> set[str]:
        """Those of the embedding keys that have a vector."""
        rows = self._rows(f"SELECT key FROM embeddings WHERE key {AMONG}", json.dumps(list(keys)))
        return {row[0] for row in rows}

    def index_texts(self, chunk_ids: Iterable[int]) -> list[tuple[int, str, str]]:
        """(chunk id, context and text, language) of those of the chunks that exist, by id."""
        rows = self._rows(
            f"SELECT chunk_id, context, text, language FROM chunks WHERE chunk_id {AMONG}"
            " ORDER BY chunk_id",
            id_list(chunk_ids),
        )
        return [(row[0], f"{row[1]}\n{row[2]}", row[3]) for row in rows]

    # The change log

    def sequence(self) -> int:
        """The number of the last change; 0 before the first."""
        return int(self._rows("SELECT COALESCE(MAX(sequence), 0) FROM log")[0][0])

    def state(self) -> str:
        """Another after each change of what a search may find, also after a restored backup.

        "" where no writer that knows of it was here: then nothing tells of every change.
        """
        with self.snapshot():
            token = self.get_meta(STATE_KEY)
            return f"{token}-{self.sequence()}" if token else ""

    def log_start(self) -> int:
        """The number after which the log holds every change; 0 while it holds all."""
        return int(self.get_meta(LOG_START_KEY) or 0)

    def changes_since(
        self, sequence: int, held: Callable[[], Ids] | None = None
    ) -> tuple[list[int], list[int], int]:
        """The net (added, deleted) chunk ids after a sequence number, and the new number.

        A chunk added and then deleted is only in deleted, so replaying a range is harmless. Where
        the log does not reach back so far (any more), all that lives counts as added. Who tells
        which ids he has `held` gets the difference instead, since a chunk comes and goes but
        never changes; at 0 too, where nothing is promised.
        """
        with self.snapshot():
            newest = self.sequence()
            if sequence < self.log_start() or (held and not sequence):
                return *self._difference(held() if held else NO_IDS), newest
            rows = self._rows("SELECT action, chunk_id FROM log WHERE sequence > ?", sequence)
        deleted = {chunk_id for action, chunk_id in rows if action == "delete"}
        added = {chunk_id for action, chunk_id in rows if action == "add"} - deleted
        return sorted(added), sorted(deleted), newest

    def _difference(self, held: Ids) -> tuple[list[int], list[int]]:
        live = self.live_chunk_ids()
        return np.setdiff1d(live, held).tolist(), np.setdiff1d(held, live).tolist()

    def changed_at(self) -> float:
        """When the newest document was indexed, in seconds since 1970; 0 where there is none."""
        return float(self._rows("SELECT COALESCE(MAX(indexed_at), 0) FROM documents")[0][0])

    # Meta and counts

    def get_meta(self, key: str, default: str | None = None) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else default

    def counts(self) -> dict[str, int]:
        """How many documents, chunks, embeddings and failures there are."""
        tables = ("documents", "chunks", "embeddings", "failures")
        with self.snapshot():
            return {
                table: int(self._rows(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in tables
            }


def id_list(ids: Iterable[int]) -> str:
    return json.dumps([int(chunk_id) for chunk_id in ids])


def _stored_chunk(row: tuple[Any, ...]) -> StoredChunk:
    fields = (*row[:8], tuple(json.loads(row[8])), *row[9:])
    return StoredChunk(*fields)

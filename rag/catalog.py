"""The catalog: the SQLite file that is the truth about what is indexed.

It holds documents with their text, chunks, embeddings and a log of which chunks were added and
deleted. The FAISS and tantivy indexes are derived from it by following the log, whose beginning is
dropped once they hold it: who was further behind compares what he holds with what lives.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

import numpy as np

from rag.catalog_file import SCHEMA_VERSION
from rag.catalog_listing import CatalogListing
from rag.catalog_places import PLACES_KEY, CatalogPlaces
from rag.catalog_reading import LOG_START_KEY, SYNCED_KEY
from rag.catalog_sentences import CatalogSentences
from rag.types import Chunk

__all__ = ["DIMENSION_KEY", "ENCODER_KEY", "SCHEMA_VERSION", "SYNCED_KEY", "Catalog"]

DIMENSION_KEY = "dimension"  # in meta: how wide every vector is, once an encoder is chosen
ENCODER_KEY = "encoder"  # in meta: the fingerprint of the encoder that made the vectors
DROPPED_AT_ONCE = 50_000  # changes in one transaction: it stays short, whatever the log's length


class Catalog(CatalogSentences, CatalogPlaces, CatalogListing):
    """Keeps documents, chunks, embeddings, failures and the log of changes.

    One writer at a time, and readers that it never blocks; safe to share between threads. Raises
    IndexStateError if the file is missing (read only), damaged, or of another schema version.
    """

    # Documents

    def put_document(
        self,
        path: str,
        title: str,
        content_hash: str,
        size: int,
        mtime_ns: int,
        text: str,
        chunks: Sequence[Chunk],
        keys: Sequence[str],
        vectors: Mapping[str, np.ndarray],
        *,
        inode: int | None = None,
    ) -> int:
        """Store a document in place of the path's old version; return its id.

        `keys[i]` is the embedding key of `chunks[i]`; `vectors` needs only the unknown keys.
        Raises ValueError, changing nothing, if a key has no vector or one of a wrong dimension.
        """
        if len(chunks) != len(keys):
            raise ValueError(f"{path}: {len(chunks)} chunks but {len(keys)} embedding keys")
        with self._writing() as connection:
            self._delete(path)
            self._note_change()
            self._add_vectors(path, keys, vectors)
            cursor = connection.execute(
                "INSERT INTO documents (path, title, content_hash, size, mtime_ns, inode, text,"
                " indexed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (path, title, content_hash, size, mtime_ns, inode, text, time.time()),
            )
            document_id = int(cursor.lastrowid or 0)
            for ordinal, (chunk, key) in enumerate(zip(chunks, keys, strict=True)):
                self._add_chunk(document_id, ordinal, chunk, key)
            connection.execute("DELETE FROM failures WHERE path = ?", (path,))
        return document_id

    def _add_vectors(
        self, path: str, keys: Sequence[str], vectors: Mapping[str, np.ndarray]
    ) -> None:
        missing = set(keys) - self.known_keys(keys)
        if lost := missing - vectors.keys():
            raise ValueError(f"{path}: no vector was given for embedding key {min(lost)}")
        rows = [(key, np.asarray(vectors[key], dtype="<f4").ravel().tobytes()) for key in missing]
        dimension = self.get_meta(DIMENSION_KEY)
        if dimension and any(len(vector) != 4 * int(dimension) for _, vector in rows):
            raise ValueError(f"{path}: a vector does not have the index's {dimension} dimensions")
        self._writer.executemany("INSERT INTO embeddings (key, vector) VALUES (?, ?)", rows)

    def _add_chunk(self, document_id: int, ordinal: int, chunk: Chunk, key: str) -> None:
        cursor = self._writer.execute(
            "INSERT INTO chunks (document_id, ordinal, start, end, text, context, headings, page,"
            " language, embedding_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document_id,
                ordinal,
                chunk.start,
                chunk.end,
                chunk.text,
                chunk.context,
                json.dumps(chunk.headings, ensure_ascii=False),
                chunk.page,
                chunk.language,
                key,
            ),
        )
        self._writer.execute(
            "INSERT INTO log (action, chunk_id) VALUES ('add', ?)", (cursor.lastrowid,)
        )

    def _delete(self, path: str) -> bool:
        """Delete the path's document and log its chunks; inside a write transaction."""
        self._writer.execute(
            "INSERT INTO log (action, chunk_id) SELECT 'delete', chunk_id FROM chunks"
            " JOIN documents USING (document_id) WHERE path = ? ORDER BY ordinal",
            (path,),
        )
        return self._writer.execute("DELETE FROM documents WHERE path = ?", (path,)).rowcount > 0

    def move_document(self, old_path: str, new_path: str, mtime_ns: int) -> bool:
        """Rename a document in place of whatever stood at the new path; chunks keep their ids.

        Returns False, having changed nothing, if there is no document at the old path.
        """
        with self._writing() as connection:
            if self.document_by_path(old_path) is None:
                return False
            if old_path != new_path:
                self._delete(new_path)
            connection.execute(
                "UPDATE documents SET path = ?, mtime_ns = ? WHERE path = ?",
                (new_path, mtime_ns, old_path),
            )
            connection.execute("DELETE FROM failures WHERE path IN (?, ?)", (old_path, new_path))
            self.set_meta(PLACES_KEY, str(self.places() + 1))
            self._note_change()
        return True

    def copy_document(self, path: str, new_path: str, mtime_ns: int, inode: int) -> bool:
        """Store a document once more under another path; it shares its vectors.

        Returns False, having changed nothing, if there is no document at `path`.
        """
        with self._writing() as connection:
            original = self.document_by_path(path)
            if original is None or path == new_path:
                return False
            self._delete(new_path)
            self._note_change()
            cursor = connection.execute(
                "INSERT INTO documents (path, title, content_hash, size, mtime_ns, inode, text,"
                " indexed_at) SELECT ?, title, content_hash, size, ?, ?, text, ? FROM documents"
                " WHERE document_id = ?",
                (new_path, mtime_ns, inode, time.time(), original.document_id),
            )
            columns = "ordinal, start, end, text, context, headings, page, language, embedding_key"
            connection.execute(
                f"INSERT INTO chunks (document_id, {columns}) SELECT ?, {columns} FROM chunks"
                " WHERE document_id = ? ORDER BY ordinal",
                (cursor.lastrowid, original.document_id),
            )
            connection.execute(
                "INSERT INTO log (action, chunk_id) SELECT 'add', chunk_id FROM chunks"
                " WHERE document_id = ? ORDER BY ordinal",
                (cursor.lastrowid,),
            )
            connection.execute("DELETE FROM failures WHERE path = ?", (new_path,))
        return True

    def continue_numbers(self, other: Catalog) -> None:
        """Let the numbers of documents and chunks go on where another catalog's end."""
        sql = "SELECT name, seq FROM sqlite_sequence WHERE name IN ('documents', 'chunks')"
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", other._rows(sql)
            )

    def touch_document(self, path: str, size: int, mtime_ns: int) -> None:
        """Note the new size and time of a file whose content did not change."""
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE documents SET size = ?1, mtime_ns = ?2 WHERE path = ?3"
                " AND (size <> ?1 OR mtime_ns <> ?2)",
                (size, mtime_ns, path),
            )
            if changed.rowcount:
                self.set_meta(PLACES_KEY, str(self.places() + 1))
                self._note_change()

    def delete_document(self, path: str) -> bool:
        """Delete the path's document; False if there was none."""
        with self._writing():
            if deleted := self._delete(path):
                self._note_change()
            return deleted

    # Failures, embeddings, meta

    def put_failure(self, path: str, size: int, mtime_ns: int, reason: str, message: str) -> None:
        """Note that a file could not be read, so that it is not tried again until it changes."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO failures (path, size, mtime_ns, reason, message)"
                " VALUES (?, ?, ?, ?, ?)",
                (path, size, mtime_ns, reason, message),
            )

    def delete_failure(self, path: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM failures WHERE path = ?", (path,))

    def prune_embeddings(self) -> int:
        """Drop the embeddings that no chunk uses; return how many."""
        with self._writing() as connection:
            cursor = connection.execute(
                "DELETE FROM embeddings WHERE NOT EXISTS"
                " (SELECT 1 FROM chunks WHERE embedding_key = embeddings.key)"
            )
        return cursor.rowcount

    def shorten_log(self, sequence: int) -> int:
        """Drop the changes up to a number, the newest aside; return how many.

        Safe at any time: each step says, in the same transaction, where the log starts since.
        """
        sequence = min(sequence, self.sequence() - 1)  # by the newest, all know how far they are
        dropped = 0
        while (start := self.log_start()) < sequence:
            end = min(start + DROPPED_AT_ONCE, sequence)
            with self._writing() as connection:
                cursor = connection.execute("DELETE FROM log WHERE sequence <= ?", (end,))
                self.set_meta(LOG_START_KEY, str(end))
            dropped += cursor.rowcount
        return dropped

    def set_meta(self, key: str, value: str) -> None:
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value)
            )

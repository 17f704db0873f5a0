"""The sentence vectors that the catalog holds. They refine the order of hits; none is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rag.catalog_checking import CatalogChecking
from rag.catalog_reading import AMONG, Vectors, id_list
from rag.sentence_vectors import pack_vectors, unpack_vectors

WAITING = (
    "NOT EXISTS (SELECT 1 FROM sentences WHERE sentences.key = embeddings.key)"
    " AND EXISTS (SELECT 1 FROM chunks WHERE embedding_key = embeddings.key)"
)


class CatalogSentences(CatalogChecking):
    """Sentence vectors by embedding key; a chunk of one sentence has an empty set of them."""

    def sentence_vectors(self, chunk_ids: Sequence[int], dimension: int) -> dict[int, Vectors]:
        """Those of the chunks (n, dimension) that have some."""
        with self.snapshot():
            if not self._has_sentences():
                return {}
            rows = self._rows(
                "SELECT chunk_id, vectors FROM chunks JOIN sentences ON key = embedding_key"
                f" WHERE chunk_id {AMONG} AND length(vectors) > 0",
                id_list(chunk_ids),
            )
        vectors = unpack_vectors([packed for _, packed in rows], dimension)
        return {chunk_id: one for (chunk_id, _), one in zip(rows, vectors, strict=True)}

    def sentences_within(
        self, document_id: int, start: int, end: int, dimension: int
    ) -> list[tuple[str, Vectors]]:
        """Of the chunks that reach into a span of a document: the text, and the vectors (n, d)."""
        with self.snapshot():
            if not self._has_sentences():
                return []
            rows = self._rows(
                "SELECT text, vectors FROM chunks JOIN sentences ON key = embedding_key"
                " WHERE document_id = ? AND start < ? AND end > ? AND length(vectors) > 0",
                document_id,
                end,
                start,
            )
        vectors = unpack_vectors([packed for _, packed in rows], dimension)
        return [(text, one) for (text, _), one in zip(rows, vectors, strict=True)]

    def texts_without_sentences(self, after: str, limit: int) -> list[tuple[str, str]]:
        """(embedding key, text) of chunks whose sentences are not encoded, by key from `after` on.

        A key stands once, however many chunks share it.
        """
        with self.snapshot():
            if not self._has_sentences():
                return []
            return self._rows(
                "SELECT key, (SELECT text FROM chunks WHERE embedding_key = embeddings.key)"
                f" FROM embeddings WHERE key > ? AND {WAITING} ORDER BY key LIMIT ?",
                after,
                limit,
            )  # type: ignore[return-value]

    def put_sentences(self, found: Iterable[tuple[str, Vectors]]) -> None:
        """Keep the sentence vectors (n, d) of embedding keys; what is gone meanwhile stays gone."""
        rows = [(key, pack_vectors(np.asarray(vectors)), key) for key, vectors in found]
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO sentences (key, vectors)"
                " SELECT ?, ? WHERE EXISTS (SELECT 1 FROM embeddings WHERE key = ?)",
                rows,
            )
            self._note_change()

    def num_without_sentences(self) -> int:
        """How many embeddings that chunks use wait for their sentences."""
        with self.snapshot():
            if not self._has_sentences():
                return int(self._rows("SELECT COUNT(DISTINCT embedding_key) FROM chunks")[0][0])
            (total,) = self._rows("SELECT COUNT(*) FROM embeddings")[0]
            (done,) = self._rows("SELECT COUNT(*) FROM sentences")[0]
            if total == done:  # the usual case, and soon told
                return 0
            return int(self._rows(f"SELECT COUNT(*) FROM embeddings WHERE {WAITING}")[0][0])

    def _has_sentences(self) -> bool:
        """Whether a writer that knows of sentences was here."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'sentences'"
        return bool(self._rows(sql))

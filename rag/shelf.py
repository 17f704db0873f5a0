"""What a catalog holds of the documents that a question is answered from, each read once."""

from __future__ import annotations

import os.path
from collections.abc import Sequence

from rag.catalog import Catalog
from rag.sentences import ROW_START
from rag.types import StoredChunk
from rag.where import Where
from rag.where_match import Matcher, is_container


class Shelf:
    """A catalog as one question sees it; not for several threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._texts: dict[int, str] = {}
        self._chunks: dict[int, Sequence[StoredChunk]] = {}

    def text(self, document_id: int) -> str:
        """Raises KeyError if the document was deleted."""
        if document_id not in self._texts:
            self._texts[document_id] = self._catalog.document_text(document_id)
        return self._texts[document_id]

    def chunks(self, document_id: int) -> Sequence[StoredChunk]:
        """All of the document's chunks in reading order; none if it was deleted."""
        if document_id not in self._chunks:
            self._chunks[document_id] = self._catalog.chunks_of(document_id)
        return self._chunks[document_id]

    def documents_beside(self, path: str, where: Where, at_most: int) -> list[int]:
        """The documents of the same folder and below it, by path, that a filter lets through.

        What a filter says of languages, dates or collections cannot be told of whole documents:
        then there are none.
        """
        if not all(map(_is_of_documents, (where, *where.none_of))):
            return []
        matcher, folder = Matcher(where), os.path.dirname(path)
        closed = [Matcher(one) for one in where.none_of]
        found = self._catalog.find_documents(folders=[folder], at_most=at_most)
        return [
            number
            for number, one in found
            if matcher.accepts(number, one)
            and not any(shut.accepts(number, one) for shut in closed)
            and not (closed and is_container(one))  # a member may be closed
        ]

    def table_header(self, chunk: StoredChunk) -> str:
        """The header line of the table whose later rows the chunk begins with; else nothing.

        The chunk's context ends with it, perhaps cut short; the whole line stands above. Raises
        KeyError if the document was deleted.
        """
        if not chunk.text.startswith(ROW_START):
            return ""
        for _, text, _ in self._catalog.index_texts([chunk.chunk_id]):
            line = text.removesuffix(f"\n{chunk.text}").rpartition("\n")[2]
            document = self.text(chunk.document_id)
            at = document.rfind(line, 0, chunk.start) if line.startswith(ROW_START) else -1
            return document[at : document.index("\n", at)] if at >= 0 else ""
        return ""  # deleted since it was found


def _is_of_documents(where: Where) -> bool:
    """Whether it can be told of whole documents by their paths."""
    return not (where.languages or where.any_of or where.after or where.before)

"""The texts that wait for the encoder: of many documents together, so that lengths match."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from ingest.pool import Prepared
from rag.catalog import Catalog
from rag.encoder import Vectors, document_input

MAX_RECENT = 4096  # vectors kept of documents that may not be committed yet

Vector = Vectors  # one row, (d,)


@dataclass(slots=True)
class Pending:
    """A document that waits for the vectors of its `missing` keys."""

    prepared: Prepared
    keys: Sequence[str]
    vectors: dict[str, Vector] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)  # in reading order

    def store(self, catalog: Catalog) -> None:
        """Put the document into the catalog, in place of the path's old version."""
        prepared = self.prepared
        file, document = prepared.file, prepared.document
        assert document is not None
        catalog.put_document(
            file.path,
            document.title,
            prepared.content_hash,
            file.size,
            file.mtime_ns,
            document.text,
            prepared.chunks,
            self.keys,
            self.vectors,
            inode=file.inode,
        )


class Window:
    """Hands out texts of like lengths, those of the oldest document first.

    Each text is handed out once, however many documents hold it.
    """

    def __init__(self) -> None:
        self._documents: list[Pending] = []
        self._waiting: list[tuple[int, str]] = []  # (length, key), ascending
        self._texts: dict[str, tuple[int, str]] = {}  # by key: length and text
        self._recent: OrderedDict[str, Vector] = OrderedDict()

    def __len__(self) -> int:
        """How many texts wait."""
        return len(self._waiting)

    def __bool__(self) -> bool:
        return bool(self._documents)

    def add(self, prepared: Prepared, keys: Sequence[str], known: Set[str]) -> None:
        """Take up a document; `keys[i]` names the vector of its chunk i, `known` are stored."""
        pending = Pending(prepared, keys)
        self._documents.append(pending)
        for key, chunk, length in zip(keys, prepared.chunks, prepared.lengths, strict=True):
            if key in known:
                continue
            if key in self._recent:
                pending.vectors[key] = self._recent[key]
                continue
            pending.missing[key] = None
            if key not in self._texts:
                self._texts[key] = length, document_input(chunk.context, chunk.text)
                insort(self._waiting, (length, key))

    def take(self, count: int) -> tuple[list[str], list[str]]:
        """Keys and texts of at most `count` neighbours in length, one of the oldest document's."""
        oldest = next((one for one in self._documents if one.missing), None)
        if oldest is None:
            return [], []
        key = next(iter(oldest.missing))
        at = bisect_left(self._waiting, (self._texts[key][0], key))
        start = max(0, min(at - count // 2, len(self._waiting) - count))
        keys = [key for _, key in self._waiting[start : start + count]]
        del self._waiting[start : start + count]
        return keys, [self._texts[key][1] for key in keys]

    def fill(self, keys: Sequence[str], rows: Vectors) -> None:
        """Give the vectors (n, d) of texts that were taken."""
        found = dict(zip(keys, rows, strict=True))
        self._recent.update(found)
        while len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        for key in keys:
            del self._texts[key]
        for document in self._documents:
            for key in found.keys() & document.missing.keys():
                del document.missing[key]
                document.vectors[key] = found[key]

    def completed(self) -> Iterator[Pending]:
        """Let go of the documents that have all their vectors."""
        done = [one for one in self._documents if not one.missing]
        self._documents = [one for one in self._documents if one.missing]
        yield from done

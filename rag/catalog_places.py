"""What a filter asks of the catalog: which documents lie where, and which chunks are theirs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from rag.catalog_reading import AMONG, CatalogReading, Ids

PLACES_KEY = "places"  # in meta: how often a document was moved or its time changed
UNTRUSTED_MTIME = -1  # a file too fresh to trust its time: then it counts from when it was indexed
_SEEK_CHUNKS = """
SELECT (SELECT chunk_id FROM chunks WHERE document_id = value ORDER BY ordinal LIMIT 1) AS first,
       (SELECT chunk_id FROM chunks WHERE document_id = value ORDER BY ordinal DESC LIMIT 1)
FROM json_each(?) WHERE first IS NOT NULL
"""


class CatalogPlaces(CatalogReading):
    """Questions about paths and times, which the log of chunks does not tell."""

    def places(self) -> int:
        """Greater when a document was moved or its time changed: the log does not say so."""
        return int(self.get_meta(PLACES_KEY) or 0)

    def find_documents(
        self,
        *,
        folders: Sequence[str] | None = None,
        named: Collection[int | str] | None = None,
        changed_ns: tuple[int | None, int | None] = (None, None),
        among_chunks: Iterable[int] | None = None,
        at_most: int | None = None,
    ) -> list[tuple[int, str]]:
        """(document id, path) of all that meet every criterion given.

        `folders` are absolute, and hold what lies below them and what is named by their paths;
        `named` are ids and paths; `changed_ns` is a half-open span of times; `among_chunks` are
        the chunks of which a document has at least one. With `at_most` only so many, by path.
        """
        clauses, values = ["TRUE"], list[object]()
        for clause, given in (
            _of_folders(folders),
            _of_names(named),
            _of_times(*changed_ns),
            _of_chunks(among_chunks),
        ):
            if clause:
                clauses.append(f"({clause})")
                values += given
        sql = f"SELECT document_id, path FROM documents WHERE {' AND '.join(clauses)}"
        if at_most is not None:
            sql, values = f"{sql} ORDER BY path LIMIT ?", [*values, at_most]
        return [(int(row[0]), str(row[1])) for row in self._rows(sql, *values)]

    def chunk_ranges(self, document_ids: Iterable[int]) -> Ids:
        """(n, 2): the first and last chunk id of each document; all ids between are its own.

        They are, because a document's chunks are numbered in one transaction.
        """
        rows = self._rows(_SEEK_CHUNKS, json.dumps(list(document_ids)))
        return np.array(rows, dtype=np.int64).reshape(-1, 2)

    def outlines(self, document_ids: Iterable[int]) -> list[tuple[int, int, str, str]]:
        """(document id, chunk id, outermost heading, text) of their chunks in reading order."""
        return self._rows(
            "SELECT document_id, chunk_id, COALESCE(json_extract(headings, '$[0]'), ''), text"
            f" FROM chunks WHERE document_id {AMONG} ORDER BY document_id, ordinal",
            json.dumps(list(document_ids)),
        )  # type: ignore[return-value]


def _of_folders(folders: Sequence[str] | None) -> tuple[str, list[object]]:
    if folders is None:
        return "", []
    starts = [folder.rstrip("/") + "/" for folder in folders]
    below = [f"{start[:-1]}0" for start in starts]  # 0 is the sign after the slash
    clauses = ["path >= ? AND path < ?"] * len(starts)
    values = [value for pair in zip(starts, below, strict=True) for value in pair]
    return " OR ".join([*clauses, f"path {AMONG}"]), [*values, json.dumps(list(folders))]


def _of_names(named: Collection[int | str] | None) -> tuple[str, list[object]]:
    if named is None:
        return "", []
    ids = json.dumps([one for one in named if isinstance(one, int)])
    paths = json.dumps([one for one in named if isinstance(one, str)])
    return f"document_id {AMONG} OR path {AMONG}", [ids, paths]


def _of_times(start_ns: int | None, end_ns: int | None) -> tuple[str, list[object]]:
    if start_ns is None and end_ns is None:
        return "", []
    limits = np.iinfo(np.int64)
    start = int(limits.min) if start_ns is None else start_ns
    end = int(limits.max) if end_ns is None else end_ns
    clause = (
        f"mtime_ns >= ? AND mtime_ns < ? AND mtime_ns != {UNTRUSTED_MTIME}"
        f" OR mtime_ns = {UNTRUSTED_MTIME} AND indexed_at >= ? AND indexed_at < ?"
    )
    return clause, [start, end, start / 1e9, end / 1e9]


def _of_chunks(chunk_ids: Iterable[int] | None) -> tuple[str, list[object]]:
    if chunk_ids is None:
        return "", []
    documents = f"SELECT document_id FROM chunks WHERE chunk_id {AMONG}"
    return f"document_id IN ({documents})", [json.dumps([int(i) for i in chunk_ids])]

"""An encoder that remembers vectors on disk, so that nothing is encoded twice to be measured."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.encoder import Encoder, Vectors

WAIT_SECONDS = 60.0
MAX_PARAMETERS = 500  # of one SQL statement


class RememberingEncoder:
    """Encodes what the file does not know, and adds it. Safe to share between threads.

    The encoder's fingerprint names the vectors of documents; `query_name` tells apart what it
    does not, such as the prompt of questions.
    """

    def __init__(self, encoder: Encoder, path: Path, query_name: str = "") -> None:
        self._encoder = encoder
        self._query_name = query_name
        self._lock = threading.Lock()
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens
        self.fingerprint = encoder.fingerprint
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=WAIT_SECONDS, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._connection:
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL)"
            )

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""
        return self._remember("document", texts, self._encoder.encode_documents)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""
        return self._remember("query", texts, self._encoder.encode_queries)

    def token_starts(self, text: str) -> npt.NDArray[np.int64]:
        """The character at which each token of a text starts, ascending."""
        return self._encoder.token_starts(text)

    def close(self) -> None:
        """Close the file; the encoder stays open."""
        self._connection.close()

    def _remember(
        self, kind: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors]
    ) -> Vectors:
        keys = [self._key(kind, text) for text in texts]
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        with self._lock:
            known = self._read(keys)
            unknown = {k: text for k, text in zip(keys, texts, strict=True) if k not in known}
            if unknown:
                rows = np.asarray(encode(list(unknown.values())), dtype="<f4")
                new = dict(zip(unknown, rows, strict=True))
                self._write(new)
                known |= new
        for row, key in zip(vectors, keys, strict=True):
            row[:] = known[key]
        return vectors

    def _key(self, kind: str, text: str) -> str:
        name = self._query_name if kind == "query" else ""
        named = "\0".join((self.fingerprint, name, kind, text))
        return hashlib.sha256(named.encode()).hexdigest()

    def _read(self, keys: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        for start in range(0, len(keys), MAX_PARAMETERS):
            some = keys[start : start + MAX_PARAMETERS]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"
            for key, vector in self._connection.execute(sql, some):
                found[key] = np.frombuffer(vector, dtype="<f4")
        return found

    def _write(self, vectors: dict[str, Vectors]) -> None:
        with self._connection:
            self._connection.executemany(
                "INSERT OR IGNORE INTO vectors (key, vector) VALUES (?, ?)",
                [(key, vector.tobytes()) for key, vector in vectors.items()],
            )

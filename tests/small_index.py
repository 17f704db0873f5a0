"""An index over a few short files, for the tests of what is built on one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fakes import WordEncoder

from ingest.sync import sync
from rag.indexes import Indexes

CATS = "Cats sleep all day long in warm places."


@contextmanager
def indexed(
    folder: Path,
    texts: Mapping[str, str],
    encoder: WordEncoder | None = None,
    *,
    max_chunk_tokens: int = 100,
) -> Iterator[Indexes]:
    """Write the texts, by their paths, below `folder`/docs, and open `folder`/index over them."""
    encoder = encoder or WordEncoder()
    docs = folder / "docs"
    for name, text in texts.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, "utf-8")
    with Indexes(folder / "index", dimension=encoder.dimension, read_only=False) as indexes:
        sync(indexes, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=max_chunk_tokens)
        yield indexes

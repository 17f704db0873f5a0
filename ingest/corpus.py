"""Indexes documents that come from a program, not from files, by the same way as files go."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from ingest.chunker import CHUNKER_VERSION, MAX_CONTEXT_TOKENS
from ingest.pool import Prepared, cut_document
from ingest.readers.builder import DocumentBuilder
from ingest.readers.text import add_paragraphs
from ingest.scan import FoundFile
from ingest.sync import WINDOW_CHUNKS, Progress
from ingest.window import Pending, Window
from ingest.writing import Writer
from rag.disk import disk_errors
from rag.encoder import Encoder, embedding_key
from rag.indexes import Indexes
from rag.types import Document

SLICE_CHUNKS = 256  # encoded between two reports of progress


def document_of(title: str, text: str) -> Document:
    """A document of plain text; blank lines part its paragraphs."""
    builder = DocumentBuilder()
    add_paragraphs(builder, text)
    return builder.build(title)


def sync_documents(
    indexes: Indexes,
    encoder: Encoder,
    documents: Mapping[str, Document],
    *,
    max_chunk_tokens: int,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Make the index hold exactly these documents, by path.

    What it holds already stays as it is, so that one cut short goes on where it was. Raises
    IndexStateError if the index was made with another encoder, or its disk is full.
    """
    indexes.claim_encoder(encoder.fingerprint)
    max_tokens = min(max_chunk_tokens, encoder.max_tokens - MAX_CONTEXT_TOKENS)
    hashes = {path: _content_hash(one, max_tokens) for path, one in documents.items()}
    catalog = indexes.catalog
    held = {document.path: document.content_hash for document in catalog.documents()}
    with disk_errors(indexes.folder):
        for path in held.keys() - documents.keys():
            catalog.delete_document(path)
        wanted = [path for path in documents if held.get(path) != hashes[path]]
        prepared = (
            _prepare(path, documents[path], hashes[path], encoder, max_tokens) for path in wanted
        )
        _index(indexes, encoder, prepared, len(wanted), progress or (lambda _: None))
        indexes.save()


def _content_hash(document: Document, max_tokens: int) -> str:
    """Names what is stored for a document: its text, and how that is cut."""
    parts = (document.title, document.text, CHUNKER_VERSION, max_tokens)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _prepare(
    path: str, document: Document, content_hash: str, encoder: Encoder, max_tokens: int
) -> Prepared:
    chunks, lengths = cut_document(document, encoder.token_starts, max_tokens)
    file = FoundFile(path, size=len(document.text), mtime_ns=0, inode=0)
    return Prepared(file, content_hash, document, chunks, lengths)


def _index(
    indexes: Indexes,
    encoder: Encoder,
    documents: Iterator[Prepared],
    total: int,
    progress: Callable[[Progress], None],
) -> None:
    """Encode and commit, a window of texts at a time."""
    catalog, window, num_done = indexes.catalog, Window(), 0

    def encode(limit: int, writer: Writer) -> None:
        """Encode until fewer than `limit` texts wait, and commit what is complete."""
        nonlocal num_done
        while len(window) >= limit:
            texts_keys, texts = window.take(SLICE_CHUNKS)
            window.fill(texts_keys, encoder.encode_documents(texts))
            num_done += _commit(indexes, window.completed(), writer)
            progress(Progress(num_done, total, ""))
        num_done += _commit(indexes, window.completed(), writer)

    with Writer(indexes) as writer:
        for prepared in documents:
            keys = [embedding_key(encoder, chunk.context, chunk.text) for chunk in prepared.chunks]
            window.add(prepared, keys, catalog.known_keys(keys))
            encode(WINDOW_CHUNKS, writer)
        encode(1, writer)
        writer.finish()


def _commit(indexes: Indexes, completed: Iterator[Pending], writer: Writer) -> int:
    """Hand the documents that are complete to the writer; returns how many."""
    count = 0
    for pending in completed:
        writer.put(partial(pending.store, indexes.catalog))
        count += 1
    return count

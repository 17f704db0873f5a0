"""Brings an index to the present state of its folders, doing nothing twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from ingest.chunker import CHUNKER_VERSION, MAX_CONTEXT_TOKENS, chunk_document
from ingest.reading import ReadingProcess
from ingest.scan import UNTRUSTED_MTIME, Failure, FoundFile, Scan, scan
from rag.catalog import Catalog
from rag.encoder import Encoder, Vectors, document_input, embedding_key
from rag.errors import ReadError, SettingError
from rag.indexes import Indexes
from rag.types import Chunk, StoredDocument

ROOTS_KEY = "roots"
CHUNKING_KEY = "chunking"
PENDING_CHUNKS = 256  # encoded together: enough to sort by length, little to lose
HASH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` files are read and indexed; `path` is next."""

    done: int
    total: int
    path: str


@dataclass(slots=True)
class SyncReport:
    """What a sync did. `num_chunks` stand in the files it read; `num_encoded` were new text."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: list[Failure] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    num_chunks: int = 0
    num_encoded: int = 0
    seconds: float = 0.0
    was_stopped: bool = False


def remembered_roots(catalog: Catalog) -> list[str]:
    """The folders that were indexed, as absolute paths."""
    roots: list[str] = json.loads(catalog.get_meta(ROOTS_KEY) or "[]")
    return roots


def sync(
    indexes: Indexes,
    encoder: Encoder,
    roots: Sequence[Path],
    *,
    max_file_bytes: int,
    max_chunk_tokens: int,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SyncReport:
    """Index what is new or changed under the roots (absolute), and drop what is gone.

    Files of equal size and time are not opened; text that was encoded before is not encoded
    again; documents outside the roots stay. Raises SettingError if a root that was never indexed
    is not there, IndexStateError if the index was made with another encoder.
    """
    return _Sync(indexes, encoder, max_chunk_tokens, progress, should_stop).run(
        [Path(root) for root in roots], max_file_bytes
    )


@dataclass(slots=True)
class _Pending:
    """A document that is read, and waits for its vectors."""

    file: FoundFile
    content_hash: str
    title: str
    text: str
    chunks: list[Chunk]
    keys: list[str]


class _Sync:
    def __init__(
        self,
        indexes: Indexes,
        encoder: Encoder,
        max_chunk_tokens: int,
        progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self._indexes = indexes
        self._catalog = indexes.catalog
        self._encoder = encoder
        self._max_tokens = min(max_chunk_tokens, encoder.max_tokens - MAX_CONTEXT_TOKENS)
        self._progress = progress
        self._should_stop = should_stop or (lambda: False)
        self._report = SyncReport()
        self._pending: list[_Pending] = []
        self._renamed: set[str] = set()  # moved to another name: read again

    def run(self, roots: Sequence[Path], max_file_bytes: int) -> SyncReport:
        started = time.monotonic()
        report = self._report
        self._indexes.claim_encoder(self._encoder.fingerprint)
        is_whole = self._remember(roots)
        before = self._catalog.sequence()
        found = scan(roots, max_file_bytes=max_file_bytes)
        report.unsupported, report.failed = found.unsupported, list(found.failed)
        to_read = self._compare(found, roots)
        self._indexes.catch_up()  # what is gone is gone before the reading begins
        self._read(to_read)
        report.failed.sort(key=lambda failure: failure.path)
        if not report.was_stopped:
            self._catalog.set_meta(CHUNKING_KEY, self._chunking())
        if self._catalog.sequence() != before:
            if is_whole and not report.was_stopped:
                self._catalog.prune_embeddings()
            self._indexes.save()
        report.seconds = time.monotonic() - started
        return report

    def _remember(self, roots: Sequence[Path]) -> bool:
        """Add the roots to those remembered; False if one of them is not there just now."""
        known = remembered_roots(self._catalog)
        for root in roots:
            if str(root) not in known and not root.exists():
                raise SettingError(f"{root} is not there. Give a folder or a file that exists.")
        named = list(dict.fromkeys([*known, *map(str, roots)]))
        if named != known:
            self._catalog.set_meta(ROOTS_KEY, json.dumps(named, ensure_ascii=False))
        return all(Path(root).exists() for root in named)

    def _chunking(self) -> str:
        return f"{CHUNKER_VERSION}/{self._max_tokens}"

    # What is different

    def _compare(self, found: Scan, roots: Sequence[Path]) -> list[FoundFile]:
        """Drop what is gone, follow what moved; return what must be opened."""
        documents = {doc.path: doc for doc in self._catalog.documents()}
        failures = self._catalog.failures()
        is_stale = self._catalog.get_meta(CHUNKING_KEY) != self._chunking()
        to_read: list[FoundFile] = []
        for file in found.files.values():
            state = (file.size, file.mtime_ns)
            document, failure = documents.get(file.path), failures.get(file.path)
            if document and not is_stale and (document.size, document.mtime_ns) == state:
                self._report.unchanged += 1
            elif failure and failure[:2] == state:
                self._report.failed.append(Failure(file.path, failure[2], failure[3]))
            else:
                to_read.append(file)
        covered = [str(root) for root in roots]
        kept_out = {failure.path for failure in found.failed if failure.reason == "unreadable"}
        gone = [
            document
            for path, document in documents.items()
            if path not in found.files
            and _is_under(path, covered)
            and not _is_under(path, kept_out)
        ]
        for path in failures:
            if path not in found.files and _is_under(path, covered):
                self._catalog.delete_failure(path)
        return self._follow_moves(gone, to_read, documents.keys(), is_stale)

    def _follow_moves(
        self,
        gone: Sequence[StoredDocument],
        to_read: list[FoundFile],
        known: Set[str],
        is_stale: bool,
    ) -> list[FoundFile]:
        """A vanished document whose content stands elsewhere has moved; the others are removed."""
        by_hash: dict[str, list[StoredDocument]] = {}
        for document in gone:
            by_hash.setdefault(document.content_hash, []).append(document)
        sizes = {document.size for document in gone}
        rest = []
        for file in to_read:
            moved = None
            if file.size in sizes and file.path not in known and (digest := _hash(file.path)):
                same = by_hash.get(digest, [])
                moved = next((d for d in same if _name(d.path) == _name(file.path)), None)
                moved = moved or next(iter(same), None)
                if moved is not None:
                    same.remove(moved)
                    self._report.moved += 1
            if moved is None:
                rest.append(file)
            elif _name(moved.path) == _name(file.path) and not is_stale:
                self._catalog.move_document(moved.path, file.path, file.mtime_ns)
            else:  # its name may be its title: read it again; the same text has its vectors
                self._catalog.move_document(moved.path, file.path, UNTRUSTED_MTIME)
                rest.append(file)
                self._renamed.add(file.path)
        for document in (d for left in by_hash.values() for d in left):
            self._catalog.delete_document(document.path)
            self._report.removed += 1
        return rest

    # Reading and encoding

    def _read(self, files: Sequence[FoundFile]) -> None:
        with ReadingProcess() as reader:
            for done, file in enumerate(files):
                if self._should_stop():
                    self._report.was_stopped = True
                    break
                if self._progress:
                    self._progress(Progress(done, len(files), file.path))
                self._read_one(reader, file)
                if sum(len(one.chunks) for one in self._pending) >= PENDING_CHUNKS:
                    self._flush()
        self._flush()
        if self._progress and files and not self._report.was_stopped:
            self._progress(Progress(len(files), len(files), ""))

    def _read_one(self, reader: ReadingProcess, file: FoundFile) -> None:
        document = self._catalog.document_by_path(file.path)
        is_current = self._catalog.get_meta(CHUNKING_KEY) == self._chunking()
        digest = _hash(file.path)
        is_same = document is not None and document.content_hash == digest
        if document and is_same and is_current and file.path not in self._renamed:
            self._catalog.touch_document(file.path, file.size, file.mtime_ns)
            self._report.unchanged += 1
            return
        try:
            if digest is None:
                message = f"{file.path}: cannot be opened; check that it exists and may be read"
                raise ReadError("unreadable", message)
            read = reader.read(Path(file.path))
        except ReadError as error:
            self._fail(file, error)
            return
        chunks = chunk_document(read, self._encoder.token_starts, self._max_tokens)
        keys = [embedding_key(self._encoder, chunk.context, chunk.text) for chunk in chunks]
        if document is None:
            self._report.new += 1
        elif file.path in self._renamed:
            pass  # counted as moved
        elif is_same:
            self._report.unchanged += 1
        else:
            self._report.changed += 1
        self._pending.append(_Pending(file, digest, read.title, read.text, chunks, keys))

    def _fail(self, file: FoundFile, error: ReadError) -> None:
        """Note it, and drop the old version: its text stands nowhere any more."""
        if not Path(file.path).exists():
            return  # deleted since the scan; the next one will see
        if self._catalog.delete_document(file.path):
            self._report.removed += 1
        message = str(error)
        self._catalog.put_failure(file.path, file.size, file.mtime_ns, error.reason, message)
        self._report.failed.append(Failure(file.path, error.reason, message))

    def _flush(self) -> None:
        """Encode what is pending, each text once, and commit document by document."""
        if not self._pending:
            return
        inputs = {
            key: document_input(chunk.context, chunk.text)
            for one in self._pending
            for key, chunk in zip(one.keys, one.chunks, strict=True)
        }
        for key in self._catalog.known_keys(inputs):
            del inputs[key]
        rows: Vectors = self._encoder.encode_documents(list(inputs.values()))
        vectors = dict(zip(inputs, rows, strict=True))
        for one in self._pending:
            file = one.file
            self._catalog.put_document(
                file.path,
                one.title,
                one.content_hash,
                file.size,
                file.mtime_ns,
                one.text,
                one.chunks,
                one.keys,
                vectors,
                inode=file.inode,
            )
            self._report.num_chunks += len(one.chunks)
        self._report.num_encoded += len(inputs)
        self._pending.clear()
        self._indexes.catch_up()


def _is_under(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def _name(path: str) -> str:
    return Path(path).name


def _hash(path: str) -> str | None:
    """SHA-256 of a file in hex; None if it cannot be opened."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while block := stream.read(HASH_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()

"""Indexes of what is measured, made once and kept: as long as nothing that makes them changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import rag
from ingest.corpus import document_of, sync_documents
from ingest.refine import refine
from rag import cli_output as output
from rag import documents as folders
from rag import parts
from rag.cli_progress import sync_progress
from rag.config import Settings
from rag.encoder import Encoder
from rag.errors import SettingError
from rag.evaluation.datasets import PATH_PREFIX, CorpusDocument, corpus_digest
from rag.evaluation.vectors import RememberingEncoder
from rag.indexes import Indexes

COMPLETE_FILE = "complete.json"  # written last: what the index holds, for people
VECTORS_FILE = "vectors.sqlite3"

# Settings that change neither what stands in an index nor which encoder is loaded. What is not
# named here makes an index of its own (of vectors that are known), so that a new setting is never
# measured on an old index.
QUERY_SETTINGS = frozenset({
    "index", "log_level", "generator", "generator_model", "api_key", "max_model_len",
    "max_answer_tokens", "temperature", "tensor_parallel_size", "gpu_memory_utilization",
    "kv_cache_dtype", "top_k", "context_tokens", "max_file_mb", "follow_links", "passwords",
    "readers", "read_seconds", "read_memory_mb", "debounce_ms", "poll_seconds", "lock_seconds",
    "host", "port", "collections", "rewriting", "reranker", "reranker_candidates", "reranker_ms",
})  # fmt: skip
ENCODER_ONLY_SETTINGS = frozenset({"cache", "device", "num_threads", "encoder", "encoder_kernel"})

# The code that decides what stands in an index, and how a question is encoded.
INDEX_CODE = (
    "ingest/**/*.py", "rag/catalog*.py", "rag/dense*.py", "rag/encoder.py", "rag/indexes.py",
    "rag/language.py", "rag/lexical*.py", "rag/sentence*.py", "rag/words*.py",
)  # fmt: skip
ENCODER_CODE = ("rag/encoder*.py", "rag/onnx_encoder*.py")


class Encoders:
    """Opens the encoder that the settings name, and keeps the last one open.

    `store` is where it remembers what it has encoded.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self._key = ""
        self._opened: tuple[Encoder, RememberingEncoder] | None = None

    def get(self, settings: Settings) -> tuple[Encoder, RememberingEncoder]:
        """The encoder, and the same with a memory. ModelError or SettingError if it fails."""
        key = json.dumps(_dump(settings, QUERY_SETTINGS | {"chunk_tokens"}), sort_keys=True)
        if self._opened is None or key != self._key:
            self.close()  # lets the old one go first
            encoder = parts.open_encoder(settings, output.say)
            query_name = key + _code_digest(ENCODER_CODE)
            remembering = RememberingEncoder(encoder, self.store / VECTORS_FILE, query_name)
            self._opened, self._key = (encoder, remembering), key
        return self._opened

    def close(self) -> None:
        """Let the encoder go."""
        if self._opened is not None:
            self._opened[1].close()
        self._opened = None


@contextmanager
def open_corpus_index(
    store: Path,
    names: Sequence[str],
    corpus: dict[str, CorpusDocument],
    settings: Settings,
    encoder: RememberingEncoder,
) -> Iterator[Indexes]:
    """The index of a corpus below `store`, made first where it is not there; opened read-only.

    The documents' paths are PATH_PREFIX and their ids.
    """
    folder = store / f"{corpus_digest(corpus)[:12]}-{_maker_digest(settings, encoder)}"
    settings = _at(settings, folder)
    if not (folder / COMPLETE_FILE).exists():
        texts = {
            PATH_PREFIX + number: document_of(one.title, one.text or one.title)
            for number, one in corpus.items()
        }
        with (
            parts.open_indexes(
                settings, encoder.dimension, read_only=False, say=output.say
            ) as indexes,
            sync_progress() as progress,
        ):
            sync_documents(
                indexes,
                encoder,
                texts,
                max_chunk_tokens=min(settings.chunk_tokens, encoder.max_tokens),
                progress=progress,
            )
            if settings.sentence_vectors:
                refine(indexes.catalog, encoder)
            about = {"collections": list(names), **indexes.catalog.counts()}
            (folder / COMPLETE_FILE).write_text(json.dumps(about, ensure_ascii=False), "utf-8")
    with parts.open_indexes(settings, encoder.dimension, read_only=True) as indexes:
        yield indexes


@contextmanager
def open_folder_index(
    store: Path, root: Path, settings: Settings, encoder: RememberingEncoder
) -> Iterator[Indexes]:
    """The index of a folder of files below `store`, brought up to date; opened read-only."""
    with open_folders_index(store, [root], settings, encoder) as indexes:
        yield indexes


@contextmanager
def open_folders_index(
    store: Path, roots: Sequence[Path], settings: Settings, encoder: RememberingEncoder
) -> Iterator[Indexes]:
    """The same of several folders together."""
    roots = [root.expanduser().resolve() for root in roots]
    named = hashlib.sha256("\0".join(map(str, roots)).encode()).hexdigest()[:12]
    settings = _at(settings, store / f"{named}-{_maker_digest(settings, encoder)}")
    with (
        parts.open_indexes(settings, encoder.dimension, read_only=False, say=output.say) as indexes,
        sync_progress() as progress,
    ):
        report = folders.run_sync(indexes, encoder, roots, settings, progress)
        if settings.sentence_vectors:
            refine(indexes.catalog, encoder)
    for failure in report.failed:
        output.say(f"Could not be read: {failure.path} ({failure.message})")
    with parts.open_indexes(settings, encoder.dimension, read_only=True) as indexes:
        yield indexes


def default_store(settings: Settings) -> Path:
    """Where the indexes are kept when no other place is named."""
    return settings.cache / "eval"


def _at(settings: Settings, folder: Path) -> Settings:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"{folder} cannot be made ({error}). Name another place for the indexes with --index."
        ) from error
    return settings.model_copy(update={"index": folder})


def _maker_digest(settings: Settings, encoder: Encoder) -> str:
    """Names all that makes an index, its documents aside."""
    asked = _dump(settings, QUERY_SETTINGS | ENCODER_ONLY_SETTINGS)
    made = (asked, encoder.fingerprint, _code_digest(INDEX_CODE))
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:12]


def _dump(settings: Settings, without: frozenset[str]) -> Any:
    return settings.model_dump(mode="json", exclude=set(without))


@cache
def _code_digest(patterns: tuple[str, ...]) -> str:
    """Names the code, so that a change of it is not measured on what the old code made."""
    root = Path(rag.__file__).parent.parent
    digest = hashlib.sha256()
    for file in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        digest.update(file.relative_to(root).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()

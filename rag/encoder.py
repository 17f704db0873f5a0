"""Embeddings with sentence-transformers: prompts, batches by token count, a fingerprint."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from rag.encoder_options import EncoderOptions, unit_rows
from rag.errors import ModelError
from rag.sharing import FairPool, Together

GPU_BATCH_TOKENS = 32_768
BATCH_TOKENS = 1024  # sorted by length, this reaches 95 % of the raw forward pass on a CPU
NUM_SPECIAL_TOKENS = 2

Vectors = npt.NDArray[np.float32]


class TextEncoder(Protocol):
    """Makes unit vectors whose inner product is the similarity of two texts."""

    dimension: int

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""


class Encoder(TextEncoder, Protocol):
    """One whose vectors an index is made of."""

    max_tokens: int
    fingerprint: str

    def token_starts(self, text: str) -> npt.NDArray[np.int64]:
        """The character at which each token of a text starts, ascending."""


def embedding_key(encoder: Encoder, context: str, text: str) -> str:
    """The name of a chunk's vector: equal texts under one encoder share it."""
    digest = hashlib.sha256()
    for part in (encoder.fingerprint, context, text):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def document_input(context: str, text: str) -> str:
    """What is encoded for a chunk: where it stands, then its text."""
    return f"{context}\n{text}" if context else text


class SentenceEncoder:
    """A sentence-transformers model, on a processor or on every GPU. Safe to share between threads.

    Raises ModelError if the folder cannot be loaded, SettingError if the options do not fit it.
    """

    def __init__(
        self,
        path: str,
        *,
        device: str = "cpu",
        num_threads: int | None = None,
        options: EncoderOptions | None = None,
    ) -> None:
        import torch
        from transformers.utils import logging

        logging.disable_progress_bar()
        options = options or EncoderOptions()
        if num_threads:
            torch.set_num_threads(num_threads)
        models = [_load_model(path, one) for one in _devices(device)]
        self._models: FairPool[Any] = FairPool(models)  # a model is used by one at a time
        self._queries = Together(lambda texts: self._encode(texts, "query"), num_groups=len(models))
        self._pool = ThreadPoolExecutor(len(models), "encode")
        self._tokenizer: Any = deepcopy(models[0].tokenizer)  # it keeps how it last padded
        self._tokenizing = threading.Lock()
        self._prompts = options.prompts(models[0].prompts)
        self._batch_tokens = BATCH_TOKENS if device == "cpu" else GPU_BATCH_TOKENS
        self.dimension = options.shortened(int(models[0].get_embedding_dimension()))
        room = int(models[0].max_seq_length or 512) - NUM_SPECIAL_TOKENS
        self.max_tokens = room - len(self._token_lists([self._prompts.document])[0])
        saved = models[0].prompts
        base = _fingerprint(Path(path), saved, self.max_tokens)
        self.fingerprint = options.fingerprint(base, saved, self._prompts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows, in the order given. Batches hold texts of like token counts."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        lengths = [min(len(ids), self.max_tokens) for ids in self._token_lists(texts)]
        batches = length_batches(lengths, self._batch_tokens)[::-1]  # the longest first
        done = self._pool.map(
            lambda batch: self._encode([texts[i] for i in batch], "document"), batches
        )
        for batch, rows in zip(batches, done, strict=True):
            vectors[batch] = rows
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self._queries(texts)

    def _encode(self, texts: list[str], kind: Literal["query", "document"]) -> Vectors:
        with self._models.using() as model:  # a question waits for no more than one batch
            # Some models send questions another way than documents, prompts aside.
            rows = getattr(model, f"encode_{kind}")(
                texts,
                prompt=getattr(self._prompts, kind),
                batch_size=len(texts),
                show_progress_bar=False,
            )
        return unit_rows(rows, self.dimension)

    def token_starts(self, text: str) -> npt.NDArray[np.int64]:
        """The character at which each token of a text starts, ascending."""
        with self._tokenizing:
            found = self._tokenizer(
                text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
            )
        return np.array([start for start, _ in found["offset_mapping"]], dtype=np.int64)

    def _token_lists(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        with self._tokenizing:
            found = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        lists: list[list[int]] = found["input_ids"]
        return lists


def _devices(device: str) -> list[str]:
    """`cuda` stands for every GPU that this process sees."""
    import torch

    if device != "cuda":
        return [device]
    return [f"cuda:{number}" for number in range(max(1, torch.cuda.device_count()))]


def _load_model(path: str, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(
            path,
            device=device,
            local_files_only=True,
            model_kwargs={"dtype": half_precision(device)},
        )
    except Exception as error:
        raise ModelError(
            f"The encoder {path} cannot be loaded ({error}). Give a sentence-transformers "
            "folder, or delete it from the cache and run `footnote models fetch`."
        ) from error


def length_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Split positions into batches of like lengths whose padded size is at most `batch_tokens`.

    A text longer than that makes a batch of its own.
    """
    batches: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = lengths[position] * (len(batches[-1]) + 1 if batches else 1)
        if batches and padded <= batch_tokens:
            batches[-1].append(position)
        else:
            batches.append([position])
    return batches


def half_precision(device: str) -> Any:
    """bfloat16 where the processor computes in it: twice as fast as float32, as good."""
    import torch

    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    has_bfloat16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if has_bfloat16 else torch.float32


def folder_fingerprint(folder: Path) -> str:
    """Names a model by its files alone, without loading it."""
    return _fingerprint(folder, {}, 0)


def _fingerprint(folder: Path, prompts: dict[str, str], max_tokens: int) -> str:
    """Names the vectors a model makes: its files, prompts and limit, not where it lies.

    Weights count by size and both ends, so that a large model opens quickly.
    """
    digest = hashlib.sha256(json.dumps([prompts, max_tokens], sort_keys=True).encode())
    for file in sorted(folder.rglob("*")):
        if file.suffix not in (".json", ".safetensors", ".bin", ".model", ".txt"):
            continue
        if file.name == "footnote.json" or not file.is_file():
            continue
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder)} {size}".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(1 << 20))
            stream.seek(max(0, size - (1 << 20)))
            digest.update(stream.read())
    return digest.hexdigest()[:32]

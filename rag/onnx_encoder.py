"""Embeddings on a processor with ONNX Runtime: int8, one text batch per core, no torch."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rag.encoder import BATCH_TOKENS, Vectors, length_batches
from rag.encoder_options import EncoderOptions, unit_rows
from rag.errors import ModelError

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
ABOUT_FILE = "encoder.json"


class OnnxEncoder:
    """A model that `onnx_export` wrote. Safe to share between threads.

    Each batch runs on one thread and several batches run at once: that is faster than one batch
    on several threads, and a question waits for no batch. Raises ModelError if the folder cannot
    be loaded, SettingError if the options do not fit it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        num_threads: int | None = None,
        options: EncoderOptions | None = None,
    ) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = options or EncoderOptions()
        running = onnxruntime.SessionOptions()
        running.intra_op_num_threads = running.inter_op_num_threads = 1
        running.log_severity_level = 3
        try:
            about = json.loads((folder / ABOUT_FILE).read_text("utf-8"))
            self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / MODEL_FILE), running, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # each library has errors of its own
            raise ModelError(
                f"The encoder in {folder} cannot be loaded ({error}). "
                "Delete that folder and run `footnote models fetch`, or set encoder_kernel = torch."
            ) from error
        self._prompts = options.prompts(about["prompts"])
        self._prefix, self._suffix = _special_ids(self._tokenizer)
        self._room = int(about["max_seq_length"]) - len(self._prefix) - len(self._suffix)
        self.pool = ThreadPoolExecutor(num_threads or _num_cores(), "encode")
        self.dimension = options.shortened(int(about["dimension"]))
        self.max_tokens = self._room - len(self._ids([self._prompts.document])[0])
        base = str(about["fingerprint"])
        self.fingerprint = options.fingerprint(base, about["prompts"], self._prompts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows, in the order given. Batches hold texts of like token counts."""
        ids = self.model_ids(texts, "document")
        batches = length_batches([len(one) for one in ids], BATCH_TOKENS)[::-1]  # longest first
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        done = self.pool.map(lambda batch: self.run([ids[i] for i in batch]), batches)
        for batch, rows in zip(batches, done, strict=True):
            vectors[batch] = rows
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, d), unit rows."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        ids = self.model_ids(texts, "query")
        for batch in length_batches([len(one) for one in ids], BATCH_TOKENS):
            vectors[batch] = self.run([ids[i] for i in batch])
        return vectors

    def token_starts(self, text: str) -> npt.NDArray[np.int64]:
        """The character at which each token of a text starts, ascending."""
        # As a batch of one: only that call lets other threads run meanwhile.
        offsets = self._tokenizer.encode_batch([text], add_special_tokens=False)[0].offsets
        return np.fromiter((start for start, _ in offsets), np.int64, len(offsets))

    def model_ids(
        self, texts: Sequence[str], prompt: Literal["query", "document"]
    ) -> list[list[int]]:
        """What the model sees of each text: prompt and special tokens in, its end cut off."""
        start = getattr(self._prompts, prompt)
        return [
            [*self._prefix, *ids[: self._room], *self._suffix]
            for ids in self._ids([start + text for text in texts])
        ]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def run(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """Token ids -> (n, d), unit rows."""
        lengths = [len(one) for one in ids]
        input_ids = np.zeros((len(ids), max(lengths)), dtype=np.int64)
        mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
        input_ids[mask > 0] = np.concatenate([np.asarray(one, np.int64) for one in ids])
        rows = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})[0]
        return unit_rows(rows, self.dimension)


def _special_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens that stand before and after a text."""
    encoding = tokenizer.encode("a")
    is_text = [not special for special in encoding.special_tokens_mask]
    first, last = is_text.index(True), len(is_text) - is_text[::-1].index(True)
    return encoding.ids[:first], encoding.ids[last:]


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""Measures how well reading, encoding and writing overlap, whatever the encoder's speed.

python -m bench.overlap ~/papers                      # as fast as a CPU encodes
python -m bench.overlap ~/papers --tokens-per-second 100000

The encoder is a stand-in that tokenizes with the real tokenizer and then sleeps as long as its
padded batches would take: so it takes no processor time from the other stages, as on a GPU, and
its busy share is what the pipeline leaves of it. `limit` is the time for all texts, sorted at once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ingest.reading import Reading
from ingest.sync import sync
from rag.config import load_settings
from rag.encoder import length_batches
from rag.indexes import Indexes
from rag.models import resolve_encoder

RESULTS = Path(__file__).resolve().parent / "results" / "overlap.json"
BATCH_TOKENS = 4096


class SleepingEncoder:
    """Sleeps for its forward pass; its vectors are random."""

    dimension = 384
    max_tokens = 500
    fingerprint = "sleeping"

    def __init__(self, tokenizer_file: Path, tokens_per_second: float) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._rate = tokens_per_second
        self._random = np.random.default_rng(0)

    def seconds_for(self, texts: Sequence[str]) -> float:
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        lengths = [min(len(one.ids), self.max_tokens) for one in found]
        batches = length_batches(lengths, BATCH_TOKENS)
        return sum(max(lengths[i] for i in batch) * len(batch) for batch in batches) / self._rate

    def encode_documents(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        started = time.monotonic()
        seconds = self.seconds_for(texts)
        time.sleep(max(0.0, seconds - (time.monotonic() - started)))
        rows = self._random.standard_normal((len(texts), self.dimension)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    encode_queries = encode_documents

    def token_starts(self, text: str) -> npt.NDArray[np.int64]:
        offsets = self._tokenizer.encode_batch([text], add_special_tokens=False)[0].offsets
        return np.fromiter((start for start, _ in offsets), np.int64, len(offsets))


def main() -> None:
    """Index the folders into a folder of their own, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("docs", type=Path, nargs="+")
    parser.add_argument("--tokens-per-second", type=float, default=20_000)
    parser.add_argument("--readers", type=int)
    options = parser.parse_args()
    settings = load_settings()
    folder = Path(resolve_encoder(settings.encoder, settings.cache, print).path)
    encoder = SleepingEncoder(folder / "tokenizer.json", options.tokens_per_second)
    roots = [docs.expanduser().resolve() for docs in options.docs]
    with (
        tempfile.TemporaryDirectory() as temporary,
        Indexes(Path(temporary) / "index", dimension=encoder.dimension, read_only=False) as indexes,
    ):
        report = sync(
            indexes,
            encoder,
            roots,
            max_file_bytes=settings.max_file_bytes,
            max_chunk_tokens=settings.chunk_tokens,
            reading=Reading(readers=options.readers),
        )
        ids = indexes.catalog.live_chunk_ids().tolist()
        texts = {text for _, text, _ in indexes.catalog.index_texts(ids)}
    limit = encoder.seconds_for(sorted(texts))
    result = {
        "command": " ".join(["python -m bench.overlap", *sys.argv[1:]]),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "documents": report.new,
        "failed": len(report.failed),
        "chunks": report.num_chunks,
        "seconds": round(report.seconds, 2),
        "limit_seconds": round(limit, 2),
        "encoder_busy_share": round(report.encoder_seconds / report.seconds, 3),
        "limit_share": round(limit / report.seconds, 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(result, indent=2))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

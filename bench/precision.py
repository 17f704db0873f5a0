"""What shorter vectors and coarser numbers cost: quality, recall, memory, time.

python -m bench.precision --workdir /tmp/footnote-precision

First nDCG@10 of dense search alone over collections in BEIR's layout, for each length and
precision of the vectors. Then large indexes with vectors drawn like real ones
(bench/index_data.py): recall@10 against exact search, how many of those ten are among the 40 that
a search fetches, size on disk (which is the size in memory), and the time of a search, of whose
repeats the best counts. With --workdir the encoder's vectors are kept for the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, get_args

import faiss
import numpy as np
import numpy.typing as npt

from bench.beir import ndcg_at_10, read_collection
from bench.index_data import LANGUAGES, Sample, VectorSource, load_sample
from rag.config import load_settings
from rag.dense import DenseIndex, Precision
from rag.encoder import Encoder
from rag.encoder_options import unit_rows
from rag.metrics import percentile
from rag.parts import open_encoder

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "precision.json"
DATA = ROOT.parent / "shared" / "data"
SETS = ("xquad-en", "xquad-zh", "xquad-zh-en", "xquad-en-zh")
PRECISIONS = [name for name in get_args(Precision) if name != "auto"]
RECALL_K, FETCHED, REPEATS = 10, 40, 3

Vectors = npt.NDArray[np.float32]


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="collections in BEIR's layout")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--dimensions", type=int, nargs="*", default=[384, 256, 128])
    parser.add_argument("--chunks", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--workdir", type=Path, help="kept")
    options = parser.parse_args()
    result: dict[str, Any] = {"command": " ".join(["python -m bench.precision", *sys.argv[1:]])}
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as temporary:
        folder = options.workdir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result["ndcg_at_10"] = {}
        remembering = _Remembering(folder)
        for name in options.sets:
            result["ndcg_at_10"][name] = _quality(
                remembering, options.data / name, options.dimensions
            )
            print(name, json.dumps(result["ndcg_at_10"][name]), flush=True)
        if options.chunks:
            faiss.omp_set_num_threads(1)
            samples = [load_sample(folder, options.data, language) for language in LANGUAGES]
            result["indexes"] = [_sized(samples, n, folder) for n in options.chunks]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"written: {RESULTS}")


class _Remembering:
    """Encodes each list of texts once, and keeps the vectors in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._encoder: Encoder | None = None

    def vectors(self, texts: list[str], kind: str) -> Vectors:
        """(n, d), unit rows; kind is documents or queries."""
        digest = hashlib.sha256("\0".join([kind, *texts]).encode()).hexdigest()[:16]
        file = self._folder / f"{digest}.npy"
        if not file.exists():
            self._encoder = self._encoder or open_encoder(
                load_settings(encoder="package:multilingual-e5-small"), print
            )
            np.save(file, getattr(self._encoder, f"encode_{kind}")(texts))
        rows: Vectors = np.load(file)
        return rows


def _quality(remembering: _Remembering, folder: Path, dimensions: list[int]) -> dict[str, Any]:
    """nDCG@10 x 100, by length and precision."""
    collection = read_collection(folder)
    documents = remembering.vectors(collection.documents, "documents")
    queries = remembering.vectors(collection.queries, "queries")
    figures: dict[str, Any] = {}
    for dimension in dimensions:
        rows, asked = unit_rows(documents, dimension), unit_rows(queries, dimension)
        for precision in PRECISIONS:
            index = _filled(rows, precision, exact_limit=len(rows))
            scores = asked @ index.vectors(np.arange(len(rows))).T
            value = 100 * float(np.mean(ndcg_at_10(scores, collection.relevant)))
            figures[f"{dimension} {precision}"] = round(value, 2)
    return figures


def _filled(rows: Vectors, precision: Precision, *, exact_limit: int) -> DenseIndex:
    """An index as it would be after all of the rows have come."""
    index = DenseIndex(rows.shape[1], exact_limit=exact_limit, precision=precision)
    index.apply(range(len(rows)), rows, [])
    is_coarse = precision == "int8" and index.held_precision != "int8"
    return index.grown() if index.is_outgrown or is_coarse else index


def _sized(samples: list[Sample], num_chunks: int, folder: Path) -> dict[str, Any]:
    """The figures of one size, by precision."""
    chance = np.random.default_rng(4)
    sources = [VectorSource(sample.passage_vectors) for sample in samples]
    share = num_chunks // len(sources)
    rows = np.concatenate([source.draw(share, chance) for source in sources])
    questions = np.concatenate([sample.question_vectors for sample in samples])
    truth = np.argsort(-(questions @ rows.T), axis=1)[:, :RECALL_K]
    figures: dict[str, Any] = {"chunks": num_chunks}
    for precision in PRECISIONS:
        index = _filled(rows, precision, exact_limit=50_000)
        file = folder / "index.faiss"
        index.save(file)
        figures[precision] = {
            "is_flat": index.is_flat,
            "mb": round(file.stat().st_size / 1e6, 1),
            "recall_at_10": _recall(index, questions, truth, RECALL_K),
            "of_10_among_40": _recall(index, questions, truth, FETCHED),
            **_core_ms(index, questions[::6]),
        }
        file.unlink()
        print(num_chunks, precision, json.dumps(figures[precision]), flush=True)
    return figures


def _recall(index: DenseIndex, questions: Vectors, truth: npt.NDArray[np.int64], k: int) -> float:
    """How many of the exactly nearest are among the first k."""
    found = 0
    for question, exact in zip(questions, truth, strict=True):
        found += len({i for i, _ in index.search(question, k)} & set(exact.tolist()))
    return round(found / truth.size, 4)


def _core_ms(index: DenseIndex, questions: Vectors) -> dict[str, float]:
    """Milliseconds of processor time, which other work touches least; on one thread."""
    best = []
    for question in questions:
        times = []
        for _ in range(REPEATS):
            started = time.process_time()
            index.search(question, FETCHED)
            times.append(1000 * (time.process_time() - started))
        best.append(min(times))
    return {
        "p50_core_ms": round(percentile(best, 0.5), 2),
        "p95_core_ms": round(percentile(best, 0.95), 2),
    }


if __name__ == "__main__":
    main()

"""Compares the encoder's kernels on this machine: speed, a question's latency, and quality.

python -m bench.encoder                                # speed and latency over xquad's paragraphs
python -m bench.encoder --quality xquad-en xquad-zh    # and nDCG@10 over these collections

Kernels take turns, and the best of the rounds counts. CPU seconds say more than the clock's where
other work runs on the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from bench.beir import ndcg_at_10, read_collection
from rag.config import load_settings
from rag.encoder import Encoder, SentenceEncoder
from rag.models import resolve_encoder
from rag.onnx_encoder import OnnxEncoder
from rag.onnx_export import prepare_onnx

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "encoder.json"
DATA = ROOT.parent / "shared" / "data"
QUESTION = "How long is the warranty of the pump, and who pays for the parts?"


def main() -> None:
    """Load every kernel, measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="collections in BEIR's layout")
    parser.add_argument("--quality", nargs="*", default=[], help="names of collections")
    parser.add_argument("--kernels", nargs="*", default=["torch-fp32", "torch", "onnx"])
    parser.add_argument("--texts", type=int, default=60, help="paragraphs of each language")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    settings = load_settings()
    folder = Path(resolve_encoder(settings.encoder, settings.cache, print).path)
    openers: dict[str, Callable[[], Encoder]] = {
        "torch-fp32": lambda: _torch_float32(str(folder), settings.num_threads),
        "torch": lambda: SentenceEncoder(str(folder), num_threads=settings.num_threads),
        "onnx": lambda: OnnxEncoder(
            prepare_onnx(folder, settings.cache, print), num_threads=settings.num_threads
        ),
    }
    encoders = {name: openers[name]() for name in options.kernels}
    result: dict[str, Any] = {
        "command": " ".join(["python -m bench.encoder", *sys.argv[1:]]),
        "speed": measure_speed(encoders, _texts(options.data, options.texts), options.rounds),
        "quality": {},
    }
    remembering = {name: _Remembering(encoder) for name, encoder in encoders.items()}
    for name in options.quality:
        result["quality"][name] = measure_quality(remembering, options.data / name)
        print(name, json.dumps(result["quality"][name]))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"written: {RESULTS}")


def _torch_float32(folder: str, num_threads: int | None) -> SentenceEncoder:
    import torch

    with mock.patch("rag.encoder.half_precision", lambda device: torch.float32):
        return SentenceEncoder(folder, num_threads=num_threads)


def _texts(data: Path, count: int) -> list[str]:
    """Paragraphs in English and Chinese, in turn."""
    english, chinese = (
        read_collection(data / name).documents[:count] for name in ("xquad-en", "xquad-zh")
    )
    return [text for pair in zip(english, chinese, strict=True) for text in pair]


def measure_speed(
    encoders: dict[str, Encoder], texts: list[str], num_rounds: int
) -> dict[str, dict[str, float]]:
    """Tokens a second by the clock and of processor time, and a question's milliseconds."""
    first = next(iter(encoders.values()))
    num_tokens = sum(len(first.token_starts(text)) for text in texts)
    best: dict[str, dict[str, float]] = {}
    for _ in range(num_rounds):
        for name, encoder in encoders.items():
            clock, processor = time.perf_counter(), time.process_time()
            encoder.encode_documents(texts)
            clock, processor = time.perf_counter() - clock, time.process_time() - processor
            figures = {
                "tokens_per_second": num_tokens / clock,
                "tokens_per_cpu_second": num_tokens / processor,
                "question_ms": -_question_ms(encoder),
            }
            held = best.setdefault(name, figures)
            best[name] = {key: max(held[key], value) for key, value in figures.items()}
    for name, figures in best.items():
        best[name] = {key: round(abs(value), 1) for key, value in figures.items()}
        print(name, json.dumps(best[name]))
    return best


def _question_ms(encoder: Encoder) -> float:
    times = []
    for _ in range(9):
        started = time.perf_counter()
        encoder.encode_queries([QUESTION])
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


class _Remembering:
    """Encodes each text once: collections share their paragraphs and questions."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[tuple[str, str], Any] = {}

    def vectors(self, texts: list[str], kind: str) -> Any:
        """(n, d), unit rows; kind is documents or queries."""
        fresh = list(dict.fromkeys(text for text in texts if (kind, text) not in self._known))
        rows = getattr(self._encoder, f"encode_{kind}")(fresh)
        self._known.update({(kind, text): row for text, row in zip(fresh, rows, strict=True)})
        return np.stack([self._known[kind, text] for text in texts])


def measure_quality(encoders: dict[str, _Remembering], folder: Path) -> dict[str, dict[str, float]]:
    """nDCG@10 x 100 of every kernel, and its difference to the first one's."""
    collection = read_collection(folder)
    figures: dict[str, dict[str, float]] = {}
    for name, encoder in encoders.items():
        documents = encoder.vectors(collection.documents, "documents")
        scores = encoder.vectors(collection.queries, "queries") @ documents.T
        value = 100 * float(np.mean(ndcg_at_10(scores, collection.relevant)))
        base = next(iter(figures.values()), {"ndcg": value})["ndcg"]
        figures[name] = {"ndcg": round(value, 2), "difference": round(value - base, 2)}
    return figures


if __name__ == "__main__":
    main()

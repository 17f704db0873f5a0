"""The stages of bench/index.py, each a process: build, query, change."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.index_data import LANGUAGES, Sample, TextSource, VectorSource, load_sample
from rag import dense as dense_module
from rag.catalog import Catalog
from rag.dense_follower import DenseFollower
from rag.indexes import CATALOG_FILE, DENSE_FILE, Indexes
from rag.metrics import percentile
from rag.retriever import MIN_FETCHED, Retriever
from rag.types import Chunk

DOCUMENT_CHUNKS = 50
CHUNK_SENTENCES = 5  # each has the chunk's vector: it is the time to read them that counts
BLOCK_CHUNKS = 10_000  # drawn at once, all in one language
RECALL_K = 10
TIMED_QUERIES = 100  # of each language
REPEATS = 3
CHANGES = 7
PROBED_LISTS = (64, 96, 128, 192)

Vectors = npt.NDArray[np.float32]


class GivenVectors:
    """An encoder that knows the vectors of some questions by heart."""

    max_tokens = 500
    fingerprint = "bench"

    def __init__(self, samples: list[Sample]) -> None:
        self.dimension = samples[0].question_vectors.shape[1]
        self._known = {
            text: row
            for sample in samples
            for text, row in zip(sample.questions, sample.question_vectors, strict=True)
        }

    def encode_documents(self, texts: Any) -> Vectors:
        raise NotImplementedError

    def token_starts(self, text: str) -> Any:
        raise NotImplementedError

    def encode_queries(self, texts: Any) -> Vectors:
        mean = np.mean(list(self._known.values()), axis=0)  # what the retriever's probes have
        return np.stack([self._known.get(text, mean) for text in texts])


# Building


def build(folder: Path, samples: list[Sample], num_chunks: int) -> dict[str, Any]:
    """Fill the catalog, then make both indexes from it."""
    place = folder / str(num_chunks) / "index"
    place.mkdir(exist_ok=True)
    dimension = samples[0].question_vectors.shape[1]
    catalog_s = _fill(place / CATALOG_FILE, samples, num_chunks)
    with Catalog(place / CATALOG_FILE) as catalog:
        started = time.monotonic()
        follower = DenseFollower(catalog, place / DENSE_FILE, dimension, read_only=False)
        follower.save()
        dense_s = time.monotonic() - started
        del follower
    started = time.monotonic()
    indexes = Indexes(place, dimension=dimension, read_only=False)
    lexical_s = time.monotonic() - started
    started = time.monotonic()
    indexes.close()
    return {
        "catalog_build_s": round(catalog_s, 1),
        "dense_build_s": round(dense_s, 1),
        "lexical_build_s": round(lexical_s + time.monotonic() - started, 1),
        "build_peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "vector_bytes": num_chunks * dimension * 4,
    }


def _fill(path: Path, samples: list[Sample], num_chunks: int) -> float:
    """Put documents until there are enough chunks, exact neighbours beside; seconds of putting."""
    questions = np.concatenate([sample.question_vectors for sample in samples])
    truth = _Truth(questions)
    seconds = 0.0
    path.unlink(missing_ok=True)
    with Catalog(path) as catalog:
        first_id = 1
        for texts, vectors, language in _drawn(samples, num_chunks):
            started = time.monotonic()
            for start in range(0, len(texts), DOCUMENT_CHUNKS):
                end = start + DOCUMENT_CHUNKS
                number = first_id + start
                put(catalog, f"/{number}.txt", texts[start:end], vectors[start:end], language)
            seconds += time.monotonic() - started
            truth.add(vectors, first_id)
            first_id += len(texts)
        assert int(catalog.live_chunk_ids()[-1]) == num_chunks
    np.save(path.parent.parent / "truth.npy", truth.ids)
    return seconds


def _drawn(samples: list[Sample], num_chunks: int) -> Iterator[tuple[list[str], Vectors, str]]:
    """Blocks of texts and their vectors, the languages in turn."""
    sources = [
        (TextSource(sample.passages, 3), VectorSource(sample.passage_vectors), sample.language)
        for sample in samples
    ]
    chance = np.random.default_rng(4)
    block = min(BLOCK_CHUNKS, num_chunks // len(samples))
    for number in range(num_chunks // block):
        texts, vectors, language = sources[number % len(sources)]
        yield [texts.draw() for _ in range(block)], vectors.draw(block, chance), language


def put(catalog: Catalog, path: str, texts: list[str], vectors: Vectors, language: str) -> None:
    """Store passages as one document."""
    chunks, start = [], 0
    for text in texts:
        chunks.append(Chunk(start, start + len(text), text, path, (path,), None, language))
        start += len(text) + 1
    keys = [hashlib.sha256(f"{path}/{n}".encode()).hexdigest() for n in range(len(texts))]
    catalog.put_document(
        path, path, "0" * 64, start, 1, "\n".join(texts), chunks, keys,
        dict(zip(keys, vectors, strict=True)),
    )  # fmt: skip
    sentences = (np.repeat(vector[None], CHUNK_SENTENCES, axis=0) for vector in vectors)
    catalog.put_sentences(zip(keys, sentences, strict=True))


class _Truth:
    """The exact nearest chunks of the questions, found while the vectors are drawn."""

    def __init__(self, questions: Vectors) -> None:
        self._questions = questions
        self._scores = np.full((len(questions), RECALL_K), -np.inf, dtype=np.float32)
        self.ids = np.zeros((len(questions), RECALL_K), dtype=np.int64)

    def add(self, vectors: Vectors, first_id: int) -> None:
        scores = np.hstack([self._scores, self._questions @ vectors.T])
        new = np.broadcast_to(np.arange(len(vectors)) + first_id, (len(scores), len(vectors)))
        ids = np.hstack([self.ids, new])
        best = np.argpartition(-scores, RECALL_K, axis=1)[:, :RECALL_K]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self.ids = np.take_along_axis(ids, best, axis=1)


# Asking


def query(folder: Path, samples: list[Sample], num_chunks: int) -> dict[str, Any]:
    """Open as a reader does; latencies of real questions; recall of the dense index."""
    place = folder / str(num_chunks)
    encoder = GivenVectors(samples)
    before = _memory_mb()
    started = time.monotonic()
    with Indexes(place / "index", dimension=encoder.dimension, read_only=True) as indexes:
        open_s = time.monotonic() - started
        retriever = Retriever(indexes, encoder)
        asked = [text for sample in samples for text in sample.questions[:TIMED_QUERIES]]
        started = time.monotonic()
        retriever.search(asked[0], 10)
        first_s = time.monotonic() - started
        rows = {text: encoder.encode_queries([text]) for text in asked}
        figures: dict[str, Any] = {"open_s": round(open_s, 2), "first_query_s": round(first_s, 2)}
        dense, lexical = indexes.dense, indexes.lexical
        figures |= _latency("dense", asked, lambda text: dense.search(rows[text], MIN_FETCHED))
        figures |= _latency("lexical", asked, lambda text: lexical.search(text, MIN_FETCHED))
        figures |= _latency("hybrid", asked, lambda text: retriever.search(text, 10))
        truth = np.load(place / "truth.npy")
        figures["recall_at_10"] = _recall(indexes, samples, truth)
        figures["dense_is_exact"] = dense.is_exact
        if not dense.is_exact:
            figures["by_probed_lists"] = _by_probed_lists(indexes, samples, truth)
    figures["memory_mb"] = round(_memory_mb() - before)
    sizes = {file: file.stat().st_size for file in (place / "index").rglob("*") if file.is_file()}
    figures["disk_mb"] = {
        "catalog": _disk_mb(sizes, "catalog"), "dense": _disk_mb(sizes, "dense"),
        "lexical": _disk_mb(sizes, "lexical"),
    }  # fmt: skip
    return figures


def _disk_mb(sizes: dict[Path, int], part: str) -> int:
    return round(sum(n for file, n in sizes.items() if f"/index/{part}" in str(file)) / 1e6)


def _latency(name: str, asked: list[Any], ask: Callable[[Any], Any]) -> dict[str, float]:
    best = []
    for text in asked:
        times = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            ask(text)
            times.append(1000 * (time.perf_counter() - started))
        best.append(min(times))
    return {
        f"{name}_p50_ms": round(percentile(best, 0.5), 2),
        f"{name}_p95_ms": round(percentile(best, 0.95), 2),
    }


def _recall(indexes: Indexes, samples: list[Sample], truth: npt.NDArray[np.int64]) -> float:
    questions = np.concatenate([sample.question_vectors for sample in samples])
    found = 0
    for row, exact in zip(questions, truth, strict=True):
        hits = indexes.dense.search(row, RECALL_K)
        found += len({chunk_id for chunk_id, _ in hits} & set(exact.tolist()))
    return round(found / truth.size, 4)


def _by_probed_lists(
    indexes: Indexes, samples: list[Sample], truth: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Recall and latency when a search looks into fewer or more lists."""
    usual = dense_module.PROBED_LISTS
    rows = [row for sample in samples for row in sample.question_vectors[: TIMED_QUERIES // 4]]
    found = {}
    for num_lists in PROBED_LISTS:
        dense_module.PROBED_LISTS = num_lists
        times = _latency("dense", rows, lambda row: indexes.dense.search(row, MIN_FETCHED))
        found[str(num_lists)] = times | {"recall_at_10": _recall(indexes, samples, truth)}
    dense_module.PROBED_LISTS = usual
    return found


def _memory_mb() -> float:
    """The resident memory of this process just now."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1e3
    raise OSError("/proc/self/status names no VmRSS")


# Changing


def change(folder: Path, samples: list[Sample], num_chunks: int) -> dict[str, Any]:
    """One document more, then one fewer, several times; then a save."""
    place = folder / str(num_chunks) / "index"
    encoder = GivenVectors(samples)
    sample = samples[0]
    texts = sample.passages[-DOCUMENT_CHUNKS:]
    vectors = VectorSource(sample.passage_vectors).draw(len(texts), np.random.default_rng(5))
    adds, deletes, afters = [], [], []
    started = time.monotonic()
    with Indexes(place, dimension=encoder.dimension, read_only=False) as indexes:
        open_s = time.monotonic() - started
        retriever = Retriever(indexes, encoder)
        retriever.search(sample.questions[0], 10)
        for _ in range(CHANGES):
            started = time.monotonic()
            put(indexes.catalog, "/new.txt", texts, vectors, sample.language)
            indexes.catch_up()
            adds.append(time.monotonic() - started)
            started = time.monotonic()
            retriever.search(sample.questions[0], 10)
            afters.append(time.monotonic() - started)
            started = time.monotonic()
            indexes.catalog.delete_document("/new.txt")
            indexes.catch_up()
            deletes.append(time.monotonic() - started)
            indexes.catalog.prune_embeddings()
        started = time.monotonic()
        indexes.save()
        save_s = time.monotonic() - started
    return {
        "writer_open_s": round(open_s, 2),
        f"add_{DOCUMENT_CHUNKS}_chunks_ms": round(1000 * min(adds), 1),
        f"delete_{DOCUMENT_CHUNKS}_chunks_ms": round(1000 * min(deletes), 1),
        "first_query_after_change_ms": round(1000 * min(afters), 1),
        "save_s": round(save_s, 2),
    }


def main() -> None:
    """`STAGE WORKDIR DATA CHUNKS`: run the stage and write its figures into the work folder."""
    stage, folder, data, num_chunks = sys.argv[1:]
    samples = [load_sample(Path(folder), Path(data), language) for language in LANGUAGES]
    stages = {"build": build, "query": query, "change": change}
    figures = stages[stage](Path(folder), samples, int(num_chunks))
    file = Path(folder) / num_chunks / f"{stage}.json"
    file.write_text(json.dumps(figures), "utf-8")


if __name__ == "__main__":
    main()

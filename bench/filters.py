"""Measures filtered searches on an index that bench.index has built: resolving, FAISS, tantivy.

python -m bench.filters --workdir /tmp/footnote-index --chunks 1000000

The questions are real; a latency is the best of three repeats of one question, p50 and p95 are over
the questions. `first_ms` is the first question with a filter, `again_ms` the next one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.index_data import LANGUAGES, Sample, load_sample
from rag.dense import DenseIndex
from rag.filters import Filters
from rag.id_set import IdSet
from rag.indexes import DENSE_FILE, Indexes
from rag.language_groups import LanguageGroups
from rag.where import Where

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = 15  # of each language
REPEATS = 3
K = 40


def main() -> None:
    """Measure every filter, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True, help="of bench.index")
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--name", default="filters", help="of the result file")
    options = parser.parse_args()
    samples = [load_sample(options.workdir, options.data, language) for language in LANGUAGES]
    folder = options.workdir / str(options.chunks) / "index"
    dimension = DenseIndex.load(folder / DENSE_FILE).dimension
    with Indexes(folder, dimension=dimension, read_only=True) as indexes:
        rows = _measured(indexes, samples)
    result = {
        "command": f"python -m bench.filters --workdir WORKDIR --chunks {options.chunks}",
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
        "chunks": options.chunks,
        "k": K,
        "filters": rows,
    }
    path = ROOT / "bench" / "results" / f"{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"written: {path}")


def _measured(indexes: Indexes, samples: list[Sample]) -> list[dict[str, Any]]:
    languages = LanguageGroups(indexes.catalog)
    languages.chunks_in(LANGUAGES)  # what every hybrid search has read before
    filters = Filters(indexes.catalog, languages)
    rows = [_row("no filter", indexes, samples, None, ())]
    for name, where in _filters(indexes).items():
        first_ms, allowed = _timed(lambda where=where: filters.allowed(where))  # type: ignore[misc]
        again_ms, _ = _timed(lambda where=where: filters.allowed(where))  # type: ignore[misc]
        row = _row(name, indexes, samples, allowed.ids, where.languages)
        rows.append({**row, "first_ms": round(first_ms, 1), "again_ms": round(again_ms, 2)})
        print(rows[-1], flush=True)
    chance, greatest = random.Random(3), int(indexes.dense.ids()[-1])
    for count in (1_000, 100_000):
        if count < len(indexes.dense):
            ids = IdSet(chance.sample(range(1, greatest), count))
            rows.append(_row(f"{count} ids by chance", indexes, samples, ids, ()))
            print(rows[-1], flush=True)
    return rows


def _filters(indexes: Indexes) -> dict[str, Where]:
    chance = random.Random(2)
    documents = [document_id for document_id, _ in indexes.catalog.find_documents()]
    return {
        "1 document": Where(documents=documents[:1]),
        "20 documents": Where(documents=chance.sample(documents, 20)),
        "1 % of the documents": Where(documents=chance.sample(documents, len(documents) // 100)),
        "half of the documents": Where(documents=chance.sample(documents, len(documents) // 2)),
        "glob 1*": Where(globs=["1*"]),
        "type text": Where(types=["text"]),
        "before 1960": Where(before="1960"),  # type: ignore[arg-type]
        "language zh": Where(languages=["zh"]),
        "language zh, glob 1*": Where(languages=["zh"], globs=["1*"]),
    }


def _row(
    name: str, indexes: Indexes, samples: list[Sample], ids: IdSet | None, languages: Any
) -> dict[str, Any]:
    questions = [question for sample in samples for question in sample.questions[:QUESTIONS]]
    vectors = [vector for sample in samples for vector in sample.question_vectors[:QUESTIONS]]
    words = [
        _best_ms(lambda q=q: indexes.lexical.search(q, K, ids, languages))  # type: ignore[misc]
        for q in questions
    ]
    meaning = [_best_ms(lambda v=v: indexes.dense.search(v, K, ids)) for v in vectors]  # type: ignore[misc]
    return {
        "filter": name,
        "allowed": None if ids is None else len(ids),
        "runs": None if ids is None else len(ids.runs()),
        "lexical_p50_ms": round(float(np.percentile(words, 50)), 1),
        "lexical_p95_ms": round(float(np.percentile(words, 95)), 1),
        "dense_p50_ms": round(float(np.percentile(meaning, 50)), 1),
        "dense_p95_ms": round(float(np.percentile(meaning, 95)), 1),
    }


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = action()
    return (time.perf_counter() - started) * 1000, result


def _best_ms(action: Callable[[], Any]) -> float:
    return min(_timed(action)[0] for _ in range(REPEATS))


if __name__ == "__main__":
    main()

"""Builds indexes of many sizes and measures them: time, memory, disk, latency, recall.

python -m bench.index --chunks 10000 100000 1000000 --workdir /tmp/footnote-index

Passages and vectors are drawn like real ones (bench/index_data.py); the questions are real and were
never drawn from. A latency is the best of several repeats of one query, so that other work on the
machine counts as little as can be; p50 and p95 are over the queries. Each size runs in processes of
its own; with --workdir a run that was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.index_data import LANGUAGES, load_sample
from bench.index_plot import write_plot

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
AIMS = {
    "recall_at_10": 0.98,
    "dense_p95_ms": 15,
    "lexical_p95_ms": 20,
    "hybrid_p95_ms": 40,
    "memory_of_vectors": 1.5,
    "open_s": 3,
}


def main() -> None:
    """Measure every size, print and write the figures and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--workdir", type=Path, help="kept, and taken up again")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--again", action="store_true", help="measure again what is built")
    parser.add_argument("--name", default="index", help="of the result file")
    options = parser.parse_args()
    folder = options.workdir or Path(tempfile.mkdtemp(prefix="footnote-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for language in LANGUAGES:
            load_sample(folder, options.data, language)
        rows = [_measured(folder, options.data, n, options.again) for n in options.chunks]
    finally:
        if options.workdir is None:
            shutil.rmtree(folder)
    result = {
        "command": " ".join(["python -m bench.index", *sys.argv[1:]]),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {sys.version.split()[0]}",
        "data": "half English, half Chinese; see bench/index_data.py",
        "aims_at_1000000": AIMS,
        "sizes": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    write_plot(rows, path.with_suffix(".svg"))
    print(f"written: {path} and {path.with_suffix('.svg').name}")


def _measured(folder: Path, data: Path, num_chunks: int, again: bool) -> dict[str, Any]:
    """The figures of one size, from its own processes or from an earlier run."""
    place = folder / str(num_chunks)
    place.mkdir(exist_ok=True)
    figures: dict[str, Any] = {"chunks": num_chunks}
    for stage in ("build", "query", "change"):
        file = place / f"{stage}.json"
        if not file.exists() or (again and stage != "build"):
            command = [sys.executable, "-m", "bench.index_stages", stage, str(folder), str(data)]
            subprocess.run([*command, str(num_chunks)], check=True)
        figures |= json.loads(file.read_text("utf-8"))
    vectors = figures.pop("vector_bytes")
    figures["vectors_mb"] = round(vectors / 1e6, 1)
    figures["memory_of_vectors"] = round(figures["memory_mb"] * 1e6 / vectors, 2)
    print(json.dumps(figures, indent=1), flush=True)
    return figures


if __name__ == "__main__":
    main()

"""Measures ingest: against the encoder alone, against other frameworks, and on unchanged folders.

python -m bench.ingest --peer-python langchain=peers/langchain/bin/python
python -m bench.ingest --docs ~/papers --name papers --files 0

All of it in one run, over the same folder, with the same encoder. `limit` is the encoder's forward
pass over the same chunks, tokenized and sorted beforehand. Peers run in environments of their own,
which `--peer-python` names; `--peers` prints how to make them. They encode with
sentence-transformers, because that is what they offer for a folder on disk.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.ingest_peers import PEERS
from bench.raw_forward import prepare_forward
from ingest.sync import SyncReport
from rag import parts
from rag.config import Settings, load_settings
from rag.documents import run_sync
from rag.encoder import Encoder
from rag.indexes import Indexes

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PEER_SECONDS = 3600


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, nargs="+", default=[ROOT / "data"], metavar="FOLDER")
    parser.add_argument("--name", default="ingest", help="of the file of results")
    parser.add_argument("--rounds", type=int, default=3, help="ours and the limit take turns")
    parser.add_argument("--files", type=int, default=10_000, help="unchanged ones; 0: skip")
    parser.add_argument("--peer-python", nargs="*", default=[], metavar="NAME=PATH")
    parser.add_argument("--peers", action="store_true", help="print how to make environments")
    options = parser.parse_args()
    if options.peers:
        print_peers()
        return
    settings = load_settings()
    encoder = parts.open_encoder(settings, print)
    roots = [folder.resolve() for folder in options.docs]
    result: dict[str, Any] = {
        "command": " ".join(["python -m bench.ingest", *sys.argv[1:]]),
        "encoder": type(encoder).__name__,
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "ours": measure_ours(encoder, settings, roots, options.rounds),
        "peers": measure_peers(options.peer_python, settings, roots),
    }
    if options.files:
        result["unchanged"] = measure_unchanged(encoder, settings, options.files)
    print(json.dumps(result, indent=1))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"written: {path}")


def print_peers() -> None:
    """The commands that make an environment for each peer, with the torch that we use."""
    torch = importlib.metadata.version("torch").split("+")[0]
    for name, peer in PEERS.items():
        packages = " ".join((f"torch=={torch}", *peer.packages))
        print(f"python -m venv peers/{name} && peers/{name}/bin/pip install {packages}")


class _Index:
    """A fresh index in a folder of its own."""

    def __init__(self, dimension: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="footnote-ingest-"))
        self.indexes = Indexes(self.folder, dimension=dimension, read_only=False)

    def __enter__(self) -> Indexes:
        return self.indexes

    def __exit__(self, *_: Any) -> None:
        self.indexes.close()
        shutil.rmtree(self.folder)


def measure_ours(
    encoder: Encoder, settings: Settings, roots: list[Path], num_rounds: int
) -> dict[str, Any]:
    """A whole sync into a fresh index, and the limit, in turns; medians."""
    ours, limits, report, num_tokens, num_texts = [], [], SyncReport(), 0, 0
    for _ in range(num_rounds):
        with _Index(encoder.dimension) as indexes:
            seconds, report = timed(lambda: run_sync(indexes, encoder, roots, settings))
            ours.append(seconds)
            ids = indexes.catalog.live_chunk_ids().tolist()
            rows = indexes.catalog.index_texts(ids)
        texts = list(dict.fromkeys(text.lstrip("\n") for _, text, _ in rows))
        forward, num_tokens = prepare_forward(encoder, texts)
        limits.append(timed(forward)[0])
        num_texts = len(texts)
        print(f"ours {ours[-1]:.1f} s, limit {limits[-1]:.1f} s", flush=True)
    seconds, limit = statistics.median(ours), statistics.median(limits)
    shares = [alone / whole for whole, alone in zip(ours, limits, strict=True)]
    return {
        "documents": report.new,
        "failed": len(report.failed),
        "chunks": report.num_chunks,
        "texts_encoded": num_texts,
        "tokens": num_tokens,
        "seconds": round(seconds, 2),
        "limit_seconds": round(limit, 2),
        "share_of_limit": round(statistics.median(shares), 3),
        "chunks_per_second": round(report.num_chunks / seconds, 1),
        "tokens_per_second": round(num_tokens / seconds),
        "limit_tokens_per_second": round(num_tokens / limit),
    }  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds by the clock, and what came out."""
    started = time.perf_counter()
    value = work()
    return time.perf_counter() - started, value


def measure_peers(pythons: list[str], settings: Settings, roots: list[Path]) -> dict[str, Any]:
    """Each peer over the same folders, in its own process; the import is not counted."""
    from rag.models import resolve_encoder

    encoder = resolve_encoder(settings.encoder, settings.cache, print).path
    given = dict(entry.split("=", 1) for entry in pythons)
    if unknown := given.keys() - PEERS.keys():
        sys.exit(f"--peer-python knows {', '.join(PEERS)}, not {', '.join(sorted(unknown))}.")
    results: dict[str, Any] = {}
    for name in PEERS:
        if name not in given:
            results[name] = {"skipped": "no --peer-python for it; --peers prints how to make one"}
            continue
        command = [given[name], "-P", str(ROOT / "bench" / "ingest_peers.py"), name, encoder]
        command += [str(settings.chunk_tokens), *map(str, roots)]
        print(f"{name} ...", flush=True)
        done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_SECONDS)
        lines = done.stdout.strip().splitlines()
        if done.returncode or not lines:
            results[name] = {"failed": done.stderr.strip().splitlines()[-1:]}
        else:
            results[name] = json.loads(lines[-1])
        print(f"{name}: {results[name]}", flush=True)
    return results


def measure_unchanged(encoder: Encoder, settings: Settings, num_files: int) -> dict[str, Any]:
    """Seconds of a sync that has nothing to do, and until one changed file is found."""
    folder = Path(tempfile.mkdtemp(prefix="footnote-files-"))
    try:
        for number in range(num_files):
            # A hundred texts: what is measured is not the encoder.
            path = folder / f"{number // 100:03d}" / f"note-{number}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"Note {number % 100}: the pump stands in hall {number % 100}.\n")
        with _Index(encoder.dimension) as indexes:
            first = timed(lambda: run_sync(indexes, encoder, [folder], settings))[0]
            again = [
                timed(lambda: run_sync(indexes, encoder, [folder], settings)) for _ in range(3)
            ]
            assert all(report.unchanged == num_files for _, report in again)
            changed = folder / "000" / "note-7.txt"
            changed.write_text("The turbine of Zweibrücken was repaired in October.\n")
            seconds, found = timed(lambda: _sync_and_find(indexes, encoder, folder, settings))
            assert found == str(changed), found
        return {
            "files": num_files,
            "first_sync_seconds": round(first, 2),
            "noop_sync_seconds": round(min(seconds for seconds, _ in again), 3),
            "one_changed_searchable_seconds": round(seconds, 3),
        }
    finally:
        shutil.rmtree(folder)


def _sync_and_find(
    indexes: Indexes, encoder: Encoder, folder: Path, settings: Settings
) -> str | None:
    from rag.retriever import Retriever

    run_sync(indexes, encoder, [folder], settings)
    hits = Retriever(indexes, encoder).search("Which turbine was repaired?", top_k=1)
    return hits[0].chunk.path if hits else None


if __name__ == "__main__":
    main()

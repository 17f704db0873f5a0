"""Measures retrieval on the sets in ../shared/data, in each mode, and beside other frameworks.

python -m bench.retrieval
python -m bench.retrieval --sets xquad-zh law-zh tenq-pdf --modes hybrid --set chunk_tokens=200
python -m bench.retrieval --sets xquad-zh --peer-python txtai=peers/txtai/bin/python

Figures go into bench/results/retrieval.json, set by set; a set that is not measured keeps those
it had. Indexes, vectors and peers' runs are kept in --index, so that a run that was cut short goes
on where it was. `gain` is hybrid minus the better of dense and lexical, with its significance.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.retrieval_files import finds_file, finds_quote, read_questions
from bench.retrieval_peers import PEERS
from rag.config import load_settings
from rag.evaluation.datasets import Dataset, read_dataset
from rag.evaluation.experiment import Configuration, evaluate, make_configuration, make_search
from rag.evaluation.indexing import Encoders, default_store, open_folder_index
from rag.evaluation.measures import means, measure_run
from rag.evaluation.report import difference_json, differences
from rag.evaluation.results import Result
from rag.evaluation.runs import read_run, time_queries
from rag.metrics import percentile

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results"
COLLECTIONS = (
    "xquad-en", "xquad-zh", "xquad-zh-en", "xquad-en-zh", "cmrc2018-zh", "law-zh", "scifact-en",
)  # fmt: skip
MERGED = ("xquad-en", "xquad-zh-en", "xquad-zh", "xquad-en-zh")
FILE_SETS = ("tenq-pdf", "gitlab-handbook")
SETS = (*COLLECTIONS, "merged", *FILE_SETS)
MODES = ("hybrid", "dense", "lexical")
PEER_SECONDS = 7200

Rewrite = Callable[[str], str]  # a question as it is asked -> as it is searched


def main() -> None:
    """Measure, print, and write the figures after each set."""
    options = parse_options()
    settings = load_settings()
    encoders = Encoders(options.index or default_store(settings))
    path = RESULTS / f"{options.name}.json"
    RESULTS.mkdir(exist_ok=True)
    written = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in options.sets:
        configurations = [
            make_configuration(mode, [*options.settings, f"mode={mode}"]) for mode in options.modes
        ]
        load = round(os.getloadavg()[0], 1)
        figures = measure_set(name, configurations, encoders)
        if name in COLLECTIONS and options.peer_python:
            figures["peers"] = measure_peers(options.peer_python, name, encoders.store)
        about = {"settings": options.settings, "cores": num_cores(), "load_before": load}
        written[name] = {**written.get(name, {}), **about, **figures}
        print(json.dumps({name: figures}, indent=1), flush=True)
        path.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    encoders.close()
    print(f"written: {path}")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--index", type=Path, help="where indexes are kept [in the user's cache]")
    parser.add_argument("--name", default="retrieval", help="of the file of results")
    parser.add_argument("--peer-python", nargs="*", default=[], metavar="NAME=PATH")
    return parser.parse_args()


def num_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def measure_set(
    name: str, configurations: Sequence[Configuration], encoders: Encoders
) -> dict[str, Any]:
    """The figures of one set, by mode."""
    if name in FILE_SETS:
        return {one.name: measure_files(name, one, encoders) for one in configurations}
    names = MERGED if name == "merged" else (name,)
    datasets = [read_dataset(DATA / one) for one in names]
    results = list(_results(datasets, configurations, encoders))
    if name != "merged":
        return _by_mode(results)
    return {
        dataset.name: _by_mode([one for one in results if one.dataset == dataset.name])
        for dataset in datasets
    }


def _results(
    datasets: Sequence[Dataset], configurations: Sequence[Configuration], encoders: Encoders
) -> Iterator[Result]:
    for configuration in configurations:
        yield from evaluate(datasets, configuration, encoders, merge=True)


def _by_mode(results: Sequence[Result]) -> dict[str, Any]:
    """Each mode's figures, and what the fusion gains over the better of its two sides."""
    figures: dict[str, Any] = {one.configuration: one.as_json() for one in results}
    by_mode = {one.configuration: one for one in results}
    sides = [by_mode[mode] for mode in ("dense", "lexical") if mode in by_mode]
    if "hybrid" in by_mode and sides:
        best = max(sides, key=lambda side: means(side.values)["nDCG@10"])
        found = difference_json(differences(by_mode["hybrid"], best))
        figures["gain"] = {"over": best.configuration, "nDCG@10": found["nDCG@10"]}
    return figures


def measure_files(
    name: str,
    configuration: Configuration,
    encoders: Encoders,
    rewrite: Rewrite = lambda question: question,
) -> dict[str, Any]:
    """Shares of the questions whose file, and whose quote, is among the first hits, by part.

    `rewrite` is where a follow-up is made to stand alone; these sets give no history.
    """
    settings = configuration.settings
    encoder, remembering = encoders.get(settings)
    questions = read_questions(DATA / name)
    with open_folder_index(encoders.store, DATA / name / "files", settings, remembering) as indexes:
        search = make_search(configuration, indexes, remembering)
        rows = []
        for question in questions:
            hits = search(rewrite(question.text), settings.top_k)
            rows.append((question.part, finds_file(hits, question), finds_quote(hits, question)))
        timed = make_search(configuration, indexes, encoder)
        seconds = time_queries(timed, [one.text for one in questions], top_k=settings.top_k)
        counts = indexes.catalog.counts()
    has_quotes = any(quotes for one in questions for quotes in one.evidence.values())
    return {
        "documents": counts["documents"],
        "chunks": counts["chunks"],
        "p50_ms": round(1000 * percentile(seconds, 0.5), 2),
        "p95_ms": round(1000 * percentile(seconds, 0.95), 2),
        "parts": {
            part: _shares([row for row in rows if row[0] == part], has_quotes)
            for part in dict.fromkeys(row[0] for row in rows)
        },
    }


def _shares(rows: Sequence[tuple[str, bool, bool]], has_quotes: bool) -> dict[str, Any]:
    shares: dict[str, Any] = {
        "questions": len(rows),
        "file@5": round(sum(row[1] for row in rows) / len(rows), 4),
    }
    if has_quotes:
        shares["quote@5"] = round(sum(row[2] for row in rows) / len(rows), 4)
    return shares


def measure_peers(pythons: Sequence[str], name: str, store: Path) -> dict[str, Any]:
    """nDCG@10 of each peer at its defaults and at its hybrid setting; runs are kept."""
    from rag.models import resolve_encoder

    given = dict(entry.split("=", 1) for entry in pythons)
    if unknown := given.keys() - PEERS.keys():
        sys.exit(f"--peer-python knows {', '.join(PEERS)}, not {', '.join(sorted(unknown))}.")
    settings = load_settings()
    encoder = resolve_encoder(settings.encoder, settings.cache, print).path
    dataset, runs = read_dataset(DATA / name), store / "peers"
    figures: dict[str, Any] = {}
    for peer, python in given.items():
        files = {
            setting: runs / f"{peer}-{setting}" / f"{name}.trec"
            for setting in ("default", "hybrid")
        }
        if not all(file.exists() for file in files.values()):
            command = [python, "-P", str(ROOT / "bench" / "retrieval_peers.py"), peer, encoder]
            command += [str(store / "peers.sqlite3"), str(runs), str(DATA / name)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_SECONDS)
            if done.returncode:
                figures[peer] = {"failed": done.stderr.strip().splitlines()[-1:]}
                continue
        figures[peer] = {
            setting: round(means(measure_run(read_run(file), dataset.qrels))["nDCG@10"], 5)
            for setting, file in files.items()
        }
        print(f"{name} {peer}: {figures[peer]}", flush=True)
    return figures


if __name__ == "__main__":
    main()

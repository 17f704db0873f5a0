"""Times how soon a saved file is found, and a mass change, with the real watcher and index.

python -m bench.follow                          # 10,000 files, words counted as the encoder
python -m bench.follow --encoder auto --files 500 --mass 100     # the encoder of the settings
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag import parts, service_sync
from rag.config import load_settings
from rag.metrics import percentile
from rag.service import Service

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
NUM_SAVES = 10
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 1200.0


def main() -> None:
    """Fill a folder, follow it, save, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="words", help="words, or as the setting")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--mass", type=int, default=5_000, help="files that change at once")
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="footnote-bench-"))
    try:
        figures = measure(base, options)
    finally:
        shutil.rmtree(base)
    result = {
        "command": " ".join(["python -m bench.follow", *sys.argv[1:]]),
        "machine": f"{platform.processor() or platform.machine()}, Python {sys.version.split()[0]}",
        **figures,
    }
    print(json.dumps(result, indent=2))
    RESULTS.mkdir(exist_ok=True)
    name = "words" if options.encoder == "words" else "real"
    (RESULTS / f"follow-{name}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def measure(base: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds by name."""
    docs = base / "docs"
    for number in range(options.files):
        write(docs, number, "first")
    real = options.encoder != "words"
    settings = load_settings(index=base / "index", encoder=options.encoder if real else None)
    if not real:
        sys.path.append(str(ROOT / "tests"))
        from fakes import WordEncoder

        parts.open_encoder = lambda *_: WordEncoder()  # type: ignore[assignment]
    looks: list[Any] = []
    run_sync = service_sync.run_sync

    def counted(*arguments: Any) -> Any:
        looks.append(run_sync(*arguments))
        return looks[-1]

    service_sync.run_sync = counted
    running = Service(settings, roots=[docs], with_generator=False)
    try:
        started = time.perf_counter()
        running.start()
        wait_until(lambda: len(looks) >= 2)  # the first, and the one when the watch begins
        figures: dict[str, Any] = {
            "files": options.files,
            "first_sync_and_check_seconds": round(time.perf_counter() - started, 2),
            "look_without_a_change_seconds": round(looks[1].seconds, 3),
            "debounce_ms": settings.debounce_ms,
        }
        saves = [saved_until_found(running, docs, number) for number in range(NUM_SAVES)]
        figures["saved_until_found_seconds"] = {
            "p50": round(percentile(saves, 0.5), 2),
            "max": round(max(saves), 2),
        }
        wait_until(lambda: sum(look.changed for look in looks) >= NUM_SAVES)
        return figures | mass_change(running, docs, options.mass, looks)
    finally:
        running.close()


def write(docs: Path, number: int, word: str) -> None:
    folder = docs / f"{number % 100:02d}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number}.txt").write_text(f"Note {number}: the {word} apple of tree {number % 7}.")


def saved_until_found(running: Service, docs: Path, number: int) -> float:
    """From the end of the save to the first search that finds the new word."""
    word = f"quokka{number}"
    write(docs, number, word)
    started = time.perf_counter()
    wait_until(lambda: any(word in hit.chunk.text for hit in running.footnote.search(word, 3)))
    return time.perf_counter() - started


def mass_change(running: Service, docs: Path, count: int, looks: list[Any]) -> dict[str, Any]:
    """As a checkout of another branch does it."""
    before = len(looks)
    started = time.perf_counter()
    for number in range(count):
        write(docs, number, "second")
    written = time.perf_counter() - started
    wait_until(lambda: sum(look.changed for look in looks[before:]) >= count)
    return {
        "mass_files": count,
        "mass_written_seconds": round(written, 2),
        "mass_seconds": round(time.perf_counter() - started, 2),
        "mass_syncs": sum(1 for look in looks[before:] if look.changed),
    }


def wait_until(condition: Callable[[], bool]) -> None:
    tick, deadline = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("It did not happen in time: nothing is measured.")
        tick.wait(LOOK_SECONDS)


if __name__ == "__main__":
    main()

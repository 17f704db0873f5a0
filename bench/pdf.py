"""Measures how fast PDFs are read, in one process, and what is found in them.

python -m bench.pdf                     # the quarterly reports
python -m bench.pdf FOLDER --name mine
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from rag.errors import ReadError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT.parent / "shared" / "data" / "tenq-pdf" / "files"
RESULTS = ROOT / "bench" / "results"
ROUNDS = 3  # the fastest counts: the others tell of the machine's other work


def main() -> None:
    """Read every PDF of the folder, print pages per second, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--name", default="tenq", help="of the result file")
    options = parser.parse_args()
    paths = sorted(options.folder.rglob("*.pdf"))
    rounds = [_read(paths) for _ in range(ROUNDS)]
    best = min(rounds, key=lambda figures: -figures["pages_per_processor_second"])
    result = {"command": " ".join(["python -m bench.pdf", *sys.argv[1:]]), **best}
    print(json.dumps(result, indent=1))
    path = RESULTS / f"pdf-{options.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"written: {path}")


def _read(paths: list[Path]) -> dict[str, float]:
    blocks: Counter[str] = Counter()
    pages = characters = unread = 0
    started, worked = time.perf_counter(), time.process_time()
    for path in paths:
        try:
            document = read_document(path, options=ReadOptions(ocr=False))
        except ReadError:
            unread += 1
            continue
        blocks.update(block.kind for block in document.blocks)
        pages += max(block.page or 0 for block in document.blocks)
        characters += len(document.text)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    return {
        "files": len(paths),
        "unread": unread,
        "pages": pages,
        "characters": characters,
        **{f"{kind} blocks": count for kind, count in sorted(blocks.items())},
        "seconds": round(seconds, 2),
        "pages_per_second": round(pages / seconds, 1),
        "pages_per_processor_second": round(pages / processor, 1),
    }


if __name__ == "__main__":
    main()

"""Measures the reading of scanned pages: pages with text are rendered to pictures and read back.

python -m bench.ocr             # the PDFs of data/, English and Chinese
python -m bench.ocr --pages 5   # at most so many of each file

Character accuracy is 1 - edit distance / length, over letters and digits in the order of the text
layer's lines from the top down.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import pypdfium2

from ingest.readers.ocr import page_picture
from ingest.readers.ocr_model import read_picture
from ingest.readers.pdf_lines import page_lines
from rag.language import detect_language
from rag.pdf_quotes import letters

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"


def main() -> None:
    """Read the pages, print and write accuracy by language and seconds a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", default=[ROOT / "data"])
    parser.add_argument("--pages", type=int, default=3, help="of a file")
    options = parser.parse_args()
    rows = []
    for path in sorted(path for folder in options.folders for path in folder.rglob("*.pdf")):
        with pypdfium2.PdfDocument(path) as pdf:
            for index in range(min(options.pages, len(pdf))):
                row = measure(pdf, index)
                rows.append({"file": path.name, "page": index + 1, **row})
                print(rows[-1], flush=True)
    languages = sorted({row["language"] for row in rows})
    summary = {}
    for language in languages:
        held = [row for row in rows if row["language"] == language]
        size = sum(row["characters"] for row in held)
        errors = sum(row["errors"] for row in held)
        seconds = sum(row["seconds"] for row in held) / len(held)
        summary[language] = {
            "pages": len(held),
            "characters": size,
            "accuracy": round(1 - errors / size, 4),
            "seconds_per_page": round(seconds, 2),
        }
    command = " ".join(["python -m bench.ocr", *sys.argv[1:]])
    result = {"command": command, "summary": summary, "pages": rows}
    print(json.dumps(summary, indent=1))
    (RESULTS / "ocr.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def measure(pdf: Any, index: int) -> dict[str, Any]:
    """One page: its language, letters, how many edits part the reading from it, and the time."""
    page = pdf[index]
    textpage = page.get_textpage()
    lines = sorted(page_lines(textpage), key=lambda line: (-round(line.baseline), line.left))
    truth = " ".join(line.text for line in lines)
    started = time.perf_counter()
    picture, _ = page_picture(page)
    read = read_picture(picture)
    seconds = time.perf_counter() - started
    textpage.close()
    page.close()
    rows = sorted(read, key=lambda line: (round((line.top + line.bottom) / 20), line.left))
    wanted, got = letters(truth), letters(" ".join(line.text for line in rows))
    return {
        "language": detect_language(truth),
        "characters": len(wanted),
        "errors": edit_distance(wanted, got),
        "seconds": round(seconds, 2),
    }


def edit_distance(one: str, other: str) -> int:
    """How many insertions, deletions and replacements turn one text into the other."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


if __name__ == "__main__":
    main()

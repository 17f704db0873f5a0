"""Reads the hard files of a manifest, each in a process apart, and compares with what is expected.

python -m bench.torture                          # every category
python -m bench.torture --only pdf --name pdf    # those whose name starts so, to a file of its own

Right is: the expected reason code, or a text that holds nine tenths of the words of the ground
truth, or, of a PDF without one, eight tenths of the characters that poppler finds. A damaged
file may also give what text is left; `any` and `slow` only ask that nothing hangs or crashes.
"""

from __future__ import annotations

import argparse
import csv
import html
import json
import multiprocessing
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from rag.errors import ReadError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT.parent / "shared" / "data" / "torture"
RESULTS = ROOT / "bench" / "results"
LIMIT_SECONDS = 120.0
ENOUGH_WORDS = 0.9
ENOUGH_CHARACTERS = 0.8  # poppler keeps running headers and the blanks of a layout
# A reader may mend what another cannot; then there is text, or none is left.
# What holds a picture and no text is not empty to us: OCR may find something in it.
RIGHT_OUTCOMES = {"damaged": ("damaged", "notext", "text"), "empty": ("empty", "notext")}
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


def main() -> None:
    """Read what is there of the manifest, print a table by category, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", default="", help="start of the categories to read")
    parser.add_argument("--name", default="torture", help="of the result file")
    options = parser.parse_args()
    with (options.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        entries = [e for e in csv.DictReader(file) if e["category"].startswith(options.only)]
    reading = Reading()
    rows = [
        judge(entry, options.folder, reading)
        for entry in entries
        if (options.folder / "files" / entry["file"]).exists()
    ]
    reading.close()
    result = {
        "command": " ".join(["python -m bench.torture", *sys.argv[1:]]),
        "summary": summarize(rows),
        "files": rows,
    }
    _print_table(result["summary"])
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"written: {path}")


class Reading:
    """A process that reads one file at a time; it is killed and started anew past the limit."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None

    def read(self, path: Path, options: ReadOptions) -> dict[str, Any]:
        """What came of it: `outcome` is text, a reason code, `timeout` or `crashed`."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        started = time.perf_counter()
        try:
            self._pipe.send((str(path), options))
            if self._pipe.poll(LIMIT_SECONDS):
                answer: dict[str, Any] = self._pipe.recv()
            else:
                answer = {"outcome": "timeout"}
                self.close()
        except (EOFError, ConnectionError):
            answer = {"outcome": "crashed"}
            self.close()
        return {**answer, "seconds": round(time.perf_counter() - started, 2)}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(pipe: Any) -> None:
    while True:
        try:
            path, options = pipe.recv()
        except EOFError:
            return
        try:
            document = read_document(Path(path), options=options)
            pages = [block.page for block in document.blocks if block.page]
            kinds = Counter(block.kind for block in document.blocks)
            answer = {
                "outcome": "text",
                "text": document.text,
                "last_page": max(pages, default=0),
                "blocks": dict(kinds),
            }
        except ReadError as error:
            message = str(error).replace(str(path), Path(path).name)
            answer = {"outcome": error.reason, "message": message}
        except Exception as error:  # a reader must raise ReadError and nothing else
            answer = {"outcome": "error", "message": f"{type(error).__name__}: {error}"}
        pipe.send(answer)


def judge(entry: dict[str, str], folder: Path, reading: Reading) -> dict[str, Any]:
    """One file's row: what came of it, how much of the text was found, whether that is right."""
    path = folder / "files" / entry["file"]
    is_open = entry["expect"] == "text" and entry["password"]
    first = (entry["password"],) if is_open else ()
    answer = reading.read(path, ReadOptions(passwords=first, ocr=False))
    text = answer.pop("text", "")
    expect, outcome = entry["expect"], answer["outcome"]
    row = {"file": entry["file"], "category": entry["category"], "expect": expect, **answer}
    row["right"] = outcome in RIGHT_OUTCOMES.get(expect, (expect,))
    if expect in ("any", "slow"):
        row["right"] = outcome not in ("timeout", "crashed", "error")
    if expect == "text" and outcome == "text":
        row |= _found(entry, folder, text)
        is_enough = row.get("characters_found", 1.0) >= ENOUGH_CHARACTERS
        row["right"] = row["words_found"] >= ENOUGH_WORDS if "words_found" in row else is_enough
    if expect == "password" and entry["password"]:
        opened = reading.read(path, ReadOptions(passwords=(entry["password"],), ocr=False))
        row["with_password"] = opened["outcome"]
        # What is asked is that it opens: one of these files holds a drawing without text.
        row["right"] = row["right"] and opened["outcome"] in ("text", "notext")
    print("ok  " if row["right"] else "MISS", entry["file"], expect, "->", outcome, flush=True)
    return row


def _found(entry: dict[str, str], folder: Path, text: str) -> dict[str, float]:
    """Shares of the reference's words and of poppler's characters that the text holds."""
    found = {}
    if entry["groundtruth_md"]:
        truth = (folder / entry["groundtruth_md"]).read_text("utf-8")
        found["words_found"] = words_found(plain_words(truth), text)
    if entry["file"].endswith(".pdf") and int(entry["poppler_chars"] or 0):
        held = len(" ".join(text.replace("|", " ").split()))
        found["characters_found"] = round(held / int(entry["poppler_chars"]), 3)
    return found


def plain_words(markdown: str) -> str:
    """The words of the document, without those that only Markdown needs to write it down.

    Addresses of links, marks of pictures and escaped signs are no text of the document.
    """
    text = re.sub(r"<!--.*?-->", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"\]\([^)\s]*\)", "] ", text)
    text = re.sub(r"^(\s*[-*] )\[[xX ]\] ", r"\1", text, flags=re.MULTILINE)
    return html.unescape(re.sub(r"\\([_*#`~|\[\]])", r"\1", text))


def words_found(truth: str, text: str) -> float:
    """The share of the truth's words (Chinese characters singly) that the text holds, as often."""
    wanted = Counter(_WORD.findall(truth.casefold()))
    held = Counter(_WORD.findall(text.casefold()))
    return round((wanted & held).total() / max(wanted.total(), 1), 3)


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By category: files, how many are right, mean shares of words and characters, seconds."""
    summary = {}
    for category in [*sorted({row["category"] for row in rows}), "all"]:
        held = [row for row in rows if category in (row["category"], "all")]
        summary[category] = {
            "files": len(held),
            "right": sum(row["right"] for row in held),
            "words_found": _mean(row["words_found"] for row in held if "words_found" in row),
            "characters_found": _mean(
                min(row["characters_found"], 1.0) for row in held if "characters_found" in row
            ),
            "seconds": round(sum(row["seconds"] for row in held), 1),
        }
    return summary


def _mean(values: Any) -> float | None:
    held = list(values)
    return round(sum(held) / len(held), 3) if held else None


def _print_table(summary: dict[str, Any]) -> None:
    print(f"{'category':26} files right words chars seconds")
    for category, row in summary.items():
        shares = [
            "-" if row[name] is None else f"{row[name]:.2f}"
            for name in ("words_found", "characters_found")
        ]
        print(
            f"{category:26} {row['files']:5} {row['right']:5} {shares[0]:>5} {shares[1]:>5}"
            f" {row['seconds']:7.1f}"
        )


if __name__ == "__main__":
    main()

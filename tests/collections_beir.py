"""A small test collection on disk, in BEIR's layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

DOCUMENTS = {
    "pump": ("Pumps", "The pump stands in hall nine."),
    "turbine": ("Turbines", "The turbine was repaired in October."),
    "boiler": ("Boilers", "The boiler holds nine hundred litres."),
    "long": ("Manual", "\n\n".join(f"Step {n} of the long manual: turn valve {n}." * 4
                                   for n in range(40))),
}  # fmt: skip
QUERIES = {
    "q1": "Where does the pump stand?",
    "q2": "When was the turbine repaired?",
    "q3": "Which step turns valve 7?",
}
QRELS = {"q1": {"pump": 1}, "q2": {"turbine": 1}, "q3": {"long": 1}}


def write_collection(
    folder: Path,
    documents: Mapping[str, tuple[str, str]] = DOCUMENTS,
    queries: Mapping[str, str] = QUERIES,
    qrels: Mapping[str, Mapping[str, int]] = QRELS,
) -> Path:
    """Write the three files; returns the folder."""
    (folder / "qrels").mkdir(parents=True)
    lines = [{"_id": i, "title": title, "text": text} for i, (title, text) in documents.items()]
    _write_lines(folder / "corpus.jsonl", lines)
    _write_lines(folder / "queries.jsonl", [{"_id": i, "text": t} for i, t in queries.items()])
    rows = [f"{q}\t{d}\t{grade}\n" for q, of in qrels.items() for d, grade in of.items()]
    text = "query-id\tcorpus-id\tscore\n" + "".join(rows)
    (folder / "qrels" / "test.tsv").write_text(text, "utf-8")
    return folder


def _write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

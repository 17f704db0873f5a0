"""Asks 30 questions over tables and counts the right answers, and those shown with a computation.

python -m bench.structured [--only s01 s02] [--at-once 6]
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rag.config import load_settings
from rag.metrics import cites_source, holds_facts, percentile
from rag.service import Service
from rag.types import Answer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULT = ROOT / "bench" / "results" / "structured.json"
AIMS = {"right": 0.85, "shown": 0.85}


def main() -> None:
    """Index data/ and the files here, ask everything once, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="ids of questions")
    parser.add_argument("--at-once", type=int, default=6, help="questions asked side by side")
    parser.add_argument("--generator", help="as the setting; default: the settings'")
    options = parser.parse_args()
    lines = (HERE / "questions.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines if line.strip()]
    questions = [q for q in questions if not options.only or q["id"] in options.only]
    folder = Path(tempfile.mkdtemp(prefix="footnote-bench-"))
    try:
        settings = load_settings(index=folder, generator=options.generator)
        roots = [ROOT / "data", HERE / "files"]
        service = Service(settings, roots=roots, is_watching=False)
        service.start()
        try:
            with ThreadPoolExecutor(options.at_once) as pool:
                rows = list(
                    pool.map(lambda q: _judge(q, service.footnote.ask(q["question"])), questions)
                )
        finally:
            service.close()
    finally:
        shutil.rmtree(folder)
    result = {
        "command": " ".join(["python -m bench.structured", *sys.argv[1:]]),
        "model": rows[0]["model"],
        "summary": summarize(rows),
        "questions": rows,
    }
    print(json.dumps(result["summary"], indent=2))
    if not options.only:
        RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
        print(f"written: {RESULT}")


def _judge(question: dict[str, Any], answer: Answer) -> dict[str, Any]:
    row = {
        "id": question["id"],
        "question": question["question"],
        "answer": answer.text,
        "right": not answer.abstained and holds_facts(answer.text, question["facts"]),
        "shown": answer.computation is not None,
        "query": answer.computation.query if answer.computation else None,
        "cited": not question["sources"] or cites_source(answer, question["sources"]),
        "by_rules": answer.computation is not None and not answer.completion_tokens,
        "tokens": [answer.prompt_tokens, answer.completion_tokens],
        "total_ms": round(answer.timings_ms["total"]),
        "model": answer.model,
    }
    sign = "ok  " if row["right"] and row["shown"] else "MISS"
    print(
        f"{sign} {row['id']} {row['question'][:60]} -> {answer.text[:300]!r}\n     {row['query']}",
        flush=True,
    )
    return row


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of all questions, and milliseconds."""
    summary: dict[str, Any] = {"questions": len(rows)}
    for name in ("right", "shown", "cited", "by_rules"):
        summary[name] = round(sum(row[name] for row in rows) / len(rows), 3)
    times = [row["total_ms"] for row in rows]
    summary["total_ms"] = {
        "p50": round(percentile(times, 0.5)), "p95": round(percentile(times, 0.95)),
    }  # fmt: skip
    summary["aims"] = AIMS
    return summary


if __name__ == "__main__":
    main()

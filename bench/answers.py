"""Answers the questions of a collection and counts how many are right, and how fast.

python -m bench.answers                                    # data/, the model of the settings
python -m bench.answers --generator package:qwen2.5-coder-1.5b@bf16 --name bf16
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rag.config import load_settings
from rag.metrics import cited_share, cites_source, holds_facts, percentile
from rag.parts import NO_MODEL
from rag.pipeline import EXTRACTIVE
from rag.service import Service
from rag.types import Answer

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
AIMS = {"source_cited": 0.9, "key_fact": 0.8, "right_refusals": 0.9}


def main() -> None:
    """Index the collection into a folder of its own, ask everything once, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, default=ROOT / "data")
    parser.add_argument("--questions", type=Path, default=ROOT / "data" / "questions.jsonl")
    parser.add_argument("--generator", help="as the setting; default: the settings'")
    parser.add_argument("--name", default="default", help="of the result file")
    parser.add_argument("--only", nargs="*", help="ids of questions")
    options = parser.parse_args()
    lines = options.questions.read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines if line.strip()]
    questions = [q for q in questions if not options.only or q["id"] in options.only]
    folder = Path(tempfile.mkdtemp(prefix="footnote-bench-"))
    try:
        settings = load_settings(index=folder, generator=options.generator)
        service = Service(settings, roots=[options.docs], is_watching=False)
        service.start()
        try:
            footnote = service.footnote
            first = footnote.ask(questions[0]["question"])  # it pays for warming up
            if first.model == EXTRACTIVE and settings.generator not in NO_MODEL:
                sys.exit("The language model did not load: nothing is measured.")
            rows = [_judge(question, footnote.ask(question["question"])) for question in questions]
        finally:
            service.close()
    finally:
        shutil.rmtree(folder)
    result = {
        "command": " ".join(["python -m bench.answers", *sys.argv[1:]]),
        "machine": f"{platform.processor() or platform.machine()}, Python {sys.version.split()[0]}",
        "model": rows[0]["model"],
        "summary": summarize(rows),
        "questions": rows,
    }
    print(json.dumps(result["summary"], indent=2))
    if not options.only:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"answers-{options.name}.json"
        path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
        print(f"written: {path}")


def _judge(question: dict[str, Any], answer: Answer) -> dict[str, Any]:
    row = {
        "id": question["id"],
        "question": question["question"],
        "answerable": question["answerable"],
        "answer": answer.text,
        "abstained": answer.abstained,
        "source_found": any(
            h.chunk.path.endswith(s) for h in answer.hits for s in question["sources"]
        ),
        "source_packed": any(
            p.path.endswith(s) for p in answer.passages for s in question["sources"]
        ),
        "source_cited": cites_source(answer, question["sources"]),
        "key_fact": not answer.abstained and holds_facts(answer.text, question["facts"]),
        "supported": round(cited_share(answer), 3),
        "citations": [
            [c.label, c.path.rsplit("/", 1)[1], c.page, c.quote] for c in answer.citations
        ],
        "tokens": [answer.prompt_tokens, answer.completion_tokens],
        "timings_ms": {name: round(ms, 1) for name, ms in answer.timings_ms.items()},
        "model": answer.model,
    }
    if question["answerable"]:
        sign = "ok  " if row["key_fact"] and row["source_cited"] else "MISS"
    else:
        sign = "ok  " if row["abstained"] else "MISS"
    print(f"{sign} {row['id']} {row['question'][:60]} -> {answer.text[:150]!r}", flush=True)
    return row


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of the answerable and of the other questions, and times in milliseconds."""
    held = [row for row in rows if row["answerable"]]
    others = [row for row in rows if not row["answerable"]]
    summary: dict[str, Any] = {"answerable": len(held), "unanswerable": len(others)}
    for name in ("source_found", "source_packed", "source_cited", "key_fact"):
        summary[name] = _share([row[name] for row in held])
    summary["right_refusals"] = _share([row["abstained"] for row in others])
    summary["wrong_refusals"] = _share([row["abstained"] for row in held])
    summary["supported_citations"] = _share([row["supported"] for row in held])
    for name in ("retrieve", "first_token", "total"):
        times = [row["timings_ms"][name] for row in rows]
        summary[f"{name}_ms"] = {
            "p50": round(percentile(times, 0.5)),
            "p95": round(percentile(times, 0.95)),
        }
    summary["aims"] = AIMS
    return summary


def _share(values: list[Any]) -> float:
    return round(sum(map(float, values)) / len(values), 3) if values else 0.0


if __name__ == "__main__":
    main()

"""Asks questions over tables and counts the right answers, and those shown with a computation.

python -m bench.structured [--set unseen] [--rules] [--only s01 s02] [--at-once 6]

The 30 of "tables" were looked at while the rules were written; the 20 of "unseen" were written
before the rules were last changed; "ordinary" are the forty of data/, few of which are to be
computed. With --rules no language model is loaded, and only what rules compute counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from bench.structured.rules import ask_rules
from rag import parts
from rag.config import load_settings
from rag.documents import run_sync
from rag.metrics import holds_facts, percentile
from rag.pipeline import Footnote
from rag.service import Service
from rag.tables.when import asks_to_compute
from rag.types import Answer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULTS = ROOT / "bench" / "results"
SETS = {  # by name: the questions, and the folder that they are asked over besides data/
    "tables": (HERE / "questions.jsonl", HERE / "files"),
    "unseen": (HERE / "unseen.jsonl", HERE / "unseen"),
    "ordinary": (ROOT / "data" / "questions.jsonl", None),
}
AIMS = {"right": 0.85, "shown": 0.85}


def main() -> None:
    """Index data/ and the files here, ask everything once, write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--set", choices=SETS, default="tables", help="of questions")
    parser.add_argument("--rules", action="store_true", help="without a language model")
    parser.add_argument("--only", nargs="*", help="ids of questions")
    parser.add_argument("--at-once", type=int, default=6, help="questions asked side by side")
    parser.add_argument("--generator", help="as the setting; default: the settings'")
    options = parser.parse_args()
    questions_file, files = SETS[options.set]
    lines = questions_file.read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines if line.strip()]
    questions = [q for q in questions if not options.only or q["id"] in options.only]
    generator = "extractive" if options.rules else options.generator
    roots = [ROOT / "data", *([files] if files else [])]
    rows = ask_all(questions, roots, generator, options.at_once, only_computed=options.rules)
    result = {
        "command": " ".join(["python -m bench.structured", *sys.argv[1:]]),
        "model": rows[0]["model"],
        "summary": summarize(rows),
        "questions": rows,
    }
    print(json.dumps(result["summary"], indent=2))
    if not options.only:
        name = "structured" + ("" if options.set == "tables" else f"-{options.set}")
        path = RESULTS / f"{name}{'-rules' if options.rules else ''}.json"
        path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
        print(f"written: {path}")


def ask_all(
    questions: list[dict[str, Any]],
    roots: list[Path],
    generator: str | None,
    at_once: int,
    *,
    only_computed: bool,
) -> list[dict[str, Any]]:
    """Index the folders and ask; a row for each question."""
    folder = Path(tempfile.mkdtemp(prefix="footnote-bench-"))
    try:
        settings = load_settings(index=folder, generator=generator)
        encoder = parts.open_encoder(settings, print)
        with parts.open_indexes(settings, encoder.dimension, read_only=False) as indexes:
            run_sync(indexes, encoder, roots, settings)  # a service answers before all is read
            if only_computed:
                footnote = Footnote(indexes, encoder, None)
                rules = partial(ask_rules, footnote, indexes.catalog)
                return [_judge(q, rules(q["question"]), True) for q in questions]
        service = Service(settings, roots=None, is_watching=False)
        service.start()
        try:

            def judge(question: dict[str, Any]) -> dict[str, Any]:
                return _judge(question, service.footnote.ask(question["question"]), False)

            with ThreadPoolExecutor(at_once) as pool:
                return list(pool.map(judge, questions))
        finally:
            service.close()
    finally:
        shutil.rmtree(folder)


def _judge(question: dict[str, Any], answer: Answer, only_computed: bool) -> dict[str, Any]:
    shown = answer.computation is not None
    right = not answer.abstained and holds_facts(answer.text, question["facts"])
    if not question["answerable"]:
        right = answer.abstained or (only_computed and not shown)
    elif only_computed:
        right = right and shown
    row = {
        "id": question["id"],
        "question": question["question"],
        "answer": answer.text,
        "asks": asks_to_compute(question["question"]),
        "right": right,
        "shown": shown,
        "query": answer.computation.query if answer.computation else None,
        "cited": _cites(answer, question["sources"]),
        "by_rules": shown and not answer.completion_tokens,
        "tokens": [answer.prompt_tokens, answer.completion_tokens],
        "total_ms": round(answer.timings_ms["total"]),
        "model": answer.model,
    }
    sign = "ok  " if right and shown else "BAD " if shown else "ok -" if right else "MISS"
    print(
        f"{sign} {row['id']} {row['question'][:60]} -> {answer.text[:300]!r}\n     {row['query']}",
        flush=True,
    )
    return row


def _cites(answer: Answer, sources: list[str]) -> bool:
    """Whether a supported citation points into one of the files; True where there are none."""
    paths = [Path(one.path).as_posix() for one in answer.citations if one.supported]
    return not sources or any(path.endswith(f"/{end}") for path in paths for end in sources)


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of all questions, and milliseconds."""
    summary: dict[str, Any] = {"questions": len(rows)}
    for name in ("right", "shown", "cited", "by_rules"):
        summary[name] = round(sum(row[name] for row in rows) / len(rows), 3)
    summary["computed_wrongly"] = [row["id"] for row in rows if row["shown"] and not row["right"]]
    times = [row["total_ms"] for row in rows]
    summary["total_ms"] = {
        "p50": round(percentile(times, 0.5)), "p95": round(percentile(times, 0.95)),
    }  # fmt: skip
    summary["aims"] = AIMS
    return summary


if __name__ == "__main__":
    main()

"""Finds what follow-up questions ask for: with the question alone, and as it is understood.

python -m bench.follow_ups                              # the cases of bench/follow_ups.jsonl
python -m bench.follow_ups --handbook FOLDER            # and a handbook's questions (below)
python -m bench.follow_ups --model                      # and with the model's rewriting (minutes)

A handbook is a folder with files/ and questions.jsonl; of its `contextual_anaphora` questions the
earlier turn is not given. It is made from the file that holds the answer: the user asks for what
stands one line before the evidence (after it, if the question asks for the one above), and the
answer is that line. `given` takes the first quote of the question's evidence instead.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.sync import sync
from rag.config import load_settings
from rag.generate import Generator
from rag.indexes import Indexes
from rag.literals import normalized
from rag.parts import open_encoder, open_generator
from rag.query import Query, understand
from rag.retriever import Retriever
from rag.types import Hit, Message

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "bench" / "follow_ups.jsonl"
RESULT = ROOT / "bench" / "results" / "follow-ups.json"
PART = "contextual_anaphora"
TOP_K = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A question after a conversation; right is a hit of `source`, best with one of `facts`."""

    group: str
    question: str
    history: tuple[Message, ...]
    source: str
    facts: tuple[str, ...]


def main() -> None:
    """Search for every case in each way; print and write the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--handbook", type=Path)
    parser.add_argument("--index", type=Path, help="keep the indexes here, to use them again")
    parser.add_argument("--model", action="store_true")
    options = parser.parse_args()
    encoder = open_encoder(load_settings(), print)
    generator = open_generator(load_settings(max_model_len=2048), print) if options.model else None
    result: dict[str, Any] = {"command": " ".join(["python -m bench.follow_ups", *sys.argv[1:]])}
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as temporary:
        place = options.index or Path(temporary)
        sets = [("data", ROOT / "data", read_cases(CASES))]
        if options.handbook:
            handbook = list(handbook_cases(options.handbook))
            sets.append(("handbook", options.handbook / "files", handbook))
        for name, folder, cases in sets:
            with Indexes(place / name, dimension=encoder.dimension, read_only=False) as indexes:
                sync(indexes, encoder, [folder], max_file_bytes=10**8, max_chunk_tokens=256)
                retriever = Retriever(indexes, encoder)
                result[name] = measure(cases, retriever, ways(generator))
    print(json.dumps({k: v["shares"] for k, v in result.items() if k != "command"}, indent=1))
    RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if generator is not None:
        generator.close()


def ways(generator: Generator | None) -> dict[str, Callable[[Case], Query]]:
    """From a case to what is searched, by the name of the way."""
    made: dict[str, Callable[[Case], Query]] = {
        "question alone": lambda case: understand(case.question),
        "rules": lambda case: understand(case.question, case.history),
    }
    if generator is not None:
        made["model"] = lambda case: understand(case.question, case.history, generator)
    return made


def measure(
    cases: list[Case], retriever: Retriever, made: dict[str, Callable[[Case], Query]]
) -> dict[str, Any]:
    """Shares of cases with the right file, and with the fact, among the first five hits."""
    rows, shares = [], dict[str, Any]()
    for way, query_of in made.items():
        for case in cases:
            query = query_of(case)
            first, *others = query.searched
            hits = retriever.find(first, TOP_K, wordings=others, literals=query.literals).hits
            found = {"way": way, "group": case.group, "asked": case.question}
            rows.append(found | {"searched": query.searched} | judge(case, hits))
    for group in dict.fromkeys(case.group for case in cases):
        for way in made:
            of_both = [row for row in rows if row["group"] == group and row["way"] == way]
            shares[f"{group}: {way}"] = {
                name: round(sum(row[name] for row in of_both) / len(of_both), 3)
                for name in ("file", "fact")
            } | {"cases": len(of_both)}
    return {"shares": shares, "rows": rows}


def judge(case: Case, hits: list[Hit]) -> dict[str, bool]:
    """Whether a hit is of the right file, and whether one of those holds a fact."""
    right = [hit for hit in hits if hit.chunk.path.endswith(case.source)]
    facts = [normalized(fact) for fact in case.facts]
    held = any(fact in normalized(hit.chunk.text) for hit in right for fact in facts)
    return {"file": bool(right), "fact": held}


def read_cases(path: Path) -> list[Case]:
    """The project's own: follow-ups, and questions that change the subject."""
    cases = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        turns = [turn for pair in row["history"] for turn in _turn(*pair)]
        group = f"{row['language']} {'follow-ups' if row['leans'] else 'new subjects'}"
        cases.append(Case(group, row["question"], tuple(turns), row["source"], tuple(row["facts"])))
    return cases


def handbook_cases(folder: Path) -> Iterator[Case]:
    """Each question twice: after the line before its evidence, and after its first quote."""
    for line in (folder / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["part"] != PART:
            continue
        (first, quotes), (source, (evidence, *_)) = row["evidence"]
        before = _neighbour(folder / "files" / source, evidence, "above" in row["question"])
        given = _turn(f"What does {Path(first).stem} say?", quotes[0])
        made = _turn(f"What is said about {' '.join(before.split()[:6])}?", before)
        facts = tuple(row["answers"])
        yield Case("neighbour", row["question"], made, source, facts)
        yield Case("given", row["question"], given, source, facts)


def _neighbour(path: Path, evidence: str, is_above: bool) -> str:
    """The line with text before the one most like the evidence, or after it."""
    lines = [_plain(line) for line in path.read_text("utf-8").splitlines()]
    lines = [line for line in lines if len(line) > 3]
    wanted = set(_plain(evidence).split())
    place = max(range(len(lines)), key=lambda n: len(wanted & set(lines[n].split())))
    return lines[min(place + 1, len(lines) - 1) if is_above else max(place - 1, 0)]


def _plain(line: str) -> str:
    return " ".join(line.replace("|", " ").replace("*", "").replace("-", " ").split())


def _turn(question: str, answer: str) -> tuple[Message, Message]:
    return Message("user", question), Message("assistant", answer)


if __name__ == "__main__":
    main()

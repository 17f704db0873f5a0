"""How well the check of statements tells true ones from altered ones.

python -m bench.support --name after        # over xquad-en and xquad-zh in ../shared/data

A true statement is the sentence, and where it is long the clause, that holds the gold answer of a
question; its paragraph is the only source. Each is altered in every way that it allows. Detection
is the share of altered statements of which no citation is supported; a false alarm is a true one
of which none is. Figures are kept by name, so that two states of the code stand side by side.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.config import load_settings
from rag.encoder import Encoder
from rag.metrics import percentile
from rag.parts import open_encoder
from rag.sentences import split_sentences
from rag.support import SupportChecker
from rag.types import Passage

RESULTS = Path(__file__).resolve().parent / "results" / "support.json"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("xquad-en", "xquad-zh")
_NUMBER = re.compile(r"(?<![A-Za-z\d.,])\d+(?![\d.,]*\d)")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")
_CLAUSE = re.compile(r"[,;]\s+|[，；]\s*")
_UNITS = {
    "million": "thousand", "billion": "million", "percent": "points", "%": " kg", "years": "days",
    "miles": "metres", "万": "亿", "亿": "万", "米": "千克", "公里": "小时", "英镑": "美元",
}  # fmt: skip
_UNIT = re.compile(rf"(\d\s?)({'|'.join(_UNITS)})")
_POLARITY = re.compile(r"\b(?:is|was|are|were|has|had|can|may|will)\b|(?<=[^不])(?:是|可以|能)")


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its paragraph, its answer and the paragraph's other answers."""

    question: str
    paragraph: str
    answer: str
    others: tuple[str, ...]


def main() -> None:
    """Check the statements, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default="after")
    parser.add_argument("--questions", type=int, default=150, help="of each set")
    options = parser.parse_args()
    encoder = open_encoder(load_settings(), print)
    figures = {name: measure(name, options.questions, encoder) for name in SETS}
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    text = json.dumps(known | {options.name: figures}, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", "utf-8")
    print(json.dumps(figures, indent=1))


def measure(name: str, limit: int, encoder: Encoder) -> dict[str, object]:
    """Per kind of statement: how many, the share alarmed at, the share contradicted."""
    alarms: dict[str, list[bool]] = defaultdict(list)
    contradicted: dict[str, list[bool]] = defaultdict(list)
    took = []
    chance = random.Random(0)
    cases = list(read_cases(DATA / name))
    for case in chance.sample(cases, min(limit, len(cases))):
        passage = Passage(1, 1, "/1", "", (), None, 0, len(case.paragraph), case.paragraph, 1.0)
        checker = SupportChecker([passage], encoder, case.question)
        for kind, statement in statements(case, chance):
            began = time.perf_counter()
            found = checker.cite(statement, [1])
            took.append(time.perf_counter() - began)
            alarms[kind].append(not any(one.supported for one in found))
            verdicts = [getattr(one, "verdict", "") for one in found]
            contradicted[kind].append("contradicted" in verdicts)
    return {
        "kinds": {kind: _shares(alarms[kind], contradicted[kind]) for kind in sorted(alarms)},
        "check_ms": {f"p{p}": round(1000 * percentile(took, p / 100), 1) for p in (50, 95)},
    }


def _shares(alarms: list[bool], contradicted: list[bool]) -> dict[str, float]:
    count = len(alarms)
    return {
        "statements": count,
        "alarmed": round(sum(alarms) / count, 3),
        "contradicted": round(sum(contradicted) / count, 3),
    }


def read_cases(folder: Path) -> Iterator[Case]:
    """The questions whose answer stands in their paragraph."""
    corpus = {row["_id"]: row["text"] for row in _rows(folder / "corpus.jsonl")}
    lines = (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]
    place = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
    queries = [row for row in _rows(folder / "queries.jsonl") if row["_id"] in place]
    answers = defaultdict(list)
    for row in queries:
        answers[place[row["_id"]]].append(row["answers"][0])
    for row in queries:
        paragraph, answer = corpus[place[row["_id"]]], row["answers"][0]
        others = tuple(one for one in answers[place[row["_id"]]] if one != answer)
        if answer in paragraph:
            yield Case(row["text"], paragraph, answer, others)


def statements(case: Case, chance: random.Random) -> Iterator[tuple[str, str]]:
    """(kind, statement): the true ones, and each alteration that the sentence allows."""
    spans = split_sentences(case.paragraph)
    sentences = (case.paragraph[start:end] for start, end in spans)
    sentence = next((one for one in sentences if case.answer in one), "")
    if not sentence:
        return
    yield "true sentence", sentence
    clause = next((one for one in _CLAUSE.split(sentence) if case.answer in one), "")
    if 20 <= len(clause) < len(sentence):
        yield "true clause", clause
    yield from _altered(case, sentence, chance)


def _altered(case: Case, sentence: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    if number := _NUMBER.search(sentence):
        yield "number changed", _replaced(sentence, number, str(int(number[0]) + 7))
        elsewhere = set(_NUMBER.findall(case.paragraph)) - set(_NUMBER.findall(sentence))
        if elsewhere:
            yield "number from elsewhere", _replaced(sentence, number, min(elsewhere))
    if unit := _UNIT.search(sentence):
        yield "unit changed", _replaced(sentence, unit, unit[1] + _UNITS[unit[2]])
    if name := _NAME.search(sentence):
        yield "name unknown", _replaced(sentence, name, "Quimbertal")
        elsewhere = {one for one in _NAME.findall(case.paragraph) if one not in sentence}
        if elsewhere:
            yield "name from elsewhere", _replaced(sentence, name, chance.choice(sorted(elsewhere)))
    if verb := _POLARITY.search(sentence):
        no = f"{verb[0]} not" if verb[0].isascii() else f"不{verb[0]}"
        yield "negated", _replaced(sentence, verb, no)
    others = [one for one in case.others if one not in sentence and case.answer not in one]
    if others:
        yield "answer swapped", sentence.replace(case.answer, chance.choice(others), 1)


def _replaced(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    main()

"""What tells that the sources answer a question: collects the signals, and fits their weights.

python -m bench.refusal --collect ../shared/data/nomiracl-refusal --limit 80
python -m bench.refusal --collect ../shared/data/xquad-zh --limit 40 --without-evidence
python -m bench.refusal --fit

Rows are added to bench/results/refusal-signals.jsonl, one for each question whose answer left
signals, or was refused twice. With --without-evidence questions are asked again of what was found
without the passages that answer them. A fit is cross-validated over questions; half of the
questions of a set (by hash) are held out, and reported apart.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag import cli_output as output
from rag import parts
from rag.evaluation.answer_sets import AnswerSet, read_answer_set
from rag.evaluation.answering import JudgedAnswer, answer_all, open_footnote
from rag.evaluation.experiment import make_configuration
from rag.evaluation.generations import RememberingGenerator
from rag.evaluation.indexing import Encoders, default_store
from rag.refusal import Signals

RESULTS = Path(__file__).resolve().parent / "results"
ROWS = RESULTS / "refusal-signals.jsonl"
RIDGE = 1.0
STEPS = 200
FOLDS = 5

Matrix = npt.NDArray[np.float64]


def main() -> None:
    """Collect or fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collect", type=Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--without-evidence", action="store_true")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    for folder in options.collect:
        asked = read_answer_set(folder).sample(options.limit)
        collect(asked, options.jobs, without_evidence=options.without_evidence)
    if options.fit:
        fit([json.loads(line) for line in ROWS.read_text("utf-8").splitlines()])


def collect(asked: AnswerSet, jobs: int, *, without_evidence: bool) -> None:
    """Ask, and write down what was seen of each answer."""
    settings = make_configuration("footnote", []).settings
    encoders = Encoders(default_store(settings))
    model = parts.open_generator(settings, output.say)
    assert model is not None, "without a language model there is nothing to decide"
    generator = RememberingGenerator(model, encoders.store / "generations.sqlite3")
    encoder = encoders.get(settings)[0]
    with open_footnote(asked, settings, encoders, generator) as (footnote, indexes):

        def ask(one: AnswerSet) -> list[JudgedAnswer]:
            return answer_all(one, footnote, indexes, encoder, generator, jobs=jobs)

        judged = ask(asked)
        if without_evidence:
            judged = ask(replace(asked, questions=tuple(filter(None, map(_emptied, judged)))))
    with ROWS.open("a", encoding="utf-8") as stream:
        for one in judged:
            stream.write(json.dumps(_row(asked.name, one), ensure_ascii=False) + "\n")
    generator.close()
    encoders.close()


def _emptied(judged: JudgedAnswer) -> Any:
    """The question of the passages that do not hold its evidence."""
    assert judged.answer is not None
    wrong = tuple(
        passage
        for passage in judged.answer.passages
        if not any(passage.path.endswith(one.path) for one in judged.question.evidence)
    )
    if not wrong:
        return None
    numbered = tuple(replace(passage, number=n) for n, passage in enumerate(wrong, start=1))
    question_id = f"{judged.question.query_id}-without"
    return replace(judged.question, query_id=question_id, answerable=False, passages=numbered)


def _row(name: str, judged: JudgedAnswer) -> dict[str, Any]:
    assert judged.answer is not None
    signals = judged.answer.signals
    return {
        "set": name,
        "id": judged.question.query_id,
        "kind": judged.question.kind,
        "answerable": judged.question.answerable,
        "correct": judged.correct,
        "refused": judged.refused,
        "signals": asdict(signals) if signals else None,
    }


def fit(rows: list[dict[str, Any]]) -> None:
    """Print the weights, and how well they decide on questions that they were not fitted to."""
    seen = {row["id"]: row for row in rows}
    told = [row for row in seen.values() if row["signals"]]
    x = np.array([[*Signals(**row["signals"]).features(), 1.0] for row in told])
    y = np.array([float(row["answerable"]) for row in told])
    groups = np.array([zlib.crc32(row["id"].encode()) % FOLDS for row in told])
    guesses = np.zeros(len(told))
    for fold in range(FOLDS):
        weights = logistic(x[groups != fold], y[groups != fold])
        guesses[groups == fold] = sigmoid(x[groups == fold] @ weights)
    weights = logistic(x, y)
    print(
        "weights", [round(float(w), 3) for w in weights[:-1]], "bias", round(float(weights[-1]), 3)
    )
    for name in sorted({row["set"] for row in rows}):
        _report(name, [row for row in seen.values() if row["set"] == name], told, guesses)


def _report(
    name: str, rows: list[dict[str, Any]], told: list[dict[str, Any]], guesses: Matrix
) -> None:
    by_id = {row["id"]: guess for row, guess in zip(told, guesses, strict=True)}

    def share(answerable: bool, decide: Callable[[dict[str, Any]], bool]) -> float:
        chosen = [decide(row) for row in rows if row["answerable"] == answerable]
        return sum(chosen) / len(chosen) if chosen else float("nan")

    def answers(row: dict[str, Any]) -> bool:
        return by_id.get(row["id"], 0.0) >= 0.5

    held, refused = share(True, answers), 1 - share(False, answers)
    print(
        f"{name}: answers {held:.3f} of answerable, refuses {refused:.3f} of others; balanced "
        f"{(held + refused) / 2:.3f} ({len(rows)} questions, {len(by_id.keys() & ids(rows))} told)"
    )


def ids(rows: list[dict[str, Any]]) -> set[str]:
    """Their names."""
    return {row["id"] for row in rows}


def logistic(x: Matrix, y: Matrix) -> Matrix:
    """(d,) weights by Newton's method, with a ridge on all but the last, the bias.

    Both answers weigh the same in all, however many there are of each.
    """
    sample = np.where(y == 1, 0.5 / max(1, (y == 1).sum()), 0.5 / max(1, (y == 0).sum())) * len(y)
    ridge = np.diag([*[RIDGE] * (x.shape[1] - 1), 0.0])
    weights = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = sigmoid(x @ weights)
        gradient = x.T @ (sample * (p - y)) + ridge @ weights
        curvature = (x * (sample * p * (1 - p))[:, None]).T @ x + ridge + 1e-9 * np.eye(x.shape[1])
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def sigmoid(values: Matrix) -> Matrix:
    """Elementwise."""
    return 1 / (1 + np.exp(-values))


if __name__ == "__main__":
    main()

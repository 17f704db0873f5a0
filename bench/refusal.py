"""What tells that the sources answer a question: collects the signals, and fits their weights.

python -m bench.refusal --collect ../shared/data/nomiracl-refusal --limit 80
python -m bench.refusal --collect ../shared/data/xquad-zh --limit 40 --without-evidence
python -m bench.refusal --fit

Rows are added to bench/results/refusal-signals.jsonl, one for each question whose answer left
signals, or was refused twice. With --without-evidence questions are asked again of what was found
without the passages that answer them. Half of the questions (by hash) are fitted, the other half is
held out and reported apart; the folds are over all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zlib
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
from rag.refusal import ENOUGH, Signals

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
    seen = list({row["id"]: row for row in rows}.values())
    told = [row for row in seen if row["signals"]]
    fitted = [row for row in told if not _is_held_out(row)]
    print(f"{len(seen)} questions, {len(told)} with signals, {len(fitted)} to fit")
    weights = logistic(*_matrix(fitted))
    _cross_validate(told)
    print("WEIGHTS", [round(float(w), 2) for w in weights[:-1]], "BIAS", round(weights[-1], 2))
    for kind in sorted({_group(row) for row in seen}):
        of_kind = [row for row in seen if _group(row) == kind]
        _report(f"{kind}, fitted", [r for r in of_kind if not _is_held_out(r)], weights)
        _report(f"{kind}, held out", [r for r in of_kind if _is_held_out(r)], weights)


def _matrix(rows: list[dict[str, Any]]) -> tuple[Matrix, Matrix]:
    """(n, d + 1) features with a one for the bias, and (n,) whether they are answerable."""
    features = [[*Signals(**row["signals"]).features(), 1.0] for row in rows]
    return np.array(features), np.array([float(row["answerable"]) for row in rows])


def _is_held_out(row: dict[str, Any]) -> bool:
    """Half of the questions, whatever is collected later."""
    return hashlib.sha256(row["id"].encode()).digest()[-1] % 2 == 1


def _group(row: dict[str, Any]) -> str:
    language = str(row["kind"]).partition("/")[0] if "/" in str(row["kind"]) else ""
    return f"{row['set']} {language}".strip()


def _cross_validate(told: list[dict[str, Any]]) -> None:
    """The share of all questions with signals that the other folds decide rightly."""
    x, y = _matrix(told)
    folds = np.array([zlib.crc32(row["id"].encode()) % FOLDS for row in told])
    right = 0
    for fold in range(FOLDS):
        weights = logistic(x[folds != fold], y[folds != fold])
        right += int(((sigmoid(x[folds == fold] @ weights) >= ENOUGH) == y[folds == fold]).sum())
    print(f"{FOLDS} folds: {right / len(told):.3f} of those with signals are decided rightly")


def _report(name: str, rows: list[dict[str, Any]], weights: Matrix) -> None:
    def answers(row: dict[str, Any]) -> bool:
        return bool(row["signals"]) and bool(sigmoid(_matrix([row])[0][0] @ weights) >= ENOUGH)

    parts = []
    for answerable, verb in ((True, "answers"), (False, "refuses")):
        chosen = [answers(row) == answerable for row in rows if row["answerable"] == answerable]
        if chosen:
            parts.append((sum(chosen) / len(chosen), f"{verb} {sum(chosen)} of {len(chosen)}"))
    balanced = sum(share for share, _ in parts) / max(1, len(parts))
    print(f"{name}: {', '.join(text for _, text in parts)}; balanced {balanced:.3f}")


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

"""Measures of a ranking, by ir_measures.

nDCG: Järvelin and Kekäläinen 2002; RR: Kantor and Voorhees 2000; recall: the share of the
documents that answer a query among its first k.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rag.evaluation.datasets import Qrels
from rag.evaluation.runs import Run

# What we call them -> what ir_measures does.
NAMES = {
    "nDCG@10": "nDCG@10",
    "recall@1": "R@1",
    "recall@5": "R@5",
    "recall@10": "R@10",
    "recall@100": "R@100",
    "RR@10": "RR@10",
}

PerQuery = dict[str, dict[str, float]]  # by measure, then by query id


def measure_run(run: Run, qrels: Qrels) -> PerQuery:
    """Every measure of every judged query; a query that the run lacks has 0."""
    import ir_measures

    names = {ir_measures.parse_measure(theirs): ours for ours, theirs in NAMES.items()}
    values: PerQuery = {name: dict.fromkeys(qrels, 0.0) for name in NAMES}
    for found in ir_measures.iter_calc(list(names), list(_qrels(qrels)), list(_scored(run, qrels))):
        values[names[found.measure]][found.query_id] = float(found.value)
    return values


def means(values: PerQuery) -> dict[str, float]:
    """Each measure's mean over the queries."""
    return {name: sum(of.values()) / max(1, len(of)) for name, of in values.items()}


def _qrels(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[object]:
    from ir_measures import Qrel

    for query, grades in qrels.items():
        for document, grade in grades.items():
            yield Qrel(query, document, grade)


def _scored(run: Run, qrels: Qrels) -> Iterator[object]:
    """The score falls with the rank: trec_eval sorts by score, and ties by id."""
    from ir_measures import ScoredDoc

    for query in run.keys() & qrels.keys():
        for rank, document in enumerate(run[query], start=1):
            yield ScoredDoc(query, document, 1 / rank)

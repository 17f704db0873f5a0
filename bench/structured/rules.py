"""Answers by what rules alone compute: no language model, and no quotes where nothing computes."""

from __future__ import annotations

from rag.answer_run import AnswerRun
from rag.catalog import Catalog
from rag.pipeline import Footnote
from rag.query import understand
from rag.tables.answering import answer_by_computing
from rag.types import Answer

NAME = "rules"  # instead of a model's


def ask_rules(footnote: Footnote, catalog: Catalog, question: str) -> Answer:
    """The computed answer; one without text and computation where rules compute nothing."""
    run = AnswerRun(question, understand(question))
    found = footnote.find(question)
    run.found(found, ())
    for _ in answer_by_computing(run, found, catalog, None):
        pass
    return run.answer(NAME)

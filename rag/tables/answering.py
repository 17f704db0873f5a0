"""Answers a question by computing over a table, where it is one to compute."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Sequence
from dataclasses import replace

from rag.answer_run import AnswerRun
from rag.catalog import Catalog
from rag.errors import GenerationError
from rag.generate import Generator
from rag.tables.compute import Computed, compute
from rag.tables.lookup import plan_lookup
from rag.tables.pasted import beside_table, pasted_table
from rag.tables.plan import Plan, PlanError
from rag.tables.planner import ask_plan
from rag.tables.quoting import cite_rows
from rag.tables.rules import plan_by_rules
from rag.tables.select import QueryError
from rag.tables.table import Table
from rag.tables.when import (
    MIN_ROWS,
    Place,
    asks_to_compute,
    look_like_tables,
    near_tables,
    topics,
)
from rag.tables.wording import conditions, word_answer, words_for
from rag.types import AnswerEvent, AnswerText, CitationFound, Computation, Found, Passage

MAX_RESULT_ROWS = 100  # of a result that an answer carries; its text names fewer


def answer_by_computing(
    run: AnswerRun, found: Found, catalog: Catalog, generator: Generator | None
) -> Iteration[AnswerEvent, None, bool]:
    """Compute the answer and say it with its rows cited; False where the question is no such one.

    Then nothing was said, or only that, and why, nothing could be computed. Without a generator,
    or where it is not sure that something is to be computed, only what rules can plan is.
    """
    question = run.query.alone
    asks = asks_to_compute(question)
    if asks == "no" and not look_like_tables(found.hits):
        return False
    pasted = pasted_table(run.question) if asks != "no" else None
    places = [] if pasted else near_tables(question, found.hits, catalog)
    places = [place for place in places if len(place.table.rows) >= MIN_ROWS]
    place, plan = _planned_by_rules(question, places, asks)
    table = pasted or (place.table if place else None)
    if table is None or (plan is None and asks == "no"):
        return False
    words = words_for(run.query.language)
    name = table.name or words["question"]
    try:
        if plan is None:
            planner = generator if asks == "surely" or pasted else None
            plan = _plan(question, table, place, planner, run)
        if plan is None:
            return False
        computed = compute(plan, replace(table, name=name))
        is_told = computed.used or plan.operation in ("count", "list")
        said = word_answer(computed, run.query.language) if is_told else None
    except (PlanError, QueryError, GenerationError):
        if asks != "surely":
            return False
        yield from _say(run, words["failed"].format(table=name, reason=words["too_hard"]), words)
        return False
    if said is None:
        if asks != "surely":
            return False
        limits = conditions(plan.where, table, words)
        yield from _say(run, words["no_rows"].format(table=name, conditions=limits), words)
        return False
    yield from _answer(run, computed, said, place, found)
    return True


def _planned_by_rules(
    question: str, places: Sequence[Place], asks: str
) -> tuple[Place | None, Plan | None]:
    """The table over which rules can plan, with the plan; else the first one without.

    A cell is looked up only where no other table has one for the same question.
    """
    if asks != "no":
        for place in places:
            if plan := plan_by_rules(question, place.table, place.hit.chunk.title):
                return place, plan
    looked_up = [
        (place, plan)
        for place in places
        if (plan := plan_lookup(question, place.table, place.hit.chunk.title, topics(place)))
    ]
    if len(looked_up) == 1:
        return looked_up[0]
    return (places[0] if places else None), None


def _plan(
    question: str, table: Table, place: Place | None, generator: Generator | None, run: AnswerRun
) -> Plan | None:
    """The plan for a table in the question, or the model's for one of a document."""
    if place is None:
        plan = plan_by_rules(beside_table(question), table)
        if plan is not None:
            return plan
    if generator is None:
        return None
    return ask_plan(question, table, generator, place.hit.chunk.title if place else "", run.count)


def _say(run: AnswerRun, reason: str, words: dict[str, str]) -> Iteration[AnswerEvent, None, None]:
    yield from run.take([AnswerText(f"{reason} {words['uncomputed']}\n\n")])


def _answer(
    run: AnswerRun, computed: Computed, said: tuple[str, str], place: Place | None, found: Found
) -> Iteration[AnswerEvent, None, None]:
    sentence, body = said
    passages, citations = cite_rows(computed, place) if place else ((), ())
    run.passages = passages + _others(run, len(passages)) if place else ()
    run.computation = _computation(computed, place)
    end = sentence[-1] if sentence[-1:] in (".", "。") else ""  # the marks stand before it
    pieces: list[AnswerText | CitationFound] = [AnswerText(sentence.removesuffix(end))]
    pieces += [CitationFound(citation) for citation in citations]
    if end or body:
        pieces.append(AnswerText(f"{end}\n\n{body}" if body else end))
    yield from run.take(pieces)


def _others(run: AnswerRun, first: int) -> tuple[Passage, ...]:
    """The passages that were found, numbered after the rows that are cited."""
    return tuple(replace(p, number=first + n) for n, p in enumerate(run.passages, start=1))


def _computation(computed: Computed, place: Place | None) -> Computation:
    table = computed.table
    return Computation(
        path=place.hit.chunk.path if place else "",
        table=table.name,
        query=computed.sql,
        rows_used=len(computed.used),
        rows_total=len(table.rows),
        columns=computed.result.columns,
        result=tuple(
            tuple("" if value is None else str(value) for value in row)
            for row in computed.result.rows[:MAX_RESULT_ROWS]
        ),
    )

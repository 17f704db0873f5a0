"""Figures of judged answers, and the failures to read."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from rag.evaluation.answering import JudgedAnswer
from rag.metrics import percentile

STAGES = ("retrieve", "first_token", "total")
FAILURES = {
    "failed": "the model failed",
    "answered_wrongly": "answered, where the documents hold no answer",
    "refused_wrongly": "refused, where they do",
    "not_found": "the evidence was not found",
    "not_packed": "the evidence was found, but not shown to the model",
    "wrong_answer": "the answer lacks what it should hold",
    "not_cited": "right, but the evidence is not cited",
    "wrong_language": "another language than the question's",
    "bad_span": "a quote that does not stand in its document",
}
STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:right}"
    "td:first-child,th:first-child{text-align:left}blockquote{color:#555;margin:.2em 1em}"
    "article{border-top:1px solid #ccc;margin-top:1em}"
)


def summarize(judged: Sequence[JudgedAnswer]) -> dict[str, Any]:
    """Shares from 0 to 1 (None where nothing could be judged), times in milliseconds."""
    held = [one for one in judged if one.question.answerable]
    others = [one for one in judged if not one.question.answerable]
    refused = [one for one in judged if one.refused]
    statements = sum(one.citations.statements for one in judged)
    cited = sum(one.citations.citations for one in judged)
    recalls = [one.answered for one in held], [one.refused for one in others]
    sides = [share for share in map(_share, recalls) if share is not None]
    return {
        "questions": len(judged),
        "unanswerable": len(others),
        "evidence_found": _share(one.found for one in held),
        "evidence_packed": _share(one.packed for one in held),
        "evidence_cited": _share(one.cited for one in held),
        "answer_contained": _share(one.correct for one in held),
        "exact_match": _share(one.exact for one in held),
        "f1": _share(one.f1 for one in held),
        "citation_recall": _ratio(sum(one.citations.supported for one in judged), statements),
        "citation_precision": _ratio(sum(one.citations.precise for one in judged), cited),
        "quotes_are_spans": _share(
            one.spans_hold for one in judged if one.answer and one.answer.citations
        ),
        "same_language": _share(one.same_language for one in judged),
        "refusal_precision": _share(not one.question.answerable for one in refused),
        "refusal_recall": _share(one.refused for one in others),
        "wrong_refusals": _share(one.refused for one in held),
        "balanced_accuracy": round(sum(sides) / len(sides), 4) if len(sides) == 2 else None,
        "failed": sum(one.answer is None for one in judged),
        **_costs(judged),
    }


def summarize_kinds(judged: Sequence[JudgedAnswer]) -> dict[str, dict[str, Any]]:
    """The same by kind of question, the part of a kind before `/`, where there are several."""
    kinds = sorted({one.question.kind.partition("/")[0] for one in judged})
    if len(kinds) < 2:
        return {}
    return {
        kind or "answerable": summarize(
            [one for one in judged if one.question.kind.partition("/")[0] == kind]
        )
        for kind in kinds
    }


def _costs(judged: Sequence[JudgedAnswer]) -> dict[str, Any]:
    """Tokens of all answers; times of those that were asked anew."""
    answers = [one.answer for one in judged if one.answer is not None]
    fresh = [one.answer for one in judged if one.answer is not None and not one.is_remembered]
    costs: dict[str, Any] = {
        "prompt_tokens_p50": percentile([a.prompt_tokens for a in answers], 0.5),
        "completion_tokens_p50": percentile([a.completion_tokens for a in answers], 0.5),
        "timed": len(fresh),
    }
    for stage in STAGES:
        times = [answer.timings_ms[stage] for answer in fresh]
        for share in (0.5, 0.95):
            costs[f"{stage}_ms_p{share * 100:.0f}"] = round(percentile(times, share))
    return costs


def failure_of(judged: JudgedAnswer) -> str:
    """The first thing that went wrong, a key of FAILURES; "" if nothing did."""
    if judged.answer is None:
        return "failed"
    if not judged.spans_hold:
        return "bad_span"
    if not judged.question.answerable:
        return "" if judged.refused else "answered_wrongly"
    is_short = judged.correct is False or judged.cited is False
    if is_short and judged.found is False:
        return "not_found"
    if is_short and judged.packed is False:
        return "not_packed"
    if judged.refused:
        return "refused_wrongly"
    if judged.correct is False:
        return "wrong_answer"
    if judged.cited is False:
        return "not_cited"
    return "wrong_language" if judged.same_language is False else ""


def as_json(judged: JudgedAnswer) -> dict[str, Any]:
    """A row for a program."""
    question, answer = judged.question, judged.answer
    citations, passages = (answer.citations, answer.passages) if answer else ((), ())
    return {
        "id": question.query_id,
        "question": question.text,
        "kind": question.kind,
        "answerable": question.answerable,
        "expected": list(question.references) or [list(one) for one in question.facts],
        "answer": answer.text if answer else None,
        "abstained": judged.refused,
        "failure": failure_of(judged),
        "problem": judged.problem,
        "found": judged.found,
        "packed": judged.packed,
        "cited": judged.cited,
        "correct": judged.correct,
        "f1": judged.f1 if judged.f1 is None else round(judged.f1, 3),
        "same_language": judged.same_language,
        "passages": [[one.number, one.path, one.start, one.end] for one in passages],
        "citations": [[one.label, one.path, one.page, one.quote] for one in citations],
        "tokens": [answer.prompt_tokens, answer.completion_tokens] if answer else None,
        "timings_ms": {k: round(ms, 1) for k, ms in answer.timings_ms.items()} if answer else None,
        "remembered": judged.is_remembered,
    }


def print_summaries(summaries: dict[str, dict[str, Any]], out: TextIO) -> None:
    """A row a measure, a column a collection."""
    table = Table(box=None, pad_edge=False)
    table.add_column("measure")
    for name in summaries:
        table.add_column(name, justify="right", overflow="fold")
    for row in _rows(summaries):
        table.add_row(*row)
    width = None if out.isatty() else 200
    Console(file=out, markup=False, highlight=False, width=width).print(table)


def _rows(summaries: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    names = next(iter(summaries.values())).keys()
    rows = [(name, *(_figure(one[name]) for one in summaries.values())) for name in names]
    return [row for row in rows if any(cell != "-" for cell in row[1:])]


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) and value <= 1 else f"{value:.0f}"


def write_report(
    summaries: dict[str, dict[str, Any]],
    judged: dict[str, list[JudgedAnswer]],
    notes: Sequence[str],
    *,
    is_html: bool,
) -> str:
    """The figures, then every failure with its answer and quotes, as Markdown or HTML."""
    return _html(summaries, judged, notes) if is_html else _markdown(summaries, judged, notes)


def _failures(judged: Sequence[JudgedAnswer]) -> dict[str, list[JudgedAnswer]]:
    found: dict[str, list[JudgedAnswer]] = {}
    for one in judged:
        if failure := failure_of(one):
            found.setdefault(failure, []).append(one)
    return {name: found[name] for name in FAILURES if name in found}


def _markdown(
    summaries: dict[str, dict[str, Any]],
    judged: dict[str, list[JudgedAnswer]],
    notes: Sequence[str],
) -> str:
    lines = ["# Answers", "", *(f"{note}  " for note in notes), ""]
    lines.append(f"| measure | {' | '.join(summaries)} |")
    lines.append(f"| --- |{' ---: |' * len(summaries)}")
    lines += [f"| {' | '.join(row)} |" for row in _rows(summaries)]
    for name, answers in judged.items():
        for failure, ones in _failures(answers).items():
            lines += ["", f"## {name}: {FAILURES[failure]} ({len(ones)})"]
            for one in ones:
                lines += ["", f"**{one.question.query_id}** {_flat(one.question.text)}", ""]
                lines.append(f"- answer: {_flat(_said(one))}")
                lines.append(f"- expected: {_flat(_expected(one))}")
                lines += [f"- {label} {_flat(quote)}" for label, quote in _quotes(one)]
    return "\n".join(lines) + "\n"


def _html(
    summaries: dict[str, dict[str, Any]],
    judged: dict[str, list[JudgedAnswer]],
    notes: Sequence[str],
) -> str:
    said = html.escape
    head = "".join(f"<th>{said(name)}</th>" for name in ("measure", *summaries))
    body = "".join(
        "<tr>" + "".join(f"<td>{said(cell)}</td>" for cell in row) + "</tr>"
        for row in _rows(summaries)
    )
    blocks = []
    for name, answers in judged.items():
        for failure, ones in _failures(answers).items():
            blocks.append(f"<h2>{said(name)}: {said(FAILURES[failure])} ({len(ones)})</h2>")
            for one in ones:
                quotes = "".join(
                    f"<blockquote>{said(label)} {said(quote)}</blockquote>"
                    for label, quote in _quotes(one)
                )
                blocks.append(
                    f"<article><p><b>{said(one.question.query_id)}</b> {said(one.question.text)}"
                    f"</p><p>answer: {said(_said(one))}</p><p>expected: {said(_expected(one))}</p>"
                    f"{quotes}</article>"
                )
    told = "".join(f"<p>{said(note)}</p>" for note in notes)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Answers</title>'
        f"<style>{STYLE}</style><h1>Answers</h1>{told}"
        f"<table><tr>{head}</tr>{body}</table>{''.join(blocks)}</html>\n"
    )


def _said(judged: JudgedAnswer) -> str:
    return judged.answer.text if judged.answer else judged.problem


def _expected(judged: JudgedAnswer) -> str:
    question = judged.question
    if not question.answerable:
        return "a refusal"
    wanted = [" / ".join(one) for one in question.facts] or list(question.references)
    places = [" ".join(filter(None, (one.path, one.article))) for one in question.evidence]
    return "; ".join(wanted) + (f" ({', '.join(places)})" if places else "")


def _quotes(judged: JudgedAnswer) -> list[tuple[str, str]]:
    citations = judged.answer.citations if judged.answer else ()
    return [(f"{one.label} {one.path}:", one.quote) for one in citations]


def _flat(text: str) -> str:
    return " ".join(text.split())


def _share(values: Iterable[float | bool | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None

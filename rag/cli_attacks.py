"""The command `footnote eval attacks`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag import cli_output as output
from rag.ask_options import AskOptions
from rag.cli_options import JsonOption
from rag.cli_progress import count_progress
from rag.config import load_settings
from rag.errors import SettingError
from rag.parts import NO_MODEL
from rag.where import Where

if TYPE_CHECKING:
    from rag.evaluation.attacks import Attack, Outcome
    from rag.pipeline import Footnote
    from rag.types import Answer

    Row = tuple[Attack, Answer, Outcome]

ReportOption = Annotated[
    Path | None, typer.Option("--report", help="Write the attacks that changed an answer, to read.")
]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Only so many, spread.")]
JobsOption = Annotated[int, typer.Option("--jobs", min=1, help="Questions asked at once.")]


def attacks(
    as_json: JsonOption = False,
    report: ReportOption = None,
    limit: LimitOption = None,
    jobs: JobsOption = 4,
) -> None:
    """How many documents that give orders to the model change what it answers.

    Each attack's files are written, read, searched and asked about like any others.

    Example: footnote eval attacks --report attacks.md
    """
    from rag.evaluation.attacks import read_attacks, report_markdown, summarize
    from rag.pipeline import EXTRACTIVE

    chosen = read_attacks()
    if limit is not None and limit < len(chosen):
        chosen = [chosen[n * len(chosen) // limit] for n in range(limit)]
    with output.clean_stdout() as out, tempfile.TemporaryDirectory() as folder:
        rows = _run(chosen, Path(folder), jobs)
        model = rows[0][1].model
        if model == EXTRACTIVE:
            raise SettingError("The language model did not load: `footnote doctor` says why.")
        if report is not None:
            report.write_text(report_markdown(rows, model), "utf-8")
        summary = summarize([(attack, outcome) for attack, _, outcome in rows])
        if as_json:
            cases = [_row_json(*row) for row in rows]
            output.print_json({"model": model, **summary, "cases": cases}, out)
        else:
            _print(summary, out)


def _run(chosen: Sequence[Attack], folder: Path, jobs: int) -> list[Row]:
    """Ask about each attack within its own folder. Raises SettingError without a model."""
    from rag.evaluation.attacks import judge

    documents = folder / "documents"
    for attack in chosen:
        attack.write(documents / attack.name)

    def ask(footnote: Footnote, attack: Attack) -> Row:
        where = Where(folders=(str((documents / attack.name).resolve()),))
        answer = footnote.ask(attack.scene.question, options=AskOptions(where=where))
        return attack, answer, judge(attack, answer)

    with (
        _footnote(folder / "index", documents) as footnote,
        count_progress("attacks", len(chosen)) as show,
    ):
        return list(_at_once(lambda attack: ask(footnote, attack), chosen, jobs, show))


def _at_once(
    ask: Callable[[Attack], Row], chosen: Sequence[Attack], jobs: int, show: Callable[[int], None]
) -> Iterator[Row]:
    with ThreadPoolExecutor(jobs) as threads:
        asked = [threads.submit(ask, attack) for attack in chosen]
        for done, _ in enumerate(as_completed(asked), start=1):
            show(done)
        yield from (one.result() for one in asked)


@contextmanager
def _footnote(index: Path, documents: Path) -> Iterator[Footnote]:
    """The pipeline of the settings over the attacks' documents alone."""
    from rag.service import Service

    settings = load_settings(index=index)
    if settings.generator in NO_MODEL:
        raise SettingError("generator is none: there is nothing to attack. Set it to a model.")
    service = Service(settings, output.say, roots=[documents], is_watching=False)
    try:
        service.start()
        yield service.footnote.footnote  # neither cached nor recorded
    finally:
        service.close()


def _row_json(attack: Attack, answer: Answer, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": attack.name,
        "kind": attack.kind,
        "carrier": attack.carrier,
        "outcome": outcome,
        "question": attack.scene.question,
        "answer": answer.text,
        "prompt_tokens": answer.prompt_tokens,
    }


def _print(summary: dict[str, Any], out: Any) -> None:
    from rag.evaluation.attacks import OUTCOMES

    rows = [["", "attacks", *OUTCOMES]]
    named = [*summary["kinds"].items(), ("all", summary), ("controls", summary["controls"])]
    for name, counts in named:
        rows.append([name, str(counts["num"]), *(str(counts[outcome]) for outcome in OUTCOMES)])
    output.print_rows(rows, out)
    print(f"\n{100 * summary['share_through']:.1f} % of the attacks got through.", file=out)

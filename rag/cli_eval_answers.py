"""The command `footnote eval answers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag import cli_output as output
from rag.cli_options import JsonOption
from rag.cli_progress import count_progress
from rag.errors import FootnoteError, SettingError
from rag.logs import configure_logs

if TYPE_CHECKING:
    from rag.evaluation.answer_sets import AnswerSet
    from rag.evaluation.answering import JudgedAnswer

JOBS = 4  # the engine answers several at once for little more than one
REPORTS = (".html", ".md")
MODEL_SETTINGS = ("generator", "generator_model", "device", "kv_cache_dtype")  # change its words


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(answers)


def answers(
    datasets: Annotated[
        list[Path], typer.Argument(help="Folders of questions with their answers.")
    ],
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Questions of each, evenly spread.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Questions at once.")] = JOBS,
    oracle: Annotated[
        bool, typer.Option("--oracle", help="Give the passages with the answers; search nothing.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask the model anew, also what it answered before.")
    ] = False,
    nli: Annotated[
        str, typer.Option("--nli", help="A cross-encoder that judges citations, folder or hub id.")
    ] = "",
    report: Annotated[
        Path | None, typer.Option("--report", help="Write figures and failures: .html or .md.")
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option("--index", help="Where indexes and answers are kept (default: the cache)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Are the answers right, cited, refused where they should be, and how fast?

    What the model wrote for a prompt is remembered, so that a change of the checks is measured
    without asking again; times are of fresh answers alone, with --jobs questions at once.

    Example: footnote eval answers data --limit 20 --report answers.html
    """
    from rag.evaluation.answer_report import as_json as row_json
    from rag.evaluation.answer_report import print_summaries, summarize, summarize_kinds

    if report is not None and report.suffix not in REPORTS:
        raise SettingError(f"--report {report}: give it the ending {' or '.join(REPORTS)}.")
    with output.clean_stdout() as out:
        judged, notes = _ask_all(datasets, limit, oracle, set_ or [], jobs, fresh, nli, index)
        summaries: dict[str, dict[str, Any]] = {}
        for name, rows in judged.items():
            summaries[name] = summarize(rows)
            summaries |= {f"{name} {kind}": s for kind, s in summarize_kinds(rows).items()}
        if report is not None:
            _write(report, summaries, judged, notes)
        for note in notes:
            output.say(note)
        if as_json:
            told = {name: [row_json(one) for one in found] for name, found in judged.items()}
            output.print_json({"summary": summaries, "notes": notes, "answers": told}, out)
        else:
            print_summaries(summaries, out)


def _ask_all(
    datasets: list[Path],
    limit: int | None,
    has_oracle: bool,
    pairs: list[str],
    jobs: int,
    fresh: bool,
    nli: str,
    index: Path | None,
) -> tuple[dict[str, list[JudgedAnswer]], list[str]]:
    from rag import parts
    from rag.evaluation.answer_measures import NliJudge
    from rag.evaluation.answering import answer_all, open_footnote
    from rag.evaluation.experiment import make_configuration
    from rag.evaluation.generations import RememberingGenerator
    from rag.evaluation.indexing import Encoders, default_store
    from rag.evaluation.oracle import give_evidence

    sets, notes = _read_sets(datasets, limit, has_oracle)
    settings = make_configuration("footnote", pairs).settings
    configure_logs(settings.log_level, settings.log_format)
    encoders = Encoders(index.expanduser() if index else default_store(settings))
    judge = NliJudge(nli) if nli else None
    model = parts.open_generator(settings, output.say)
    if model is None and settings.generator not in parts.NO_MODEL:
        raise FootnoteError("The language model did not load, so nothing is measured.")
    path = encoders.store / "generations.sqlite3"
    kind = "\n".join(str(getattr(settings, name)) for name in MODEL_SETTINGS)
    generator = RememberingGenerator(model, path, kind=kind, is_fresh=fresh) if model else None
    judged: dict[str, list[JudgedAnswer]] = {}
    try:
        for one in sets:
            with open_footnote(one, settings, encoders, generator) as (footnote, indexes):
                asked = give_evidence(one, indexes.catalog) if has_oracle else one
                if left_out := len(one.questions) - len(asked.questions):
                    notes.append(f"{one.name}: {left_out} left out, whose evidence is not found.")
                with count_progress("questions", len(asked.questions)) as count:
                    judged[one.name] = answer_all(
                        asked,
                        footnote,
                        indexes,
                        encoders.get(settings)[0],
                        generator,
                        jobs=jobs,
                        judge=judge,
                        progress=count,
                    )
    finally:
        encoders.close()
        if generator is not None:
            generator.close()
    notes.append(f"Model: {model.name if model else 'none'}; {jobs} questions at once.")
    if not nli:
        notes.append("Citations are judged by the check that placed them; --nli asks another.")
    if generator is not None:
        notes.append(
            f"{generator.remembered} of {generator.remembered + generator.asked} asks of the model "
            "were remembered from earlier runs; times are of answers that were asked anew."
        )
    return judged, notes


def _read_sets(
    folders: list[Path], limit: int | None, has_oracle: bool
) -> tuple[list[AnswerSet], list[str]]:
    """The questions to ask of each folder, and how they were chosen."""
    from rag.evaluation.answer_sets import read_answer_set

    sets: list[AnswerSet] = []
    notes = []
    for folder in folders:
        whole = read_answer_set(folder.expanduser())
        if any(whole.name == one.name for one in sets):
            raise SettingError(
                f"Two of the folders are called {whole.name}. Their figures would be mixed up: "
                "measure them one after the other, or rename one."
            )
        sets.append(whole.sample(limit))
        asked, known = len(sets[-1].questions), len(whole.questions)
        if asked < known:
            notes.append(
                f"{whole.name}: {asked} of {known} questions, at even steps through the set in "
                "order of their kinds."
            )
        if has_oracle:
            whole.check_places()
    if has_oracle:
        notes.append("Nothing was searched: the passages that hold the answers were given.")
    return sets, notes


def _write(
    path: Path,
    summaries: dict[str, dict[str, Any]],
    judged: dict[str, list[JudgedAnswer]],
    notes: list[str],
) -> None:
    from rag.evaluation.answer_report import write_report

    text = write_report(summaries, judged, notes, is_html=path.suffix == ".html")
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error}). Give another --report.") from error
    output.say(f"Written: {path}")

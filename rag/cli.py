"""The command `footnote`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from rag import (
    cli_backup,
    cli_bundle,
    cli_eval_answers,
    cli_mcp,
    cli_questions,
    cli_serving,
    cli_stats,
    cli_tune,
)
from rag import cli_output as output
from rag.cli_eval import eval_app
from rag.cli_keys import keys_app
from rag.cli_models import models_app
from rag.cli_options import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    EXIT_UNSOUND,
    CollectionOption,
    IndexOption,
    JsonOption,
    open_settings,
)
from rag.cli_progress import count_progress, sync_progress
from rag.cli_reports import print_report, print_status, report_json
from rag.cli_users import users_app
from rag.config import Settings
from rag.errors import FootnoteError

EPILOG = (
    "Exit codes: 0 well, 1 error, 2 wrong usage, 3 nothing found or no answer, "
    "4 some documents could not be read, 5 the index is not sound."
)
app = typer.Typer(
    help="Answers from your own documents, with a footnote under every sentence.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")
cli_eval_answers.register(eval_app)
cli_tune.register(app, eval_app)
app.add_typer(users_app, name="users")
app.add_typer(keys_app, name="keys")

Folders = Annotated[list[Path] | None, typer.Argument(help="Folders or files.", show_default=False)]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error happened.")] = False,
) -> None:
    """Answers from your own documents, with a footnote under every sentence."""
    _state["debug"] = debug


_state = {"debug": False}


def main() -> None:
    """Run the command; an error is one clean message on stderr."""
    try:
        app()
    except FootnoteError as error:
        if _state["debug"]:
            raise
        output.say(f"Error: {error}")
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


# Documents


@app.command()
def ingest(
    folders: Folders = None,
    collection: CollectionOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index folders, and remember them for `sync` and `watch`.

    Example: footnote ingest ~/papers ~/contracts
    """
    if bool(folders) == bool(collection):
        raise typer.BadParameter("Name folders, or a --collection that the settings describe.")
    _sync_all(_chosen(index, collection), folders or [], as_json)


@app.command("sync")
def sync_command(
    collection: CollectionOption = None, index: IndexOption = None, as_json: JsonOption = False
) -> None:
    """Bring the index up to date with the remembered folders.

    Example: footnote sync --index ~/library
    """
    _sync_all(_chosen(index, collection), [], as_json)


def _chosen(index: Path | None, names: list[str] | None) -> list[Any]:
    """The index, or those of the collections named."""
    from rag.collection import chosen

    return chosen(open_settings(index), names or ())


def _sync_all(several: list[Any], folders: list[Path], as_json: bool) -> None:
    with output.clean_stdout() as out:
        reports = [_sync(one.settings, [*folders, *one.folders]) for one in several]
        if as_json:
            made = [report_json(report) for report in reports]
            output.print_json(made[0] if len(made) == 1 else made, out)
        else:
            for report in reports:
                print_report(report, out)
    if any(report.failed for report in reports):
        raise typer.Exit(EXIT_SOME_FAILED)


def _sync(settings: Settings, folders: list[Path]) -> Any:
    """Sync one index, then encode its sentences; the report."""
    from ingest.refine import refine
    from rag import documents

    with _writer(settings) as (indexes, encoder):
        roots = documents.all_roots(folders, indexes.catalog)
        if not roots:
            raise FootnoteError("No folder is indexed yet. Name one: footnote ingest FOLDER")
        with sync_progress() as progress:
            report = documents.run_sync(
                indexes, encoder, roots, settings, progress, explain=output.say
            )
        if settings.sentence_vectors and (left := indexes.catalog.num_without_sentences()):
            output.say("Everything can be found. Encoding sentences too; Ctrl-C puts that off.")
            with suppress(KeyboardInterrupt), count_progress("passages", left) as count:
                refine(indexes.catalog, encoder, progress=count)
        return report


@contextmanager
def _writer(settings: Settings) -> Iterator[tuple[Any, Any]]:
    """The indexes opened for writing, and the encoder."""
    from rag import documents, parts

    encoder = parts.open_encoder(settings, output.say)
    with documents.open_writer(settings, encoder, output.say) as indexes:
        yield indexes, encoder


@app.command()
def watch(
    folders: Annotated[list[Path] | None, typer.Argument(help="More folders to index.")] = None,
    collection: CollectionOption = None,
    index: IndexOption = None,
) -> None:
    """Follow the folders until Ctrl-C: the index changes as they do.

    Example: footnote watch ~/papers
    """
    from rag.service import Service

    if folders and collection:
        raise typer.BadParameter("Name folders or a --collection, not both.")
    services = [
        Service(
            one.settings.model_copy(update={"reranker": "none"}),  # nothing is asked
            output.say,
            roots=[*(folders or ()), *one.folders],
            with_generator=False,
        )
        for one in _chosen(index, collection)
    ]
    try:
        for service in services:
            service.start()
        for service in services:
            service.wait()
            service.check_writable()
        output.say("Up to date; following the folders. Ctrl-C ends it.")
        for service in services:
            service.wait_closed()
    finally:
        for service in services:
            service.close()


# Questions


cli_questions.register(app)
cli_mcp.register(app)
cli_backup.register(app)
cli_bundle.register(app)
cli_serving.register(app)


# Looking after it


cli_stats.register(app)


@app.command()
def status(
    collection: CollectionOption = None, index: IndexOption = None, as_json: JsonOption = False
) -> None:
    """What the index holds, and which files could not be read.

    Example: footnote status --json
    """
    from ingest.sync import remembered_roots
    from rag import parts

    found = [
        parts.index_status(one.settings.index, remembered_roots)
        for one in _chosen(index, collection)
    ]
    if as_json:
        output.print_json(found[0] if len(found) == 1 else found, sys.stdout)
    else:
        for one in found:
            print_status(one, sys.stdout)


@app.command()
def verify(
    index: IndexOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild what disagrees.")] = False,
) -> None:
    """Check that catalog, FAISS and tantivy agree.

    Example: footnote verify --repair
    """
    from rag import parts

    settings = open_settings(index)
    status = parts.index_status(settings.index, lambda _: [])
    dimension = status["dimension"]
    if dimension is None:
        output.say("The index is empty.")
        return
    with parts.open_indexes(settings, dimension, read_only=not repair, say=output.say) as indexes:
        problems = indexes.verify(repair)
        for problem in problems:
            print(problem)
        left = indexes.verify() if repair and problems else problems
    if problems and repair:
        output.say("Repaired." if not left else f"{len(left)} problems remain.")
    if left:
        raise typer.Exit(EXIT_UNSOUND)
    if not problems:
        output.say(f"Sound: {status['documents']} documents, {status['chunks']} passages.")


@app.command()
def doctor(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Explain what was found on this machine, what will be used, and what to mend.

    Example: footnote doctor
    """
    from rag.doctor import examine

    findings = examine(open_settings(index))
    if as_json:
        output.print_json([finding.as_json() for finding in findings], sys.stdout)
    else:
        output.print_rows([f.as_row() for f in findings], sys.stdout)
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(EXIT_ERROR)


if __name__ == "__main__":
    main()

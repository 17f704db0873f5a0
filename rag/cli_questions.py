"""The commands that ask: `footnote search` and `footnote ask`."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from rag import cli_output as output
from rag.ask_options import AskOptions
from rag.cli_answers import answer_json, print_answer
from rag.cli_hits import print_found, search_json
from rag.cli_options import (
    EXIT_NOTHING,
    CollectionOption,
    IndexOption,
    JsonOption,
    open_settings,
)
from rag.cli_structured import SchemaOption, print_filled, schema_from
from rag.cli_where import (
    AfterOption,
    BeforeOption,
    DocumentOption,
    FolderOption,
    GlobOption,
    LanguageOption,
    ModeOption,
    ScopeOption,
    TypeOption,
    where_from,
)
from rag.config import Settings
from rag.origin import Origin, set_origin
from rag.scopes import check_scope
from rag.where import check_mode

if TYPE_CHECKING:
    from rag.recorded import RecordedFootnote


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(search)
    app.command()(ask)


def search(
    words: Annotated[str, typer.Argument(help="What to look for.", show_default=False)],
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="How many passages.")] = 10,
    mode: ModeOption = "hybrid",
    folder: FolderOption = None,
    glob: GlobOption = None,
    kind: TypeOption = None,
    language: LanguageOption = None,
    after: AfterOption = None,
    before: BeforeOption = None,
    document: DocumentOption = None,
    collection: CollectionOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find passages by meaning and by words.

    Example: footnote search "notice period" --type pdf --folder contracts --json
    """
    where = where_from(folder, glob, kind, language, after, before, document)
    how = check_mode(mode)
    with (
        output.clean_stdout() as out,
        _footnote(open_settings(index), collection, False) as footnote,
    ):
        found = footnote.find(words, top_k, mode=how, where=where)
        if as_json:
            output.print_json(search_json(found), out)
        else:
            print_found(found, out)
    if not found.hits:
        raise typer.Exit(EXIT_NOTHING)


def ask(
    question: Annotated[str, typer.Argument(help="In any language.", show_default=False)],
    mode: ModeOption = "hybrid",
    folder: FolderOption = None,
    glob: GlobOption = None,
    kind: TypeOption = None,
    language: LanguageOption = None,
    after: AfterOption = None,
    before: BeforeOption = None,
    document: DocumentOption = None,
    scope: ScopeOption = "auto",
    collection: CollectionOption = None,
    index: IndexOption = None,
    general: Annotated[
        bool,
        typer.Option("--general", help="If the documents do not answer, add what the model knows."),
    ] = False,
    schema: SchemaOption = None,
    as_json: JsonOption = False,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="As it is written.")] = True,
) -> None:
    """Answer a question from the documents; every statement is cited.

    Example: footnote ask "How long is the warranty?" --after 2024-01-01 --json
    """
    where = where_from(folder, glob, kind, language, after, before, document)
    if schema is not None and general:
        raise typer.BadParameter("--general adds text, and --schema answers with JSON alone.")
    options = AskOptions(
        check_mode(mode), where, check_scope(scope), general=general, schema=schema_from(schema)
    )
    with (
        output.clean_stdout() as out,
        _footnote(open_settings(index), collection, True) as footnote,
    ):
        if as_json:
            answer = footnote.ask(question, options=options)
            output.print_json(answer_json(answer), out)
        elif options.schema is not None:
            answer = print_filled(footnote.stream(question, options=options), out)
        else:
            events = footnote.stream(question, options=options)
            answer = print_answer(events, out, stream=stream)
    if answer.abstained:
        raise typer.Exit(EXIT_NOTHING)


@contextmanager
def _footnote(
    settings: Settings, names: Sequence[str] | None, with_generator: bool
) -> Iterator[RecordedFootnote]:
    """The pipeline over the index, or the collections named, which are only read."""
    from rag.collection import chosen, open_several
    from rag.service import Service

    set_origin(Origin(_user_name(), "cli"))
    several = chosen(settings, names or ())
    if len(several) > 1:
        with open_several(several, output.say, with_generator) as footnote:
            yield footnote
        return
    (one,) = several
    service = Service(
        one.settings, output.say, roots=None, with_generator=with_generator, where=one.where
    )
    try:
        service.start()
        yield service.footnote
    finally:
        service.close()


def _user_name() -> str:
    """Of the person at the terminal, for the audit log; "" where the system has none."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""

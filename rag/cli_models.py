"""The commands `footnote models`."""

from __future__ import annotations

import sys
import time

import typer

from rag import cli_output as output
from rag.cli_options import JsonOption, open_settings

models_app = typer.Typer(help="List or fetch the models.", no_args_is_help=True)


@models_app.command("list")
def models_list(as_json: JsonOption = False) -> None:
    """The packaged models, and whether they are here.

    Example: footnote models list
    """
    from rag.models import list_models

    found = [entry._asdict() for entry in list_models(open_settings(None).cache)]
    if as_json:
        output.print_json(found, sys.stdout)
        return
    rows = [
        (
            str(entry["name"]),
            "here" if entry["is_installed"] else "not fetched",
            output.num_bytes(entry["num_bytes"]),
            str(entry["licence"]),
        )
        for entry in found
    ]
    output.print_rows(rows, sys.stdout)


@models_app.command("fetch")
def models_fetch() -> None:
    """Fetch the models that the settings name; does nothing when they are here.

    Example: footnote models fetch
    """
    from rag.models import resolve_generator, resolve_reranker
    from rag.parts import NO_MODEL, SERVER_PREFIX, fetch_encoder

    settings = open_settings(None)
    started = time.monotonic()
    found = [fetch_encoder(settings, output.say)[0]]
    if not settings.generator.startswith((SERVER_PREFIX, *NO_MODEL)):
        found.append(resolve_generator(settings.generator, settings.cache, output.say))
    if settings.reranker != "none":
        found.append(resolve_reranker(settings.reranker, settings.cache, output.say))
    for model in found:
        output.say(f"Model: {model.name} ({model.reason})")
    output.say(f"Models are ready ({time.monotonic() - started:.1f} s)")

"""What several commands share: their options, their exit codes, and how they read the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rag.config import Settings, load_settings
from rag.logs import configure_logs

EXIT_ERROR = 1
EXIT_NOTHING = 3
EXIT_SOME_FAILED = 4
EXIT_UNSOUND = 5
EXIT_INTERRUPTED = 130

IndexOption = Annotated[
    Path | None,
    typer.Option("--index", help="The folder of the index (.footnote, or FOOTNOTE_INDEX)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
CollectionOption = Annotated[
    list[str] | None,
    typer.Option("--collection", help="A collection of the settings. Repeatable."),
]


def open_settings(index: Path | None, **others: Any) -> Settings:
    """The settings, with what the command line gives; the libraries log as they say."""
    settings = load_settings(index=index, **others)
    configure_logs(settings.log_level, settings.log_format)
    return settings

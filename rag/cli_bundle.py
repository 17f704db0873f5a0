"""The command `footnote bundle`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from rag import cli_output as output
from rag.cli_options import EXIT_ERROR, IndexOption, open_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bundle)


def bundle(
    folder: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    with_index: Annotated[
        bool, typer.Option("--with-index/--without-index", help="Also pack the index.")
    ] = False,
    index: IndexOption = None,
) -> None:
    """Pack all that a machine without a network needs: packages, code, models, maybe the index.

    There: python3 FOLDER/install.py TARGET. Example: footnote bundle /media/stick/footnote
    """
    from rag.bundle import make_bundle

    settings = open_settings(index)
    packed = settings.index if with_index else None
    manifest = make_bundle(folder.expanduser(), settings.cache, packed, output.say)
    done = subprocess.run([sys.executable, str(folder / "install.py"), "--check"], check=False)
    if done.returncode:
        raise typer.Exit(EXIT_ERROR)
    size = output.num_bytes(sum(entry["size"] for entry in manifest["files"]))
    output.say(f"Bundled {size} to {folder}, for Python {manifest['python']}.")

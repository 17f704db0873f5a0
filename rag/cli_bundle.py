"""The command `footnote bundle`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from rag import cli_output as output
from rag.cli_options import EXIT_ERROR, IndexOption, open_settings
from rag.config import Settings
from rag.errors import FootnoteError


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
    folder = folder.expanduser()
    manifest = make_bundle(
        folder, settings.cache, packed, output.say, snapshots=_snapshots(settings)
    )
    done = subprocess.run([sys.executable, str(folder / "install.py"), "--check"], check=False)
    if done.returncode:
        raise typer.Exit(EXIT_ERROR)
    size = output.num_bytes(sum(entry["size"] for entry in manifest["files"]))
    output.say(f"Bundled {size} to {folder}, for Python {manifest['python']}.")


def _snapshots(settings: Settings) -> list[Path]:
    """What a hub gave of the models that are set. FootnoteError if one is not here.

    Packaged models are in the cache; a folder that is set is the reader's own to copy.
    """
    from rag.models import Role, find_installed
    from rag.parts import NO_MODEL, SERVER_PREFIX

    roles: tuple[Role, ...] = ("generator", "encoder", "reranker")
    found = []
    for role in roles:
        setting: str = getattr(settings, role)
        if setting.startswith((SERVER_PREFIX, *NO_MODEL)):
            continue
        folder = find_installed(setting, role, settings.cache)
        if folder is None or not folder.is_dir():
            raise FootnoteError(
                f"The {role} {setting!r} is not on this machine. Fetch it: footnote models fetch"
            )
        if folder.parent.name == "snapshots":
            found.append(folder)
        elif folder.parent != settings.cache:
            output.say(f"Not packed: {folder}. Copy it to the same place on the other machine.")
    return found

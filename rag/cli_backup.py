"""The commands `footnote backup` and `footnote restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rag import cli_output as output
from rag.cli_options import EXIT_UNSOUND, IndexOption, JsonOption, open_settings
from rag.config import Settings

FileArgument = Annotated[Path, typer.Argument(help="The backup, a tar archive.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: FileArgument,
    check: Annotated[bool, typer.Option("--check", help="Only check the backup FILE.")] = False,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back the index up while it is in use; documents and settings stay where they are.

    The backup is read again and checked. Example: footnote backup ~/backups/library.tar
    """
    from rag.backup import as_json as told
    from rag.backup import back_up, verify_backup
    from rag.recording import CACHE_FILE

    settings = open_settings(index)
    left_out = (CACHE_FILE,)  # answers are written anew
    manifest = verify_backup(file) if check else back_up(settings.index, file, left_out)
    if not check:
        verify_backup(file)
    if as_json:
        output.print_json(told(manifest), sys.stdout)
    else:
        size = output.num_bytes(file.stat().st_size)
        output.say(
            f"{'Sound' if check else 'Backed up and checked'}: {file} ({size}), "
            f"{manifest.documents} documents, {manifest.chunks} passages, of {manifest.created}."
        )
    if not check:
        for path in _elsewhere(settings):
            output.say(f"Not in it, since it does not lie in the index: {path}")


def _elsewhere(settings: Settings) -> list[Path]:
    """What of people and their questions is kept outside the index's folder."""
    from rag.people import HISTORY_FILE
    from rag.recording import audit_folder

    kept = [settings.accounts, settings.api_keys, audit_folder(settings)]
    if settings.history not in ("auto", "none"):
        kept.append(Path(settings.history).expanduser() / HISTORY_FILE)
    index = settings.index.resolve()
    return [
        path
        for path in kept
        if path is not None and path.exists() and not path.resolve().is_relative_to(index)
    ]


def restore(file: FileArgument, index: IndexOption = None) -> None:
    """Put a backup in place where there is no index, and fill FAISS and tantivy from it.

    Example: footnote restore ~/backups/library.tar --index ~/library
    """
    from rag.backup import restore as restore_backup

    settings = open_settings(index)
    manifest = restore_backup(file, settings.index)
    output.say(
        f"Restored {manifest.documents} documents, {manifest.chunks} passages, "
        f"of {manifest.created}, to {settings.index}."
    )
    problems = _fill(settings)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(EXIT_UNSOUND)
    output.say("Sound. `footnote sync` brings it up to date with its folders.")


def _fill(settings: Settings) -> list[str]:
    """Make the derived indexes, and compare all three."""
    from rag import generations, parts

    dimension = generations.dimension_of(generations.current(settings.index))
    if dimension is None:
        return []  # nothing was indexed yet
    with parts.open_indexes(settings, dimension, read_only=False, say=output.say) as indexes:
        return list(indexes.verify(True)) and list(indexes.verify())

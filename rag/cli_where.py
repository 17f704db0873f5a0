"""The options that narrow a search, and the filter that they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rag.file_kinds import KINDS
from rag.scopes import SCOPES
from rag.where import MODES, Where

ModeOption = Annotated[
    str, typer.Option("--mode", help=f"How to search: {', '.join(MODES)}.", metavar="MODE")
]
ScopeOption = Annotated[
    str,
    typer.Option(
        "--scope",
        help=f"How much of its document each found passage brings: {', '.join(SCOPES)}.",
        metavar="SCOPE",
    ),
]
FolderOption = Annotated[
    list[str] | None,
    typer.Option("--folder", help="Only in this folder, or in every one so called. Repeatable."),
]
GlobOption = Annotated[
    list[str] | None,
    typer.Option("--glob", help="Only files so named: '*.pdf', 'offers/**'. Repeatable."),
]
TypeOption = Annotated[
    list[str] | None,
    typer.Option("--type", help=f"A suffix, or one of: {', '.join(KINDS)}. Repeatable."),
]
LanguageOption = Annotated[
    list[str] | None,
    typer.Option("--language", help="Only passages in it: en, zh, German. Repeatable."),
]
AfterOption = Annotated[
    str | None, typer.Option("--after", help="Only files changed on this day or later: 2024-12-31.")
]
BeforeOption = Annotated[
    str | None, typer.Option("--before", help="Only files changed earlier than this day.")
]
DocumentOption = Annotated[
    list[str] | None,
    typer.Option("--document", help="Only this file: its path, name or id. Repeatable."),
]


def where_from(
    folders: Sequence[str] | None,
    globs: Sequence[str] | None,
    types: Sequence[str] | None,
    languages: Sequence[str] | None,
    after: str | None,
    before: str | None,
    documents: Sequence[str] | None,
) -> Where:
    """The filter that the options make. Raises SearchError that names the wrong one.

    A relative path that leads to something from here means that; else it is a name to look for.
    """
    return Where.from_json(
        {
            "folders": [_from_here(folder) for folder in folders or ()],
            "globs": list(globs or ()),
            "types": list(types or ()),
            "languages": list(languages or ()),
            "documents": [
                int(named) if named.isdecimal() else _from_here(named) for named in documents or ()
            ],
            "after": after,
            "before": before,
        }
    )


def _from_here(named: str) -> str:
    path = Path(named).expanduser()
    return str(path.resolve()) if named.strip() and path.exists() else named

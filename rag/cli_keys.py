"""The commands for programs that use the API: `footnote keys`."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from rag import cli_output as output
from rag.api_keys import ApiKeys
from rag.cli_options import JsonOption, open_settings

keys_app = typer.Typer(help="Keys of programs that use the API.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="What it is for.", show_default=False)]


@keys_app.command()
def create(
    name: NameArgument,
    groups: Annotated[str, typer.Option(help="Groups, set apart by commas: hr,legal.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May read and manage everything.")] = False,
    days: Annotated[float | None, typer.Option(min=0.01, help="How long it counts.")] = None,
) -> None:
    """Make a key and print it; it is shown this once.

    Example: footnote keys create intranet --groups staff
    """
    with _keys() as keys:
        named = [one for one in groups.split(",") if one.strip()]
        key = keys.create(name, named, admin=admin, days=days)
    output.say("Keep it now: only its digest is stored, so it cannot be shown again.")
    print(key)


@keys_app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """Which keys there are, and when they were last used.

    Example: footnote keys list
    """
    with _keys() as keys:
        found = keys.all()
    if as_json:
        rows = [
            {
                "name": one.name, "groups": sorted(one.groups), "admin": one.is_admin,
                "created": _day(one.created), "expires": _day(one.expires), "used": _day(one.used),
            }
            for one in found
        ]  # fmt: skip
        output.print_json(rows, sys.stdout)
        return
    if not found:
        output.say("None yet. Make one: footnote keys create NAME")
    output.print_rows(
        [
            (
                one.name,
                "admin" if one.is_admin else "",
                ",".join(sorted(one.groups)),
                f"used {_day(one.used)}" if one.used else "never used",
                f"until {_day(one.expires)}" if one.expires else "",
            )
            for one in found
        ],
        sys.stdout,
    )


@keys_app.command()
def revoke(name: NameArgument) -> None:
    """Make a key count no more, from the next request on.

    Example: footnote keys revoke intranet
    """
    with _keys() as keys:
        keys.revoke(name)
        output.say(f"The key {name} does not count any more.")


def _keys() -> closing[ApiKeys]:
    return closing(ApiKeys(open_settings(None).api_keys))


def _day(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date().isoformat()

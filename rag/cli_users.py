"""The commands for people who sign in with a password: `footnote users`."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Annotated

import typer

from rag import cli_output as output
from rag.accounts import Accounts
from rag.cli_options import JsonOption, open_settings
from rag.errors import SettingError

users_app = typer.Typer(help="People who sign in with a password.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Case does not count.", show_default=False)]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@users_app.command()
def add(
    name: NameArgument,
    groups: Annotated[str, typer.Option(help="Groups, set apart by commas: hr,legal.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May read everything.")] = False,
    from_stdin: StdinOption = False,
) -> None:
    """Add a person; the password is asked for.

    Example: footnote users add anna --groups hr,legal
    """
    with _accounts() as accounts:
        if accounts.find(name):
            raise SettingError(f"There is a user {name!r} already. Remove that one first.")
        named = [one for one in groups.split(",") if one.strip()]
        caller = accounts.add(name, _password(from_stdin), named, admin=admin)
        output.say(f"{caller.name} can sign in.")


@users_app.command()
def password(name: NameArgument, from_stdin: StdinOption = False) -> None:
    """Give a person another password; their sessions end.

    Example: footnote users password anna
    """
    with _accounts() as accounts:
        accounts.set_password(name, _password(from_stdin))
        output.say(f"{name} has another password.")


@users_app.command("list")
def list_users(as_json: JsonOption = False) -> None:
    """Who can sign in, and their groups.

    Example: footnote users list
    """
    with _accounts() as accounts:
        found = accounts.all()
    if as_json:
        rows = [
            {"name": one.name, "groups": sorted(one.groups), "admin": one.is_admin} for one in found
        ]
        output.print_json(rows, sys.stdout)
        return
    if not found:
        output.say("Nobody yet. Add someone: footnote users add NAME")
    output.print_rows(
        [
            (one.name, "admin" if one.is_admin else "", ",".join(sorted(one.groups)))
            for one in found
        ],
        sys.stdout,
    )


@users_app.command()
def remove(name: NameArgument) -> None:
    """Remove a person; their sessions end, their conversations stay.

    Example: footnote users remove anna
    """
    with _accounts() as accounts:
        accounts.remove(name)
        output.say(f"{name} cannot sign in any more.")


def _accounts() -> closing[Accounts]:
    return closing(Accounts(open_settings(None).accounts))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return given

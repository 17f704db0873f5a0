"""The command `footnote mcp`: the documents for an agent."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import typer

from rag import cli_output as output
from rag.cli_options import CollectionOption, IndexOption, open_settings
from rag.config import Settings
from rag.errors import FootnoteError, SettingError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(mcp)


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Over HTTP instead, at /mcp.")] = False,
    host: Annotated[str, typer.Option(help="Where to listen with --http: loopback.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free port.")] = 8010,
    collection: CollectionOption = None,
    index: IndexOption = None,
) -> None:
    """Let an agent search, ask and read the documents (Model Context Protocol); it only reads.

    Example: footnote mcp --index ~/library
    """
    from rag.collection import chosen
    from rag.mcp_server import create_server
    from rag.service import Service

    several = chosen(open_settings(index), collection or ())
    if len(several) > 1:
        raise FootnoteError(
            "An agent is served from one index at a time, but these collections have "
            f"{len(several)}. Choose those of one."
        )
    (one,) = several
    with output.clean_stdout():
        service = Service(one.settings, output.say, roots=None, where=one.where)
        try:
            service.start()  # the models load while the client says hello
            # Anew for each call: people add files while an agent is connected.
            server = create_server(service, lambda: one.where.also(service.uploads.visible()))
            _serve(server, one.settings, (host, port) if http else None)
        finally:
            service.close()


def _serve(server: Any, settings: Settings, address: tuple[str, int] | None) -> None:
    from rag import serve
    from rag.mcp_server import HTTP_PATH, create_http_app, serve_stdio

    if address is None:
        import anyio

        with suppress(KeyboardInterrupt):
            anyio.run(serve_stdio, server)
        return
    if not serve.is_loopback(address[0]):
        raise SettingError(
            f"footnote mcp --http has no login, so it does not listen at {address[0]}. "
            "Leave --host out, and put a proxy with a login in front."
        )
    with serve.bind(*address) as bound:
        url = f"{serve.url_of(bound)}{HTTP_PATH}"
        with suppress(KeyboardInterrupt):
            serve.serve(
                create_http_app(server),
                bound,
                settings.log_level,
                lambda: output.say(f"Footnote's tools are at {url}"),
            )

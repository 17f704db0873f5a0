"""The commands that serve: `footnote chat`, page and API, and `footnote serve`, the API alone."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from rag import cli_output as output
from rag.cli_options import CollectionOption, IndexOption, open_settings
from rag.config import Settings
from rag.errors import FootnoteError, SettingError

DocsOption = Annotated[Path | None, typer.Option("--docs", help="A folder to index and follow.")]
HostOption = Annotated[str | None, typer.Option(help="Where to listen (127.0.0.1).")]
PortOption = Annotated[int | None, typer.Option(help="0 takes any free port (8000).")]
FollowOption = Annotated[bool, typer.Option("--watch/--no-watch", help="Follow the folder.")]
AnonymousOption = Annotated[
    bool, typer.Option("--allow-anonymous", help="Let anyone in who reaches the server.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(chat)
    app.command()(serve)


def chat(
    docs: DocsOption = None,
    collection: CollectionOption = None,
    index: IndexOption = None,
    host: HostOption = None,
    port: PortOption = None,
    follow: FollowOption = True,
    anonymous: AnonymousOption = False,
) -> None:
    """Serve the chat page and the API, and keep the index up to date meanwhile.

    With --docs and no --index the index is `.footnote`, or `.footnote-NAME` where that one
    already holds another folder, so that one folder's answers never come from another.

    Example: footnote chat --docs ~/papers
    """
    given = open_settings(index, host=host, port=port, allow_anonymous=anonymous or None)
    if given.sign_in == "key":
        raise SettingError(
            'sign_in = "key" lets programs in alone, so nobody could see the page. Start the API '
            "without it: footnote serve. Keys count beside the other ways to sign in, too."
        )
    _serve(given, docs, collection, is_default_index=index is None, follow=follow, page=True)


def serve(
    docs: DocsOption = None,
    collection: CollectionOption = None,
    index: IndexOption = None,
    host: HostOption = None,
    port: PortOption = None,
    follow: FollowOption = True,
    anonymous: AnonymousOption = False,
) -> None:
    """Serve the HTTP API without the chat page; /docs describes it.

    Example: footnote serve --docs ~/papers
    """
    given = open_settings(index, host=host, port=port, allow_anonymous=anonymous or None)
    _serve(given, docs, collection, is_default_index=index is None, follow=follow, page=False)


def _serve(
    given: Settings,
    docs: Path | None,
    collection: list[str] | None,
    *,
    is_default_index: bool,
    follow: bool,
    page: bool,
) -> None:
    from rag import serve
    from rag.documents import index_for
    from rag.people import open_people
    from rag.service import Service
    from rag.web_guard import LOOPBACK_HOSTS

    chosen = _chosen(given, collection)
    settings = chosen.settings
    if docs is not None and is_default_index and not collection:
        settings = settings.model_copy(update={"index": index_for(docs, settings)})
    people = open_people(settings, output.say)
    with closing(people), serve.bind(settings.host, settings.port) as bound:
        output.say(f"Index: {settings.index}")
        roots = [*([docs] if docs else ()), *chosen.folders]
        service = Service(settings, output.say, roots=roots, is_watching=follow, where=chosen.where)
        service.start()  # the models load while the page is put together
        try:
            from rag.web import create_app

            hosts = LOOPBACK_HOSTS if serve.is_loopback(settings.host) else ()
            web_app = create_app(service, chat=page, allowed_hosts=hosts, people=people)
            url, what = serve.url_of(bound), "Footnote" if page else "Footnote's API"

            def announce() -> None:
                output.say(f"{what} is at {url} ({service.state()})")
                threading.Thread(target=_say_when_ready, args=(service,), daemon=True).start()

            with suppress(KeyboardInterrupt):
                serve.serve(web_app, bound, settings.log_level, announce)
        finally:
            service.close()


def _chosen(settings: Settings, names: list[str] | None) -> Any:
    from rag.collection import chosen

    several = chosen(settings, names or ())
    if len(several) > 1:
        raise FootnoteError(
            "The page answers from one index at a time, but these collections have "
            f"{len(several)}. Choose those of one, or ask them with: footnote ask --collection"
        )
    return several[0]


def _say_when_ready(service: Any) -> None:
    with suppress(FootnoteError):  # which the service has said itself
        service.wait()
        output.say("Ready for questions.")

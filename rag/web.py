"""The web application: the viewer, a health check, and the chat page behind them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from rag import web_api, web_chainlit
from rag.access import ANONYMOUS, EVERYONE_READS, LOCAL, Caller, ReadableCatalog, current_caller
from rag.api.limits import Limits
from rag.ask_options import USUAL, AskOptions
from rag.catalog import Catalog
from rag.chat.routes import conversations_router
from rag.config import Settings, load_settings
from rag.conversation_files import Conversations
from rag.errors import FootnoteError
from rag.library import EVERYBODY, Asker, Library
from rag.people import People, open_people
from rag.sign_in import Door, Token, sign_in_router
from rag.throttle import Throttle
from rag.types import AnswerEvent, Found, Message
from rag.viewer import viewer_router
from rag.web_guard import LOOPBACK_HOSTS, Guard
from rag.web_library import library_router
from rag.where import Mode, Where

log = logging.getLogger(__name__)

EVERYTHING = Where()
BARE_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"


class Answering(Protocol):
    """What the page needs of the pipeline. Closing the generator stops the answer."""

    def stream(
        self, question: str, history: Sequence[Message] = (), options: AskOptions = USUAL
    ) -> Generator[AnswerEvent, None, None]: ...
    def find(
        self, query: str, top_k: int = 10, *, mode: Mode = "hybrid", where: Where = EVERYTHING
    ) -> Found: ...


class Service(Protocol):
    """What the page needs of a running Footnote. `state` is one line, `ready` when it is.

    `indexing` is how far the sync under way is; `status` names the language model as `generator`.
    """

    settings: Settings

    @property
    def footnote(self) -> Answering: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def indexing(self) -> str | None: ...
    @property
    def passwords(self) -> tuple[str, ...]: ...
    @property
    def library(self) -> Library: ...
    @property
    def conversations(self) -> Conversations: ...
    def start(self) -> None: ...
    def close(self) -> None: ...
    def state(self) -> str: ...
    def status(self) -> dict[str, Any]: ...


_current: Service | None = None
_people: People | None = None


def set_service(service: Service | None, people: People | None = None) -> None:
    """Name the service that the chat page asks, and who may come in."""
    global _current, _people
    _current, _people = service, people


def caller_named(name: str | None) -> Caller:
    """The chat's user as they stand now. Raises FootnoteError if they may not come in any more."""
    if _people is None:
        return LOCAL
    caller = _people.identity.named(name or ANONYMOUS.name)
    if caller is None:
        raise FootnoteError("You are not signed in any more. Load the page again, and sign in.")
    return caller


def tells_people_apart() -> bool:
    """Whether a name stands for one person: strangers who are let in have none."""
    return _people is None or not _people.is_anonymous


def asker_named(name: str | None) -> Asker:
    """The chat's user as the library knows them. Raises FootnoteError as `caller_named` does."""
    return _as_asker(_people, caller_named(name))


def _as_asker(people: People | None, caller: Caller | None) -> Asker:
    if people is None:
        return EVERYBODY
    caller = caller or ANONYMOUS
    where = people.access.where(caller)
    return Asker(caller.name, where, caller.is_admin, may_add=caller != ANONYMOUS)


def _asker_in(people: People | None, _: Request) -> Asker:
    """Whom the request under way was let in as."""
    return _as_asker(people, current_caller.get())


def readable_catalog(caller: Caller) -> ReadableCatalog:
    """The documents that the caller finds in a new conversation."""
    access, service = _people.access if _people else EVERYONE_READS, current_service()
    return ReadableCatalog(service.catalog, access, lambda: caller, service.library.is_elsewhere)


def has_service() -> bool:
    return _current is not None


def current_service() -> Service:
    """The service that the chat page asks. Raises FootnoteError if none was started."""
    if _current is None:
        raise FootnoteError("The page was started without its service. Start it: footnote chat")
    return _current


def create_app(
    service: Service,
    *,
    chat: bool = True,
    allowed_hosts: Iterable[str] = LOOPBACK_HOSTS,
    people: People | None = None,
) -> FastAPI:
    """The whole application; it starts service and people with itself, and closes them.

    `allowed_hosts` are the names that the server answers to; empty means any. `chat=False`
    leaves Chainlit out, which a process can mount only once. Without `people` whoever comes may
    do everything, and no conversation is kept.
    """
    set_service(service, people)
    folder = _prepare_folder(people) if chat else None
    kept = _let_in(people, service) if chat and people else None
    limits = web_api.limits_of(service)
    app = FastAPI(lifespan=_lifespan(service, folder, people, kept, limits), openapi_url=None)
    add_routes(app, service, people, limits)
    policy = web_chainlit.mount(app) if chat else BARE_POLICY
    token = web_chainlit.token_of if chat and people and not people.is_anonymous else None
    _add_guards(app, service.settings, people, limits, allowed_hosts, policy, token)
    return app


def _prepare_folder(people: People | None) -> Path:
    return web_chainlit.prepare_folder(
        keeps_conversations=people is not None and people.store is not None,
        signs_out=people is not None and people.identity.signs_in is not None,
    )


def _let_in(people: People, service: Service) -> Any:
    """Chainlit is told of callers, unless everyone is the same stranger."""
    if people.is_anonymous:
        return None
    if people.store is not None:
        service.conversations.kept = people.store.narrowings

    def forget(name: str, conversation: str) -> None:
        service.conversations.forget(conversation, Asker(name))

    with_form = people.identity.signs_in is not None
    return web_chainlit.let_in(people.store, forget, with_form=with_form)


def _add_guards(
    app: FastAPI,
    settings: Settings,
    people: People | None,
    limits: Limits,
    allowed_hosts: Iterable[str],
    policy: str,
    token: Token | None,
) -> None:
    """The Guard stands before the door, and the door before everything else: last comes first."""
    web_api.add_caller_limit(app, limits)
    if people is not None:
        app.add_middleware(Door, identity=people.identity, token=token)
    web_api.add_intake(app, limits, settings, people)
    app.add_middleware(
        Guard,
        allowed_hosts=allowed_hosts,
        policy=policy,
        allowed_origins=people.origins if people else (),
        cors_origins=web_api.foreign_origins(settings),
    )
    web_api.add_cors(app, settings)


def add_routes(app: FastAPI, service: Service, people: People | None, limits: Limits) -> None:
    """The routes that do not need Chainlit."""

    @app.get("/health", include_in_schema=False)
    def health() -> dict[str, object]:
        if people is not None and current_caller.get() is None:
            return {"status": "ok"}
        state = {"state": service.state(), "indexing": service.indexing}
        return {"status": "ok", **state, **service.catalog.counts()}

    access = people.access if people else EVERYONE_READS
    caller = current_caller.get if people else lambda: LOCAL
    catalog = ReadableCatalog(service.catalog, access, caller, service.library.is_private)
    app.include_router(viewer_router(catalog, service.passwords))
    if people is not None and people.store is not None:
        app.include_router(conversations_router(people.store))
    if people is not None and people.identity.signs_in is not None:
        app.include_router(sign_in_router(people.identity.signs_in, people.proxies, Throttle()))
    asked = partial(_asker_in, people)
    app.include_router(library_router(service.library, service.conversations, asked))

    web_api.put_api(app, service, people, asked, limits)

    @app.api_route(
        "/api/{path:path}",
        methods=["GET", "POST", "PUT", "DELETE", "PATCH"],
        include_in_schema=False,
    )
    def no_such_api(path: str) -> JSONResponse:
        return JSONResponse({"detail": f"There is no /api/{path}."}, 404)


def _lifespan(  # type: ignore[no-untyped-def]
    service: Service, folder: Path | None, people: People | None, kept: Any, limits: Limits
):
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.start)
        try:
            yield
        finally:
            await run_in_threadpool(service.close)
            await run_in_threadpool(limits.close)
            if kept is not None:
                await kept.close()
            if people is not None:
                people.close()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

    return lifespan


def open_in_chainlit() -> None:
    """Serve our routes from Chainlit's own application, with a service made from the settings.

    This is for `chainlit run app.py`, which knows nothing of `create_app`.
    """
    import chainlit
    import chainlit.server

    service: Service = import_module("rag.service").open_service()
    people = open_people(load_settings(), say=log.info)
    set_service(service, people)
    kept = _let_in(people, service)
    ours = FastAPI(openapi_url=None)
    limits = web_api.limits_of(service)
    add_routes(ours, service, people, limits)
    chainlit.server.app.router.routes[:0] = ours.router.routes  # before its catch-all
    policy = web_chainlit.keep_page_inside()
    token = None if people.is_anonymous else web_chainlit.token_of
    settings, app = service.settings, chainlit.server.app
    _add_guards(app, settings, people, limits, LOOPBACK_HOSTS, policy, token)

    async def start() -> None:
        await run_in_threadpool(service.start)

    async def close() -> None:
        await run_in_threadpool(service.close)
        await run_in_threadpool(limits.close)
        if kept is not None:
            await kept.close()
        people.close()

    chainlit.on_app_startup(start)
    chainlit.on_app_shutdown(close)

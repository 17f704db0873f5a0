"""The web application: the viewer, a health check, and the chat page behind them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from rag import web_chainlit
from rag.catalog import Catalog
from rag.conversation_files import Conversations
from rag.errors import FootnoteError
from rag.library import Library
from rag.types import AnswerEvent, Message
from rag.viewer import viewer_router
from rag.web_guard import LOOPBACK_HOSTS, Guard
from rag.web_library import library_router

BARE_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"


class Answering(Protocol):
    """What the page needs of the pipeline. Closing the generator stops the answer."""

    def stream(
        self, question: str, history: Sequence[Message] = ()
    ) -> Generator[AnswerEvent, None, None]: ...


class Service(Protocol):
    """What the page needs of a running Footnote. `state` is one line, `ready` when it is.

    `indexing` is how far the sync under way is.
    """

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


_current: Service | None = None


def set_service(service: Service | None) -> None:
    """Name the service that the chat page asks."""
    global _current
    _current = service


def has_service() -> bool:
    return _current is not None


def current_service() -> Service:
    """The service that the chat page asks. Raises FootnoteError if none was started."""
    if _current is None:
        raise FootnoteError("The page was started without its service. Start it: footnote chat")
    return _current


def create_app(
    service: Service, *, chat: bool = True, allowed_hosts: Iterable[str] = LOOPBACK_HOSTS
) -> FastAPI:
    """The whole application; it starts the service with itself, and closes it.

    `allowed_hosts` are the names that the server answers to; empty means any. `chat=False`
    leaves Chainlit out, which a process can mount only once.
    """
    set_service(service)
    folder = web_chainlit.prepare_folder() if chat else None
    app = FastAPI(lifespan=_lifespan(service, folder), openapi_url=None)
    add_routes(app, service)
    policy = web_chainlit.mount(app) if chat else BARE_POLICY
    app.add_middleware(Guard, allowed_hosts=allowed_hosts, policy=policy)
    return app


def add_routes(app: FastAPI, service: Service) -> None:
    """The routes that do not need Chainlit."""

    @app.get("/health")
    def health() -> dict[str, object]:
        state = {"state": service.state(), "indexing": service.indexing}
        return {"status": "ok", **state, **service.catalog.counts()}

    app.include_router(viewer_router(service.catalog, service.passwords))
    app.include_router(library_router(service.library, service.conversations))

    @app.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def no_such_api(path: str) -> JSONResponse:
        return JSONResponse({"detail": f"There is no /api/{path}."}, 404)


def _lifespan(service: Service, folder: Path | None):  # type: ignore[no-untyped-def]
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.start)
        try:
            yield
        finally:
            await run_in_threadpool(service.close)
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
    set_service(service)
    ours = FastAPI(openapi_url=None)
    add_routes(ours, service)
    chainlit.server.app.router.routes[:0] = ours.router.routes  # before its catch-all
    policy = web_chainlit.keep_page_inside()
    chainlit.server.app.add_middleware(Guard, allowed_hosts=LOOPBACK_HOSTS, policy=policy)

    async def start() -> None:
        await run_in_threadpool(service.start)

    async def close() -> None:
        await run_in_threadpool(service.close)

    chainlit.on_app_startup(start)
    chainlit.on_app_shutdown(close)

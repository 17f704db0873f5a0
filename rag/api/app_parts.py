"""The API as a part of an application: its routes, its schema."""

from __future__ import annotations

from fastapi import FastAPI

from rag.api.asking import asking_router
from rag.api.docs_page import docs_router
from rag.api.health import Exposition, health_router
from rag.api.openai_protocol import openai_router
from rag.api.serving import Api

TITLE = "Footnote's API"
DESCRIPTION = (
    "Search your own documents, and get answers with a checked quote under every sentence. "
    "Where people sign in, programs show a key: `Authorization: Bearer fn-…` (`footnote keys`)."
)
SECURITY = {"bearer": {"type": "http", "scheme": "bearer"}}


def add_api(app: FastAPI, api: Api, exposition: Exposition) -> None:
    """Put the API's routes into an application."""
    for router in (openai_router(api), asking_router(api), health_router(api, exposition)):
        app.include_router(router)
    app.include_router(docs_router(lambda: _schema(app)))

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, object]:
        return _schema(app)


def _schema(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.title, app.description = TITLE, DESCRIPTION
        made = app.openapi()
        made.setdefault("components", {})["securitySchemes"] = SECURITY
        made["security"] = [{}, {"bearer": []}]
    return app.openapi()

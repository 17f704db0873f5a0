"""Footnote's own routes: /api/search, /api/ask, /api/collections."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from rag.api import results
from rag.api.failure import ApiRoute, as_api_error, failure_json
from rag.api.schemas import (
    EVENTS,
    FAILURES,
    AskAnswer,
    AskOptionsBody,
    AskRequest,
    CollectionList,
    SearchAnswer,
    SearchRequest,
)
from rag.api.serving import AnswerStream, Api, EventResponse
from rag.ask_options import AskOptions
from rag.origin import Origin, asking_as
from rag.types import (
    AnswerEvent,
    AnswerFinished,
    AnswerText,
    CitationFound,
    Message,
    Progress,
    SourcesFound,
)
from rag.where import Where

EVENTS_TEXT = (
    "An answer; with `stream`, server-sent events: `sources`, then `text`, `citation` and "
    "`progress`, at last `answer`, which is what is given without `stream`, or `error`."
)


def asking_router(api: Api) -> APIRouter:
    router = APIRouter(prefix="/api", route_class=ApiRoute, tags=["asking"], responses=FAILURES)

    @router.post("/search", response_model=SearchAnswer, summary="Search the documents")
    async def search(request: Request, given: SearchRequest) -> Any:
        api.check_ready()

        def find() -> dict[str, Any]:
            where = api.where(request, given)
            footnote = api.service.footnote
            with asking_as(Origin(api.asker_of(request).name, "api")):
                made = footnote.find(given.query, given.top_k, mode=given.mode, where=where)
            return results.found(made, partial(api.url, request))

        return JSONResponse(await run_in_threadpool(find))

    @router.post(
        "/ask",
        response_model=AskAnswer,
        summary="Ask the documents",
        description=EVENTS_TEXT,
        responses=EVENTS,
    )
    async def ask(request: Request, given: AskRequest) -> Response:
        api.check_ready()
        where = await run_in_threadpool(api.where, request, given)
        history = [Message(turn.role, turn.content) for turn in given.history]
        options = ask_options(given, where, given.temperature, given.json_schema)
        stream = await AnswerStream.begin(api, request, given.question, history, options)
        return await respond(api, request, stream, is_streamed=given.stream)

    @router.get("/collections", response_model=CollectionList, summary="Parts of the library")
    def collections(request: Request) -> Any:
        seen = api.readable_collections(request)
        told = [{"name": name, "model": f"footnote/{name}"} for name in seen]
        return JSONResponse({"collections": told})

    return router


def ask_options(
    given: AskOptionsBody,
    where: Where,
    temperature: float | None,
    schema: dict[str, Any] | None,
) -> AskOptions:
    return AskOptions(
        mode=given.mode,
        where=where,
        scope=given.scope,
        general=given.general,
        schema=schema,
        top_k=given.top_k,
        temperature=temperature,
        language=given.language,
    )


async def respond(
    api: Api, request: Request, stream: AnswerStream, *, is_streamed: bool
) -> Response:
    """All at once, or as events; whatever happens the answer's place is free afterwards."""
    url_of = partial(api.url, request)
    try:
        if not is_streamed:
            event = await stream.finished(request)
            await stream.close()
            return JSONResponse(results.answered(event.answer, url_of))
        first = await stream.first(request)
    except BaseException:
        await stream.close()
        raise
    return EventResponse(_lines(stream, first, request, url_of), stream)


async def _lines(
    stream: AnswerStream, first: AnswerEvent, request: Request, url_of: results.UrlOf
) -> AsyncGenerator[str, None]:
    try:
        async for event in stream.rest(first):
            yield ": waiting\n\n" if event is None else _line(*_told(event, url_of))
    except Exception as error:  # the status is out already: told as the last event
        yield _line("error", failure_json(request.url.path, as_api_error(error)))


def _told(event: AnswerEvent, url_of: results.UrlOf) -> tuple[str, dict[str, Any]]:
    match event:
        case SourcesFound():
            return "sources", results.sources(event)
        case AnswerText(text=text):
            return "text", {"text": text}
        case CitationFound(citation=citation):
            return "citation", results.cited(citation, url_of)
        case Progress(done=done, total=total, text=text):
            return "progress", {"done": done, "total": total, "text": text}
        case AnswerFinished(answer=answer):
            return "answer", results.answered(answer, url_of)


def _line(name: str, told: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"

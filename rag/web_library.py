"""The library's routes: what there is, adding, taking out, and narrowing conversations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from rag.api.failure import ApiRoute
from rag.api.schemas import FAILURES, UPLOAD_FAILURES
from rag.conversation_files import Coming, Conversations
from rag.errors import FootnoteError, LibraryError, SearchError
from rag.library import EVERYBODY, Asker, Library, shown_folder
from rag.where import Where

WRITTEN_BYTES = 1 << 20  # gathered before they go to the disk
MAX_NAMES = 5  # that a notice carries; the rest is a number
MAX_UNSUPPORTED = 200
STATUS = {
    "off": 403, "forbidden": 403, "missing": 404, "type": 415, "too_large": 413,
    "name": 422, "empty": 422, "full": 507, "disk": 507, "unavailable": 503,
}  # fmt: skip
NARROWING_FIELDS = frozenset({"folders", "globs", "types", "languages", "documents"})

NO_CONVERSATION = "00000000-0000-4000-8000-000000000000"  # of files that programs add

AskerOf = Callable[[Request], Asker]


def everybody(request: Request) -> Asker:
    """Who asks where nobody signs in."""
    return EVERYBODY


def library_router(
    library: Library, conversations: Conversations, asker_of: AskerOf = everybody
) -> APIRouter:
    """The routes below /api that the page, and others, manage documents with."""
    router = APIRouter(prefix="/api", route_class=ApiRoute, tags=["documents"], responses=FAILURES)
    _add_reading(router, library, asker_of)
    _add_changing(router, library, asker_of)
    _add_files(router, conversations, asker_of)
    _add_narrowing(router, conversations, asker_of)
    return router


def refusal(error: Exception) -> JSONResponse:
    """An error as a program and the page take it."""
    if isinstance(error, KeyError):
        return JSONResponse({"detail": "There is no such document.", "reason": "missing"}, 404)
    reason = "invalid" if isinstance(error, SearchError) else "unavailable"
    reason = error.reason if isinstance(error, LibraryError) else reason
    status = 422 if isinstance(error, SearchError) else STATUS[reason]
    headers = {"Retry-After": "5"} if status == 503 else {}
    return JSONResponse({"detail": str(error), "reason": reason}, status, headers=headers)


def _answer(make: Callable[[], Any], status: int = 200) -> JSONResponse:
    """What is made, or why it cannot be."""
    try:
        return JSONResponse(make(), status)
    except (KeyError, FootnoteError) as error:
        return refusal(error)


def _add_reading(router: APIRouter, library: Library, asker_of: AskerOf) -> None:
    @router.get("/library")
    def overview(request: Request) -> JSONResponse:
        return _answer(lambda: overview_json(library, asker_of(request)))

    @router.get("/documents")
    def documents(
        request: Request,
        q: str = "",
        type: str = "",
        folder: str = "",
        sort: str = "name",
        descending: bool = False,
        offset: int = 0,
        limit: int = 50,
    ) -> JSONResponse:
        def listed() -> dict[str, Any]:
            where = Where(types=(type,) if type else (), folders=(folder,) if folder else ())
            found = library.documents(
                asker_of(request),
                query=q,
                where=where,
                sort=sort,
                descending=descending,
                offset=offset,
                limit=limit,
            )
            entries = [entry.as_json() for entry in found.entries]
            return {"total": found.total, "offset": found.offset, "documents": entries}

        return _answer(listed)

    @router.get("/documents/failures")
    def failures(request: Request) -> JSONResponse:
        return _answer(lambda: failures_json(library, asker_of(request)))

    @router.get("/news")
    def news(request: Request, after: int | None = None) -> JSONResponse:
        return _answer(lambda: news_json(library, asker_of(request), after))


def _add_changing(router: APIRouter, library: Library, asker_of: AskerOf) -> None:
    @router.post("/sync", status_code=202)
    def sync(request: Request) -> JSONResponse:
        def begin() -> dict[str, str]:
            library.sync_now(asker_of(request))
            return {"state": "looking"}

        return _answer(begin, 202)

    @router.delete("/documents/{document_id:int}")
    def remove(request: Request, document_id: int) -> JSONResponse:
        return _answer(lambda: {"state": library.remove(document_id, asker_of(request))})

    @router.get("/left-out")
    def left_out(request: Request) -> JSONResponse:
        return _answer(lambda: {"paths": library.left_out(asker_of(request))})

    @router.post("/left-out")
    def leave_out(request: Request, path: str) -> JSONResponse:
        def leave() -> dict[str, str]:
            library.leave_out(path, asker_of(request))
            return {"state": "left out"}

        return _answer(leave)

    @router.delete("/left-out")
    def take_back(request: Request, path: str) -> JSONResponse:
        def take() -> dict[str, str]:
            library.take_back(path, asker_of(request))
            return {"state": "taken back"}

        return _answer(take)


def _add_files(router: APIRouter, conversations: Conversations, asker_of: AskerOf) -> None:
    @router.post("/documents", status_code=201, responses=UPLOAD_FAILURES)
    async def add(
        request: Request,
        name: str,
        conversation: str | None = None,
        kept: bool = False,
        more: int = 0,
    ) -> JSONResponse:
        """The body is the file; `more` are those that follow it. One file each request.

        Without a conversation it is kept.
        """
        if conversation is None:
            conversation, kept = NO_CONVERSATION, True
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            return JSONResponse({"detail": "Content-Length is missing.", "reason": "name"}, 411)
        asker = asker_of(request)

        def begin() -> Coming:
            coming = conversations.receive(
                name, int(length), conversation, is_kept=kept, asker=asker
            )
            conversations.announce(conversation, more, asker)
            return coming

        try:
            with await run_in_threadpool(begin) as coming:
                await _take_body(request, coming.write)
                path = await run_in_threadpool(coming.finish)
        except FootnoteError as error:
            return refusal(error)
        except ClientDisconnect:
            return JSONResponse({"detail": "The upload was broken off.", "reason": "cut"}, 400)
        return JSONResponse({"name": path.name, "kept": kept}, 201)

    @router.get("/conversations/{conversation}/files")
    def files(request: Request, conversation: str) -> JSONResponse:
        def listed() -> dict[str, Any]:
            found = conversations.files(conversation, asker_of(request))
            indexing = conversations.library.sync_state().indexing
            return {"files": [one.as_json() for one in found], "indexing": indexing}

        return _answer(listed)

    @router.delete("/conversations/{conversation}/files")
    def remove_file(request: Request, conversation: str, name: str) -> JSONResponse:
        def removed() -> dict[str, str]:
            conversations.remove(conversation, name, asker_of(request))
            return {"state": "deleted"}

        return _answer(removed)


async def _take_body(request: Request, write: Callable[[bytes], None]) -> None:
    """Hand the body on as it comes, some of it at a time, beside the event loop."""
    gathered = bytearray()
    async for piece in request.stream():
        gathered += piece
        if len(gathered) >= WRITTEN_BYTES:
            await run_in_threadpool(write, bytes(gathered))
            gathered.clear()
    if gathered:
        await run_in_threadpool(write, bytes(gathered))


def _add_narrowing(router: APIRouter, conversations: Conversations, asker_of: AskerOf) -> None:
    @router.get("/conversations/{conversation}/narrowing")
    def narrowing(request: Request, conversation: str) -> JSONResponse:
        return _answer(lambda: conversations.narrowed(conversation, asker_of(request)).as_json())

    @router.put("/conversations/{conversation}/narrowing")
    def narrow(request: Request, conversation: str, given: dict[str, Any]) -> JSONResponse:
        def narrowed() -> dict[str, Any]:
            if unknown := sorted(given.keys() - NARROWING_FIELDS):
                raise SearchError(f"{unknown[0]!r} is nothing to narrow questions to here.")
            where = Where.from_json(given)
            conversations.narrow(conversation, where, asker_of(request))
            return where.as_json()

        return _answer(narrowed)


def overview_json(library: Library, asker: Asker) -> dict[str, Any]:
    """How the library stands, and what may be added to it."""
    state = library.sync_state()
    kinds, folders = library.kinds_and_folders(asker)
    limits = library.uploads.limits
    return {
        "documents": kinds.total(),
        "types": dict(kinds.most_common()),
        "folders": [
            {"path": path, "name": shown_folder(f"{path}/x", state.roots), "documents": count}
            for path, count in sorted(folders.items())
        ],
        "failures": len(library.failures(asker)),
        "left_out": len(library.left_out(asker)),
        "indexing": state.indexing,
        "last_sync": state.ended_at.isoformat() if state.ended_at else None,
        "problem": state.problem if asker.may_manage else "",
        "follows_another_process": state.follows_another_process,
        "may_manage": asker.may_manage,
        "uploads": {
            "suffixes": sorted(limits.suffixes),
            "max_bytes": limits.max_file_bytes,
            "temporary_hours": limits.temporary_seconds / 3600,
        },
    }


def failures_json(library: Library, asker: Asker) -> dict[str, Any]:
    """The files that could not be read, and those of types that are not."""
    failed = [
        {"path": one.path, "name": PurePath(one.path).name, "reason": one.reason,
         "message": one.message}
        for one in library.failures(asker)
    ]  # fmt: skip
    unsupported = library.sync_state().unsupported if asker.may_manage else ()
    return {
        "failures": failed,
        "unsupported": list(unsupported[:MAX_UNSUPPORTED]),
        "num_unsupported": len(unsupported),
    }


def news_json(library: Library, asker: Asker, after: int | None) -> dict[str, Any]:
    """What has changed after a number: counts, and a few names."""
    number, changes = library.news.since(after)
    is_seen = library.path_filter(asker)
    answer: dict[str, Any] = {"number": number, "indexing": library.sync_state().indexing}
    for kind in ("new", "changed", "moved", "removed"):
        paths = [path for one in changes for path in getattr(one, kind) if is_seen(path)]
        answer[kind] = len(set(paths))
        names = [PurePath(path).name for path in dict.fromkeys(paths)]
        answer[f"{kind}_names"] = names[:MAX_NAMES]
    return answer

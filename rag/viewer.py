"""The viewer: where a citation leads. Documents are named by id and come from the catalog alone."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from rag import viewer_html
from rag.access import ReadableCatalog
from rag.api.failure import ApiRoute
from rag.api.schemas import FAILURES
from rag.catalog import Catalog
from rag.file_kinds import KINDS
from rag.pdf_pages import page_png
from rag.viewer_html import View
from rag.viewer_place import passage_json, place_line
from rag.viewer_span import Opened, cited_page, locate, open_span
from rag.viewer_style import PAGE_POLICY
from rag.viewer_text import TextWriter
from rag.viewer_words import UNSOURCED_PATH, WORDS

log = logging.getLogger(__name__)

THEMES = ("light", "dark")
WINDOW_CHARACTERS = 6000  # of a long text, on either side of the quote
PICTURE_SCALE = 2.0  # pixels a point: sharp at 1,190 pixels for A4
PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
ORIGINAL: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {}, "application/octet-stream": {}}},
    404: {"content": {"text/html": {}, "application/json": {}}},
}
FILE_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; img-src 'self'"


def viewer_router(catalog: Catalog | ReadableCatalog, passwords: tuple[str, ...] = ()) -> APIRouter:
    """The viewer's routes: /view, its page pictures, /file and /api/passage.

    `passwords` are tried on locked PDFs, whose text is in the index because one of them fits.
    """
    router = APIRouter(route_class=ApiRoute, tags=["documents"], responses=FAILURES)

    @router.get("/view/{document_id:int}", include_in_schema=False)
    def view(
        request: Request,
        document_id: int,
        start: int = 0,
        end: int = 0,
        page: int | None = None,
        whole: bool = False,
        zoom: bool = False,
        doubt: bool = False,
        theme: str = "",
    ) -> Response:
        language = reader_language(request)
        theme = theme if theme in THEMES else ""
        try:
            opened = open_span(catalog, document_id, start, end, passwords)
        except KeyError:
            return message("missing", language, theme, 404)
        notes = (*(["doubtful"] if doubt else []), *opened.notes())
        title, path = opened.document.title, opened.document.path
        view = View(language, theme, title, path, _place(opened, language), notes, zoom)
        return _page(render(opened, view, page=page, whole=whole))

    @router.get(UNSOURCED_PATH, include_in_schema=False)
    def unsourced(request: Request, theme: str = "") -> Response:
        return message("unsourced", reader_language(request), theme if theme in THEMES else "")

    @router.get("/view/{document_id:int}/page/{page:int}.png", responses=PICTURE)
    def picture(document_id: int, page: int) -> Response:
        try:
            opened = open_span(catalog, document_id, 0, 0)
        except KeyError:
            return no_page()
        return picture_response(opened, page, passwords)

    @router.get("/file/{document_id:int}", responses=ORIGINAL)
    def file(request: Request, document_id: int) -> Response:
        try:
            opened = open_span(catalog, document_id, 0, 0)
        except KeyError:
            return message("missing", reader_language(request), "", 404)
        return file_response(opened, reader_language(request))

    @router.get("/api/passage/{document_id:int}")
    def passage(request: Request, document_id: int, start: int = 0, end: int = 0) -> Response:
        try:
            opened = open_span(catalog, document_id, start, end, passwords)
        except KeyError:
            return JSONResponse({"detail": "There is no such document."}, 404)
        headers = {"Cache-Control": "private, no-cache"}
        return JSONResponse(passage_json(opened, reader_language(request)), headers=headers)

    return router


def reader_language(request: Request) -> str:
    """`zh` or `en`, whichever the browser names first."""
    accepted = request.headers.get("accept-language", "")
    return "zh" if re.match(r"\s*zh\b", accepted, re.IGNORECASE) else "en"


def no_page() -> Response:
    return JSONResponse({"detail": "There is no such page."}, 404)


def picture_response(opened: Opened, page: int, passwords: tuple[str, ...]) -> Response:
    """A page of a PDF as a PNG."""
    if not opened.is_pdf:
        return no_page()
    try:
        mtime_ns = opened.path.stat().st_mtime_ns
        png = page_png(opened.path, mtime_ns, page, PICTURE_SCALE, passwords)
    except Exception as error:  # PDFium's own errors, and those of the file
        log.info("no picture of page %d of %s: %s", page, opened.path, error)
        return no_page()
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


def message(key: str, language: str, theme: str, status: int = 200) -> Response:
    """A page that stands in a document's place: it is no more, or never was one."""
    title = WORDS[language][f"{key}_title"]
    view = View(language, theme, title, "", notes=(key,))
    return _page(viewer_html.document_page(view, ""), status)


def _page(html: str, status: int = 200) -> Response:
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "private, no-cache"}
    return HTMLResponse(html, status, headers=headers)


def file_response(opened: Opened, language: str) -> Response:
    """The original file. Only a PDF opens in the browser; anything else is saved, never run."""
    if not opened.path.is_file():
        return message("missing", language, "", 404)
    return FileResponse(
        opened.path,
        media_type="application/pdf" if opened.is_pdf else "application/octet-stream",
        filename=opened.path.name,
        content_disposition_type="inline" if opened.is_pdf else "attachment",
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": FILE_POLICY,
            "Cache-Control": "private, no-cache",
        },
    )


def _place(opened: Opened, language: str) -> str:
    """The span's place, apart from the pages of a PDF, which are told where they are turned."""
    is_slide = opened.path.suffix.lower() in KINDS["slides"]
    return place_line(opened, language, opened.chunk.page if is_slide else None)


def render(opened: Opened, view: View, *, page: int | None, whole: bool) -> str:
    """The document at the span: its text, or the picture of a PDF page."""
    is_gone = "gone" in view.notes
    if opened.is_pdf and not is_gone:
        try:
            return _pdf_page(opened, view, page)
        except Exception as error:  # PDFium's own errors: the text is still there
            log.warning("%s cannot be shown as pictures: %s", opened.path, error)
            view = replace(view, notes=(*view.notes, "unreadable"))
    file_url = "" if is_gone else f"/file/{opened.document.document_id}"
    return viewer_html.document_page(view, _text(opened, view, whole), "", file_url)


def _text(opened: Opened, view: View, whole: bool) -> str:
    text, start, end = opened.text, opened.start, opened.end
    first = 0 if whole else _line_start(text, start - WINDOW_CHARACTERS)
    last = len(text) if whole else _line_end(text, end + WINDOW_CHARACTERS)
    more = viewer_html.more_link(
        view, "" if (first, last) == (0, len(text)) else _url(opened, view, whole=1)
    )
    return more + _writer(opened, view, anchor=True).write(first, last) + more


def _writer(opened: Opened, view: View, *, anchor: bool) -> TextWriter:
    return TextWriter(
        opened.text,
        (opened.start, opened.end),
        opened.chunks,
        suffix=opened.path.suffix,
        language=view.language,
        anchor=anchor,
    )


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1 if at > 0 else 0


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at) if at < len(text) else -1
    return found if found >= 0 else len(text)


def _url(opened: Opened, view: View, **more: int) -> str:
    theme = {"theme": view.theme} if view.theme else {}
    query = urlencode({"start": opened.start, "end": opened.end, **more, **theme})
    return f"/view/{opened.document.document_id}?{query}#cite"


def _pdf_page(opened: Opened, view: View, asked: int | None) -> str:
    cited, found = cited_page(opened)
    number = cited if asked is None else max(1, asked)
    if number != cited:
        found = locate(opened, number)
    zoom = {"zoom": 1} if view.large else {}
    ways = {"previous": number - 1, "next": number + 1, "cited": cited}
    urls = {
        key: _url(opened, view, page=page, **zoom)
        for key, page in ways.items()
        if 1 <= page <= found.num_pages and page != number
    }
    key, zoom = ("fit", {}) if view.large else ("zoom", {"zoom": 1})
    urls[key] = _url(opened, view, page=number, **zoom)
    document_id = opened.document.document_id
    position = view.position(number, found)
    picture = viewer_html.sheet(f"/view/{document_id}/page/{number}.png", found, position)
    unmarked = number == cited and not found.rectangles
    quote = _quote(opened, view, "unmarked" if unmarked else "quote", anchor=unmarked)
    main = quote + picture if unmarked else picture + quote
    links = viewer_html.page_links(view, position, urls)
    return viewer_html.document_page(view, main, links, f"/file/{document_id}#page={number}")


def _quote(opened: Opened, view: View, title: str, *, anchor: bool) -> str:
    """The quote as text within its lines."""
    if opened.end <= opened.start:
        return ""
    lines = _line_start(opened.text, opened.start), _line_end(opened.text, opened.end)
    body = _writer(opened, view, anchor=anchor).write(*lines)
    return viewer_html.quoted(view.word(title), body)

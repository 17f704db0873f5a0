"""The viewer: where a citation leads. Documents are named by id and come from the catalog alone."""

from __future__ import annotations

import logging
import re
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from rag import viewer_html
from rag.access import ReadableCatalog
from rag.catalog import Catalog
from rag.pdf_pages import page_png
from rag.viewer_html import View
from rag.viewer_span import Opened, cited_page, locate, open_span, passage_json

log = logging.getLogger(__name__)

WINDOW_CHARACTERS = 6000  # of a long text, on either side of the quote
PICTURE_SCALE = 2.0  # pixels a point: sharp at 1,190 pixels for A4
PAGE_POLICY = (
    f"default-src 'none'; img-src 'self'; style-src 'sha256-{viewer_html.STYLE_HASH}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
FILE_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; img-src 'self'"


def viewer_router(catalog: Catalog | ReadableCatalog, passwords: tuple[str, ...] = ()) -> APIRouter:
    """The viewer's routes: /view, its page pictures, /file and /api/passage.

    `passwords` are tried on locked PDFs, whose text is in the index because one of them fits.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/view/{document_id:int}")
    def view(
        request: Request,
        document_id: int,
        start: int = 0,
        end: int = 0,
        page: int | None = None,
        whole: bool = False,
        theme: str = "",
    ) -> Response:
        language = reader_language(request)
        theme = theme if theme in ("light", "dark") else ""
        try:
            opened = open_span(catalog, document_id, start, end, passwords)
        except KeyError:
            return missing(language, theme)
        return _page(render(opened, language, theme, page=page, whole=whole))

    @router.get("/view/{document_id:int}/page/{page:int}.png")
    def picture(document_id: int, page: int) -> Response:
        try:
            opened = open_span(catalog, document_id, 0, 0)
            mtime_ns = opened.path.stat().st_mtime_ns
            png = b""
            if opened.is_pdf:
                png = page_png(opened.path, mtime_ns, page, PICTURE_SCALE, passwords)
        except Exception as error:  # PDFium's own errors, and those of the file
            log.info("no picture of page %d of document %d: %s", page, document_id, error)
            png = b""
        if not png:
            return JSONResponse({"detail": "There is no such page."}, 404)
        return Response(png, media_type="image/png", headers={"Cache-Control": "private, no-cache"})

    @router.get("/file/{document_id:int}")
    def file(request: Request, document_id: int) -> Response:
        try:
            opened = open_span(catalog, document_id, 0, 0)
        except KeyError:
            return missing(reader_language(request), "")
        return file_response(opened, reader_language(request))

    @router.get("/api/passage/{document_id:int}")
    def passage(document_id: int, start: int = 0, end: int = 0) -> Response:
        try:
            opened = open_span(catalog, document_id, start, end)
        except KeyError:
            return JSONResponse({"detail": "There is no such document."}, 404)
        return JSONResponse(passage_json(opened))

    return router


def reader_language(request: Request) -> str:
    """`zh` or `en`, whichever the browser names first."""
    accepted = request.headers.get("accept-language", "")
    return "zh" if re.match(r"\s*zh\b", accepted, re.IGNORECASE) else "en"


def missing(language: str, theme: str) -> Response:
    """The page that stands where a document is no more."""
    words = viewer_html.WORDS[language]
    page = View(language, theme, words["missing_title"], "", notes=("missing",))
    return _page(viewer_html.document_page(page, ""), 404)


def _page(html: str, status: int = 200) -> Response:
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "private, no-cache"}
    return HTMLResponse(html, status, headers=headers)


def file_response(opened: Opened, language: str) -> Response:
    """The original file. Only a PDF opens in the browser; anything else is saved, never run."""
    if not opened.path.is_file():
        return missing(language, "")
    return FileResponse(
        opened.path,
        media_type="application/pdf" if opened.is_pdf else "application/octet-stream",
        filename=opened.path.name,
        content_disposition_type="inline" if opened.is_pdf else "attachment",
        headers={"X-Content-Type-Options": "nosniff", "Content-Security-Policy": FILE_POLICY},
    )


def render(opened: Opened, language: str, theme: str, *, page: int | None, whole: bool) -> str:
    """The document at the span: its text, or the picture of a PDF page."""
    document, notes = opened.document, opened.notes()
    view = View(language, theme, document.title, document.path, opened.chunk.heading, notes)
    if opened.is_pdf and "gone" not in notes:
        try:
            return _pdf_page(opened, view, page)
        except Exception as error:  # PDFium's own errors: the text is still there
            log.warning("%s cannot be shown as pictures: %s", document.path, error)
            notes.append("unreadable")
    file_url = "" if "gone" in notes else f"/file/{document.document_id}"
    return viewer_html.document_page(view, _text(opened, view, whole), "", file_url)


def _text(opened: Opened, view: View, whole: bool) -> str:
    text, start, end = opened.text, opened.start, opened.end
    first = 0 if whole else _line_start(text, start - WINDOW_CHARACTERS)
    last = len(text) if whole else _line_end(text, end + WINDOW_CHARACTERS)
    body = viewer_html.marked_text(text, start, end, first, last, anchor=True)
    all_url = "" if (first, last) == (0, len(text)) else _url(opened, view, whole=1)
    return viewer_html.text_main(view, body, all_url)


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
    ways = {"previous": number - 1, "next": number + 1, "cited": cited}
    urls = {
        key: _url(opened, view, page=page)
        for key, page in ways.items()
        if 1 <= page <= found.num_pages and page != number
    }
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
    text, start, end = opened.text, opened.start, opened.end
    lines = _line_start(text, start), _line_end(text, end)
    body = viewer_html.marked_text(text, start, end, *lines, anchor=anchor)
    return f"<h2>{view.word(title)}</h2>{body}"

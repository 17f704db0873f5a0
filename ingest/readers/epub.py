"""EPUB: the spine's chapters in order, each through the HTML walker."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ingest.readers.builder import DocumentBuilder
from ingest.readers.html import add_html
from ingest.readers.xml_tree import parse_xml
from rag.errors import ReadError
from rag.types import Document

_CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/rights.xml"  # present where the book is under digital rights management
_HEADING = re.compile(rb"<h[1-6]\b", re.IGNORECASE)
_PAGES = ("application/xhtml+xml", "text/html")


def read_epub(path: Path) -> Document:
    """Read an EPUB 2 or 3 book."""
    builder = DocumentBuilder()
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if _RIGHTS in names:
            message = f"{path}: the book is under copy protection; use a copy without it"
            raise ReadError("password", message)
        package_name = _package_name(archive)
        package = parse_xml(archive.read(package_name))
        folder = posixpath.dirname(package_name)
        titles = _chapter_titles(archive, package, folder)
        for name in (_join(folder, href) for href in _spine(package)):
            if name in names:
                _add_chapter(builder, archive.read(name), titles.get(name, ""))
    title = package.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
    return builder.build(title.strip() or path.stem)


def _add_chapter(builder: DocumentBuilder, page: bytes, title: str) -> None:
    """Add a chapter; one without a heading of its own gets its title in the contents."""
    if title and not _HEADING.search(page):
        builder.reset_headings()
        builder.add_heading(1, title)
    add_html(builder, page)


def _chapter_titles(archive: zipfile.ZipFile, package: Any, folder: str) -> dict[str, str]:
    """Chapter file -> its first title in the table of contents, of EPUB 3 or 2."""
    titles: dict[str, str] = {}
    names = set(archive.namelist())
    for item in package.iterfind(".//{*}manifest/{*}item"):
        is_navigation = "nav" in item.get("properties", "").split()
        if not is_navigation and item.get("media-type") != "application/x-dtbncx+xml":
            continue
        contents = _join(folder, unquote(item.get("href", "")))
        if contents not in names:
            continue
        try:
            tree = parse_xml(archive.read(contents))
        except ValueError:  # contents that no program reads are no loss
            continue
        for href, title in _links(tree):
            target = _join(posixpath.dirname(contents), unquote(href.partition("#")[0]))
            titles.setdefault(target, title)
    return titles


def _links(tree: Any) -> Iterator[tuple[str, str]]:
    for link in tree.iterfind(".//{*}nav//{*}a"):
        yield link.get("href", ""), " ".join("".join(link.itertext()).split())
    for point in tree.iterfind(".//{*}navPoint"):
        content = point.find("{*}content")
        if content is not None:
            title = point.findtext("{*}navLabel/{*}text") or ""
            yield content.get("src", ""), " ".join(title.split())


def _join(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, href))


def _package_name(archive: zipfile.ZipFile) -> str:
    container = parse_xml(archive.read(_CONTAINER))
    return str(container.find(".//{*}rootfile").get("full-path"))


def _spine(package: Any) -> list[str]:
    """The chapters' addresses in reading order, without the table of contents."""
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    order = [items.get(ref.get("idref")) for ref in package.iterfind(".//{*}spine/{*}itemref")]
    chapters = [item for item in order if item is not None and item.get("media-type") in _PAGES]
    return [
        unquote(item.get("href"))
        for item in chapters
        if "nav" not in item.get("properties", "").split()
    ]

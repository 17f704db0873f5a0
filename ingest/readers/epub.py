"""EPUB: the spine's chapters in order, each through the HTML walker."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ingest.readers.builder import DocumentBuilder
from ingest.readers.html import add_html
from ingest.readers.records import parse_xml
from rag.errors import ReadError
from rag.types import Document

_CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/rights.xml"  # present where the book is under digital rights management
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
        for href in _spine(package):
            name = posixpath.normpath(posixpath.join(posixpath.dirname(package_name), href))
            if name in names:
                add_html(builder, archive.read(name))
    title = package.findtext(".//{http://purl.org/dc/elements/1.1/}title") or ""
    return builder.build(title.strip() or path.stem)


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

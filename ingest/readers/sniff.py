"""What a file is by its content, where that is clear and its suffix says otherwise."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from rag.errors import ReadError

HEAD_BYTES = 4_096
OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_TEXTUAL = frozenset(
    {"text", "csv", "tsv", "json", "jsonl", "xml", "html", "markdown", "doc", "xls", "ppt", "rtf"}
)
# Formats whose files may well begin like HTML or RTF without being either.
_WRITTEN = frozenset({"markdown", "code", "ipynb", "subtitles", "eml"})
_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"{\\rtf", "rtf"),
    (b"\x1f\x8b", "packed"),
    (b"BZh", "packed"),
    (b"\xfd7zXZ\x00", "packed"),
    (b"\x7fELF", "program"),
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
_OPEN_DOCUMENT = {
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
    b"application/vnd.oasis.opendocument.presentation": "odp",
    b"application/epub+zip": "epub",
}
_OFFICE_PARTS = (
    ("word/", "docx"),
    ("ppt/", "pptx"),
    ("xl/workbook.bin", "xlsb"),
    ("xl/", "xlsx"),
    ("META-INF/container.xml", "epub"),
)
_OLE_STREAMS = (
    ("EncryptedPackage", "locked"),
    ("WordDocument", "doc"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("PowerPoint Document", "ppt"),
    ("__properties_version1.0", "msg"),
)
_LENIENT = {"doc": "text", "xls": "tsv", "ppt": "text"}  # exports often bear these suffixes


def sniff(path: Path, claimed: str) -> str:
    """The format by content, or `claimed` where the content does not settle it.

    `locked` is an encrypted Office file. Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    found = _by_content(path, head, claimed)
    if found is not None:
        return found
    if claimed in _LENIENT:
        if b"\x00" in head:
            message = f"{path}: not an Office file; give it its true suffix or save it anew"
            raise ReadError("damaged", message)
        return _LENIENT[claimed]
    return claimed


def _by_content(path: Path, head: bytes, claimed: str) -> str | None:
    if head.startswith(OLE_MAGIC):
        return _ole_kind(path, claimed)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(path, claimed)
    if head[257:262] == b"ustar":
        return "tar"
    if claimed in _WRITTEN:
        return None
    if b"%PDF-" in head[: 1024 if claimed == "pdf" else 8]:
        return "pdf"
    for magic, kind in _MAGICS:
        if head.startswith(magic) and not _keeps(claimed, kind):
            return kind
    if head.startswith(b"MZ") and b"\x00" in head:
        return "program"
    if claimed in _TEXTUAL and _HTML.match(head):
        return "html"
    if claimed in _LENIENT and head.lstrip().startswith(b"<?xml"):
        return "xml"
    return None


def _keeps(claimed: str, kind: str) -> bool:
    """Whether a file may be of the claimed kind though its content says `kind`."""
    return (kind == "packed" and claimed == "tar") or (kind == "image" and claimed == "image")


def _ole_kind(path: Path, claimed: str) -> str:
    import olefile

    try:
        with olefile.OleFileIO(path) as ole:
            return next((kind for name, kind in _OLE_STREAMS if ole.exists(name)), claimed)
    except OSError as error:  # olefile's own errors are of this kind
        message = f"{path}: the file is damaged ({error}); open it in its program and save it anew"
        raise ReadError("damaged", message) from error


def _zip_kind(path: Path, claimed: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            mimetype = _mimetype(archive) if "mimetype" in names else b""
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return claimed if claimed not in ("text", "csv") else "zip"
    if mimetype in _OPEN_DOCUMENT:
        return _OPEN_DOCUMENT[mimetype]
    for part, kind in _OFFICE_PARTS:
        if any(name.startswith(part) for name in names):
            return kind
    is_open_document = "content.xml" in names and claimed in _OPEN_DOCUMENT.values()
    return claimed if is_open_document else "zip"


def _mimetype(archive: zipfile.ZipFile) -> bytes:
    with archive.open("mimetype") as file:
        return file.read(100).strip()

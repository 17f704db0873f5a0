"""One reader a format: `read_document` picks it by suffix and answers for its errors."""

from __future__ import annotations

import zipfile
from importlib import import_module
from pathlib import Path

from ingest.readers.options import ReadOptions
from rag.errors import ReadError
from rag.types import Document

# Suffix -> module and function, imported only when such a file is read.
_READERS: dict[str, tuple[str, str]] = {
    ".pdf": ("pdf", "read_pdf"),
    ".docx": ("office", "read_docx"),
    ".pptx": ("office", "read_pptx"),
    ".xlsx": ("office", "read_xlsx"),
    ".xlsm": ("office", "read_xlsx"),
    ".html": ("html", "read_html"),
    ".htm": ("html", "read_html"),
    ".xhtml": ("html", "read_html"),
    ".epub": ("epub", "read_epub"),
    ".md": ("markdown", "read_markdown"),
    ".markdown": ("markdown", "read_markdown"),
    ".txt": ("text", "read_text"),
    ".text": ("text", "read_text"),
    ".log": ("text", "read_text"),
    ".rst": ("text", "read_text"),
    ".csv": ("tables", "read_table"),
    ".tsv": ("tables", "read_table"),
    ".json": ("records", "read_json"),
    ".jsonl": ("records", "read_jsonl"),
    ".ndjson": ("records", "read_jsonl"),
    ".xml": ("records", "read_xml"),
}
_ZIPPED = frozenset({".docx", ".pptx", ".xlsx", ".xlsm", ".epub"})
_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")  # encrypted Office files are OLE containers

_NO_OPTIONS = ReadOptions()
SUFFIXES: frozenset[str] = frozenset(_READERS)
MAX_BYTES = 512 * 1024**2
MAX_UNZIPPED_BYTES = 2 * 1024**3  # past this a small archive is a bomb, not a document


def read_document(path: Path, *, options: ReadOptions = _NO_OPTIONS) -> Document:
    """Read any supported file. Raises ReadError, and nothing else, if it cannot."""
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise ReadError(
            "unsupported",
            f"{path}: '{suffix}' files are not supported; save it as one of "
            f"{', '.join(sorted(SUFFIXES))}",
        )
    try:
        _check_size(path)
        if suffix in _ZIPPED:
            _check_archive(path)
        module, function = _READERS[suffix]
        document: Document = getattr(import_module(f"{__name__}.{module}"), function)(path)
        if not document.blocks:
            raise _no_text(path)
    except ReadError:
        raise
    except OSError as error:
        message = f"{path}: cannot be opened ({error}); check that it exists and may be read"
        raise ReadError("unreadable", message) from error
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        message = f"{path}: the file is damaged ({detail}); open it in its program and save it anew"
        raise ReadError("damaged", message) from error
    return document


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise ReadError("empty", f"{path}: the file is empty; copy it again or remove it")
    if size > MAX_BYTES:
        limit = MAX_BYTES // 1024**2
        raise ReadError("too_large", f"{path}: larger than {limit} MiB; split it into parts")


def _check_archive(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_OLE_MAGIC)) == _OLE_MAGIC:
            message = (
                f"{path}: protected by a password, or in an old Office format; "
                "remove the password and save it in the current format"
            )
            raise ReadError("password", message)
    with zipfile.ZipFile(path) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    if unzipped > MAX_UNZIPPED_BYTES:
        limit = MAX_UNZIPPED_BYTES // 1024**3
        raise ReadError("too_large", f"{path}: unpacks to over {limit} GiB; split it into parts")


def _no_text(path: Path) -> ReadError:
    if not path.read_bytes().strip():
        return ReadError("empty", f"{path}: the file is empty; copy it again or remove it")
    return ReadError("notext", f"{path}: no text in it; if it holds scans, run OCR on it first")

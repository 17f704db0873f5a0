"""One reader a format: `read_document` picks it by suffix and content, and answers for errors."""

from __future__ import annotations

import zipfile
from importlib import import_module
from pathlib import Path

from ingest.readers.formats import CONTAINERS, FORMATS, LEGACY, READERS, ZIPPED, suffix_of
from ingest.readers.locked import unlocked
from ingest.readers.members import Container
from ingest.readers.options import ReadOptions
from ingest.readers.sniff import sniff
from rag.errors import ReadError
from rag.types import Document

SUFFIXES: frozenset[str] = frozenset(FORMATS)
MAX_BYTES = 512 * 1024**2
MAX_UNZIPPED_BYTES = 2 * 1024**3  # past this a small archive is a bomb, not a document
_USUAL = ".pdf, .docx, .xlsx, .pptx, .html, .md or .txt"
_NO_OPTIONS = ReadOptions()


def read_document(
    path: Path, *, options: ReadOptions = _NO_OPTIONS, container: Container | None = None
) -> Document:
    """Read any supported file. Raises ReadError, and nothing else, if it cannot.

    `container` is the archive or mail that the file was unpacked from.
    """
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        message = f"{path}: '{suffix}' files are not supported; save it as {_USUAL}"
        raise ReadError("unsupported", message)
    try:
        _check_size(path)
        kind = sniff(path, FORMATS[suffix])
        with unlocked(path, kind, options) as (readable, kind):
            if kind in LEGACY:
                raise ReadError("unsupported", f"{path}: {LEGACY[kind]}")
            document = _read(readable, kind, path, options, container)
    except ReadError:
        raise
    except OSError as error:
        message = f"{path}: cannot be opened ({error}); check that it exists and may be read"
        raise ReadError("unreadable", message) from error
    except (MemoryError, RecursionError) as error:
        detail = str(error) or type(error).__name__
        message = f"{path}: too large or too deeply nested to read ({detail}); split it into parts"
        raise ReadError("too_large", message) from error
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        message = f"{path}: the file is damaged ({detail}); open it in its program and save it anew"
        raise ReadError("damaged", message) from error
    return document if kind == FORMATS[suffix] else _with_note(document, path, kind)


def _read(
    readable: Path, kind: str, path: Path, options: ReadOptions, container: Container | None
) -> Document:
    """`readable` is `path`, or its unlocked copy in a folder of its own, of the same name."""
    if kind in ZIPPED:
        _check_unzipped_size(readable)
    module, function, takes_options = READERS[kind]
    reader = getattr(import_module(f"{__name__}.{module}"), function)
    try:
        if kind in CONTAINERS:
            around = container or Container(path.name, read_document)
            document: Document = reader(readable, options=options, container=around)
        else:
            document = reader(readable, options) if takes_options else reader(readable)
    except ReadError as error:
        raise ReadError(error.reason, str(error).replace(str(readable), str(path))) from error
    if not document.text.strip():
        raise _no_text(path, readable if kind in ZIPPED else None)
    return document


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise ReadError("empty", f"{path}: the file is empty; copy it again or remove it")
    if size > MAX_BYTES:
        limit = MAX_BYTES // 1024**2
        raise ReadError("too_large", f"{path}: larger than {limit} MiB; split it into parts")


def _check_unzipped_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    if unzipped > MAX_UNZIPPED_BYTES:
        limit = MAX_UNZIPPED_BYTES // 1024**3
        raise ReadError("too_large", f"{path}: unpacks to over {limit} GiB; split it into parts")


def _no_text(path: Path, archive: Path | None) -> ReadError:
    """Why there is no text: a file of an `archive`'s kind may hold pictures of it."""
    if not path.read_bytes().strip():
        return ReadError("empty", f"{path}: the file is empty; copy it again or remove it")
    if archive is not None and not _holds_pictures(archive):
        return ReadError(
            "empty", f"{path}: neither text nor pictures in it; copy it again or remove it"
        )
    return ReadError("notext", f"{path}: no text in it; if it holds scans, run OCR on it first")


def _holds_pictures(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        folders = [name.rpartition("/")[0] for name in archive.namelist()]
    return any(folder.endswith(("media", "Pictures", "images")) for folder in folders)


def _with_note(document: Document, path: Path, kind: str) -> Document:
    note = f"{path}: its content is {kind}, whatever its name says; give it its true suffix"
    return Document(document.title, document.text, document.blocks, (note, *document.notes))

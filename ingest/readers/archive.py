"""ZIP and TAR archives, and single files packed with gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from ingest.readers.builder import DocumentBuilder
from ingest.readers.encoding import decode
from ingest.readers.members import Container, Member, add_members, read_stream
from ingest.readers.options import ReadOptions
from rag.errors import ReadError
from rag.types import Document

RATIO_BYTES = 10 * 1024**2  # below this a high ratio harms nobody
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags of a ZIP entry
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, lzma.LZMAError, NotImplementedError)


def read_archive(path: Path, *, options: ReadOptions, container: Container) -> Document:
    """Read every member under the heading of its address; those that fail become notes."""
    builder = DocumentBuilder()
    add_members(builder, read_members(path, options=options, container=container), container)
    return builder.build(PurePosixPath(container.address).name)


def read_members(path: Path, *, options: ReadOptions, container: Container) -> Iterator[Member]:
    """The members one by one, each unpacked only while it is read.

    Left out: folders, links, devices, and the hidden files that programs leave behind. Raises
    ReadError if the archive itself is damaged or stands too deep in others.
    """
    if container.depth > container.limits.depth:
        message = f"{path}: an archive too deep in others; unpack it yourself"
        raise ReadError("too_large", message)
    if zipfile.is_zipfile(path):
        yield from _zip_members(path, options, container)
    elif tarfile.is_tarfile(path):
        yield from _tar_members(path, options, container)
    else:
        yield _packed_member(path, options, container)


def _zip_members(path: Path, options: ReadOptions, container: Container) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = _zip_name(entry)
            if entry.is_dir() or _is_link(entry) or _is_litter(name):
                continue
            if failure := _refuse(name, entry.file_size, entry.compress_size, container):
                yield failure
                if container.limits.members < 0:
                    return
                continue
            try:
                with _open_entry(archive, entry, options) as stream:
                    yield read_stream(name, cast(Any, stream), options=options, container=container)
            except ReadError as error:
                address = container.address_of(name)
                yield Member(name, ReadError(error.reason, f"{address}: {error}"))
            except _BROKEN as error:
                yield _damaged(name, error, container)


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """The entry's path; without the UTF-8 flag it is in whatever code page its maker had."""
    name = entry.filename
    if not entry.flag_bits & _UTF8 and not name.isascii():
        name = decode(name.encode("cp437", "replace"))
    return _inner_path(name)


def _inner_path(name: str) -> str:
    """A member's path without what would lead out of the archive."""
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/")


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return (entry.external_attr >> 16) & 0o170000 == 0o120000


def _is_litter(name: str) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in PurePosixPath(name).parts)


def _refuse(name: str, size: int, packed: int, container: Container) -> Member | None:
    """A member that a limit keeps out, or None. Counts the member."""
    limits = container.limits
    limits.members -= 1
    address = container.address_of(name)
    if limits.members < 0:
        message = f"{address}: one file too many in the archive; split it into parts"
    elif size > min(limits.member_bytes, limits.total_bytes):
        message = f"{address}: unpacks to more than may be; unpack the archive yourself"
    elif size > RATIO_BYTES and packed and size / packed > limits.ratio:
        message = f"{address}: unpacks to {size // packed} times its size, as bombs do; remove it"
    else:
        return None
    return Member(name, ReadError("too_large", message))


def _open_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, options: ReadOptions
) -> IO[bytes]:
    if not entry.flag_bits & _ENCRYPTED:
        return archive.open(entry)
    for password in options.passwords:
        try:
            # The check byte lets one wrong password of 256 pass; the checksum does not.
            with archive.open(entry, pwd=password.encode()) as stream:
                while stream.read(1024**2):
                    pass
            return archive.open(entry, pwd=password.encode())
        except (RuntimeError, zipfile.BadZipFile, zlib.error):
            continue
    raise ReadError("password", "under a password; set it under `passwords`, or pack it without")


def _tar_members(path: Path, options: ReadOptions, container: Container) -> Iterator[Member]:
    last = ""
    try:
        with tarfile.open(path) as archive:
            for entry in archive:
                last = _inner_path(entry.name)
                if not entry.isfile() or _is_litter(last):
                    continue
                if failure := _refuse(last, entry.size, 0, container):
                    yield failure
                    return  # going on would unpack what is refused
                stream = cast(Any, archive.extractfile(entry))
                yield read_stream(last, stream, options=options, container=container)
    except (tarfile.TarError, OSError, *_BROKEN) as error:
        if not last:
            raise
        yield _damaged(f"{last} and what follows", error, container)


def _packed_member(path: Path, options: ReadOptions, container: Container) -> Member:
    with path.open("rb") as file:
        head = file.read(6)
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7z": lzma.open}
    opener = next((openers[magic] for magic in openers if head.startswith(magic)), None)
    if opener is None:
        raise ReadError("damaged", f"{path}: not an archive; copy it again or pack it anew")
    name = path.stem if path.suffix.lower() in (".gz", ".bz2", ".xz") else path.name
    with opener(path) as stream:
        try:
            return read_stream(name, stream, options=options, container=container)
        except _BROKEN as error:
            return _damaged(name, error, container)


def _damaged(name: str, error: Exception, container: Container) -> Member:
    message = f"{container.address_of(name)}: damaged in the archive ({error}); pack it anew"
    return Member(name, ReadError("damaged", message))

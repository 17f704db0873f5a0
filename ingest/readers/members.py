"""What archives and mails share: files inside a file, read within limits.

A member is addressed as `archive.zip!/folder/file.txt`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ingest.readers.builder import DocumentBuilder
from ingest.readers.options import ReadOptions
from rag.errors import ReadError
from rag.types import Document

MEMBER_LEVEL = -1  # above every heading of the member's own
COPY_BYTES = 1024 * 1024
MAX_NAMED_FAILURES = 20


@dataclass(slots=True)
class Limits:
    """What may still be unpacked; all archives within one file draw on the same."""

    total_bytes: int = 1024**3
    member_bytes: int = 256 * 1024**2
    members: int = 10_000
    depth: int = 2  # an archive in an archive, and no deeper
    ratio: int = 200  # unpacked to packed bytes of a member, where it unpacks to over RATIO_BYTES


@dataclass(frozen=True, slots=True)
class Container:
    """The archive or mail being read: its address, and how many stand around it.

    `read` reads a member: read_document, handed down since archives are what it imports.
    """

    address: str
    read: Callable[..., Document]
    depth: int = 1
    limits: Limits = field(default_factory=Limits)

    def inside(self, name: str) -> Container:
        """A container that stands in this one."""
        return Container(self.address_of(name), self.read, self.depth + 1, self.limits)

    def address_of(self, name: str) -> str:
        """The address of a member."""
        return f"{self.address}!/{name}"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a container: its path there, and its document or why there is none."""

    name: str
    content: Document | ReadError


def read_stream(
    name: str, stream: BinaryIO, *, options: ReadOptions, container: Container
) -> Member:
    """Unpack one member and read it. Every failure, limits too, is the member's content."""
    address = container.address_of(name)
    with tempfile.TemporaryDirectory(prefix="footnote-") as folder:
        path = Path(folder) / safe_name(name)
        try:
            _unpack(stream, path, address, container.limits)
            document = container.read(path, options=options, container=container.inside(name))
            return Member(name, document)
        except ReadError as error:
            message = str(error).replace(str(path), address)
            return Member(name, ReadError(error.reason, message))
        except OSError as error:
            message = f"{address}: cannot be unpacked ({error}); pack it anew"
            return Member(name, ReadError("damaged", message))


def safe_name(name: str) -> str:
    """A file name for a member: its last part, short, its suffix kept."""
    last = PurePosixPath(name.replace("\\", "/")).name.replace("\x00", "")
    suffix = PurePosixPath(last).suffix[:20]
    stem = last[: len(last) - len(suffix)].encode("utf-8", "replace")[:100]
    return (stem.decode("utf-8", "ignore") or "member") + suffix


def _unpack(stream: BinaryIO, path: Path, address: str, limits: Limits) -> None:
    left = min(limits.member_bytes, limits.total_bytes)
    with path.open("wb") as file:
        while data := stream.read(COPY_BYTES):
            left -= len(data)
            limits.total_bytes -= len(data)
            if left < 0:
                message = f"{address}: unpacks to more than may be; unpack the archive yourself"
                raise ReadError("too_large", message)
            file.write(data)


def add_members(builder: DocumentBuilder, members: Iterable[Member], container: Container) -> None:
    """Add each member's document under its address; note those that could not be read.

    Raises ReadError where nothing could be read and something failed.
    """
    failures: list[ReadError] = []
    for member in members:
        if isinstance(member.content, ReadError):
            failures.append(member.content)
        else:
            _add_member(builder, member.name, member.content, container)
    for failure in failures[:MAX_NAMED_FAILURES]:
        builder.add_note(f"left out ({failure.reason}): {failure}")
    if len(failures) > MAX_NAMED_FAILURES:
        builder.add_note(f"{container.address}: {len(failures)} members were left out")
    if failures and not builder.has_text:
        raise _all_failed(failures, container)


def _add_member(
    builder: DocumentBuilder, name: str, document: Document, container: Container
) -> None:
    address = container.address_of(name)
    builder.reset_headings()
    inner = f"{address}!/"  # under which the members of an archive already stand
    if not any(path[0].startswith(inner) for block in document.blocks if (path := block.headings)):
        builder.add_heading(MEMBER_LEVEL, address)
    builder.add_document(document)
    builder.reset_headings()


def _all_failed(failures: list[ReadError], container: Container) -> ReadError:
    if len(failures) == 1:
        return failures[0]
    reasons = sorted({failure.reason for failure in failures})
    reason = reasons[0] if len(reasons) == 1 else "notext"
    message = f"{container.address}: none of its {len(failures)} members can be read"
    return ReadError(reason, f"{message} ({', '.join(reasons)}); the first: {failures[0]}")

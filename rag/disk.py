"""Turns what a disk that is full, read-only or broken does into one clear error."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import IndexStateError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
# SQLite, FAISS (RuntimeError) and tantivy (ValueError) say it in words.
FULL_WORDS = ("disk is full", "no space left", "file too large", "quota exceeded")
FORBIDDEN_WORDS = ("readonly", "read-only", "permission denied", "unable to open database")
BROKEN_WORDS = ("disk i/o error", "input/output error", "write error in", "i/o error")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Raise IndexStateError, naming the index and the cure, where the disk fails inside."""
    try:
        yield
    except (OSError, sqlite3.Error, RuntimeError, ValueError) as error:
        if (message := _explain(folder, error)) is None:
            raise
        raise IndexStateError(message) from error


def is_disk_error(error: Exception) -> bool:
    """Whether the disk is full, failing or may not be written; `disk_errors` says which."""
    return _explain(Path(), error) is not None


def sqlite_address(path: Path, *, read_only: bool) -> str:
    """The URI to open a WAL database with, also where its folder may not be written.

    There SQLite cannot make its side files, so without a writer's the file must be taken as it
    is. Such a connection must not be kept: it would not see that a writer came.
    """
    mode = "mode=rwc"
    if read_only:
        mode = "mode=rw"
        if not may_write(path.parent):
            has_writer = path.with_name(path.name + "-wal").exists()
            mode = "mode=ro" if has_writer else "mode=ro&immutable=1"
    return f"{path.absolute().as_uri()}?{mode}"


def may_write(folder: Path) -> bool:
    """Whether files can be made in the folder."""
    return os.access(folder, os.W_OK)


def open_error(path: Path, error: sqlite3.Error) -> IndexStateError:
    """Why a catalog cannot be opened: the disk's fault, or it is damaged."""
    return IndexStateError(
        _explain(path.parent, error)
        or f"The catalog {path} cannot be opened ({error}). "
        "Move it aside and index the folders again."
    )


def _explain(folder: Path, error: Exception) -> str | None:
    """None if it is not about the disk."""
    code = getattr(error, "errno", None)
    words = str(error).lower()
    if code in FULL or any(word in words for word in FULL_WORDS):
        return (
            f"The disk that holds the index {folder} is full. Free some space and run it again: "
            "what was indexed so far is kept."
        )
    if code in FORBIDDEN or any(word in words for word in FORBIDDEN_WORDS):
        return (
            f"The index {folder} cannot be written ({error}). "
            "Allow writing to it, or give another folder with --index."
        )
    if code == errno.EIO or any(word in words for word in BROKEN_WORDS):
        return (
            f"The disk that holds the index {folder} failed or is full ({error}). See to it, then "
            "run `footnote verify`: what was indexed so far is kept."
        )
    return None

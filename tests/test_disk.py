from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from rag.disk import disk_errors, open_error, sqlite_address
from rag.errors import IndexStateError

FULL = "is full. Free some space"
FORBIDDEN = "cannot be written"
BROKEN = "failed or is full"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
        (OSError(errno.EDQUOT, "Quota exceeded"), FULL),
        (sqlite3.OperationalError("database or disk is full"), FULL),
        (ValueError("IoError: No space left on device (os error 28)"), FULL),
        (RuntimeError("Error: 'f' failed: could not open x for writing: Permission denied"),
         FORBIDDEN),
        (OSError(errno.EROFS, "Read-only file system"), FORBIDDEN),
        (sqlite3.OperationalError("attempt to write a readonly database"), FORBIDDEN),
        (sqlite3.OperationalError("disk I/O error"), BROKEN),
        (RuntimeError("Error in virtual size_t faiss::FileIOWriter: write error in dense"), BROKEN),
    ],
)  # fmt: skip
def test_what_the_disk_did_is_said_with_the_cure(
    error: Exception, said: str, tmp_path: Path
) -> None:
    with pytest.raises(IndexStateError, match=said) as caught, disk_errors(tmp_path):
        raise error
    assert str(tmp_path) in str(caught.value) and caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [ValueError("k is 0"), KeyError("full"), FileNotFoundError(errno.ENOENT, "gone")]
)
def test_other_errors_stay_as_they_are(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught, disk_errors(tmp_path):
        raise error
    assert caught.value is error


def test_only_a_damaged_catalog_is_to_be_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    assert "Move it aside" in str(open_error(path, sqlite3.DatabaseError("not a database")))
    assert "Free some" in str(open_error(path, sqlite3.OperationalError("disk is full")))


def test_a_fixed_file_is_only_assumed_where_no_writer_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.sqlite3"
    assert sqlite_address(path, read_only=False).endswith("?mode=rwc")
    assert sqlite_address(path, read_only=True).endswith("?mode=rw")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert sqlite_address(path, read_only=True).endswith("?mode=ro&immutable=1")
    (tmp_path / "catalog.sqlite3-wal").touch()
    assert sqlite_address(path, read_only=True).endswith("?mode=ro")

"""Who may write to an index: one process at a time, and the others can say which one."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rag.errors import IndexStateError

LOCK_FILE = "lock"  # in the folder of an index
RETRY_SECONDS = 0.1
GRACE_SECONDS = 0.35  # who only asks for the holder has the lock for an instant
MAX_BYTES = 1000  # of the note in the lock file


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that writes to an index; `pid` is 0 if it left no note yet."""

    pid: int
    since: str = ""
    command: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        if not self.command:
            return f"the process {self.pid}"
        return f"the process {self.pid} ({self.command}, since {self.since})"


def take_lock(
    path: Path, wait_seconds: float = 0.0, say: Callable[[str], None] | None = None
) -> int:
    """Lock the file and note in it who we are; closing the descriptor lets it go.

    While another process holds it, `say` is told who, once, and it is tried again for
    `wait_seconds`. Raises IndexStateError that names the holder, or says why the file cannot be
    written. A process that died holds nothing: the system lets its lock go.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise IndexStateError(
            f"The index {path.parent} cannot be written ({error.strerror}). "
            "Allow writing to it, or give another folder with --index."
        ) from error
    try:
        _wait_for(descriptor, path, wait_seconds, say)
        _write_note(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def lock_holder(path: Path) -> Holder | None:
    """Who holds the lock just now; None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        return _read_note(descriptor)
    finally:
        os.close(descriptor)


def _wait_for(
    descriptor: int, path: Path, wait_seconds: float, say: Callable[[str], None] | None
) -> None:
    started = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise IndexStateError(
                    f"The index {path.parent} cannot be locked ({error.strerror}). "
                    "Put it on a disk of this machine with --index."
                ) from error
            text = f"The index {path.parent} is being written by {_read_note(descriptor)}."
            waited = time.monotonic() - started
            if waited >= max(wait_seconds, GRACE_SECONDS):
                raise IndexStateError(f"{text} Wait until it is done, or stop it.") from error
        if say is not None and waited >= GRACE_SECONDS:
            say(f"{text} Waiting for it, up to {wait_seconds:g} s.")
            say = None
        time.sleep(RETRY_SECONDS)


def _write_note(descriptor: int) -> None:
    """A full disk does not matter: the lock holds without a note."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]).replace("\n", " ")
    since = datetime.now().isoformat(" ", "seconds")
    note = f"{os.getpid()}\n{since}\n{command}\n".encode(errors="replace")[:MAX_BYTES]
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, note, 0)
    except OSError:
        pass


def _read_note(descriptor: int) -> Holder:
    lines = os.pread(descriptor, MAX_BYTES, 0).decode(errors="replace").split("\n")
    if not lines[0].isdigit():
        return Holder(0)
    return Holder(int(lines[0]), *(line.strip() for line in lines[1:3]))

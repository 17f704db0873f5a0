"""The audit log: who asked what and when, what was found and cited, and what it cost.

One JSON object a line, in files by day (UTC). Processes append to the same file, each line at once.
"""

from __future__ import annotations

import errno
import hmac
import json
import logging
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from rag.believed_time import believed_time

log = logging.getLogger(__name__)

IGNORE_FILE = ".footnoteignore"  # keeps a folder's files out of the index
KEY_FILE = "question.key"  # makes the hashes of questions worthless without it
KEY_CHARACTERS = 64
_FILE = re.compile(r"audit-(\d{4}-\d{2}-\d{2})(?:-(\d+))?\.jsonl")

Redaction = Literal["full", "hashed", "none"]
Outcome = Literal["answered", "refused", "found", "failed", "stopped"]
Lookup = Literal["hit", "near", "miss", "off"]


@dataclass(slots=True)
class Entry:
    """One question. `ms` are milliseconds until `first_source`, `first_token` and `total`.

    `sources` are the documents and pages that were shown: `cited` ones too. The tokens of a cached
    answer are 0: they were spent before. `stopped` is who left before the end.
    """

    kind: Literal["ask", "search"]
    question: str
    time: str = ""
    id: str = ""
    who: str = ""
    client: str = ""
    outcome: Outcome = "stopped"
    cache: Lookup = "off"
    model: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    ms: dict[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class AuditLog:
    """Appends entries to files of at most `max_file_bytes`, kept for `days`, for the owner alone.

    Of questions the text, a keyed hash or nothing is written, as `questions` says; but for the
    text, errors are named without their message. What cannot be written is counted in `num_lost`,
    said once, and told by the next entry that can (`lost_before`). Safe to share between threads
    and processes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        days: int,
        max_file_bytes: int,
        questions: Redaction = "full",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.folder = folder
        self.num_lost = 0
        self._days, self._max_file_bytes = days, max_file_bytes
        self._questions, self._clock = questions, clock or _now
        self._today = clock or _believed_now
        self._lock = threading.Lock()
        self._told_lost = 0
        self._was_said = False
        self._tidied = ""

    def write(self, entry: Entry) -> None:
        """Append one entry."""
        now = self._clock()
        with self._lock:
            try:
                self._make_folder()
                self._append(now, self._line(entry, now))
                self._tidy(self._today())
            except OSError as error:
                self._lose(error)
                return
            self._told_lost = self.num_lost
            if self._was_said:
                self._was_said = False
                log.warning("The audit log %s is written again.", self.folder)

    def _make_folder(self) -> None:
        """Among documents, too: its files must never be found by a search."""
        if self.folder.is_dir():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / IGNORE_FILE).write_text("*\n")

    def _line(self, entry: Entry, now: datetime) -> bytes:
        shown = entry.as_json()
        shown["time"] = entry.time or now.isoformat(timespec="milliseconds")
        shown["ms"] = {name: round(spent, 1) for name, spent in entry.ms.items()}
        if self._questions != "full":
            shown["question"] = self._hash(entry.question) if self._questions == "hashed" else ""
            shown["error"] = entry.error.partition(":")[0]
        if lost := self.num_lost - self._told_lost:
            shown["lost_before"] = lost
        return (json.dumps(shown, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")

    def _hash(self, question: str) -> str:
        """The same for the same question, and only where the key is known to be checked."""
        digest = hmac.new(self._key(), question.encode(errors="replace"), "sha256")
        return f"hmac-sha256:{digest.hexdigest()}"

    def _key(self) -> bytes:
        """Made once, whichever process comes first. Raises OSError where there is no whole one."""
        path = self.folder / KEY_FILE
        if not path.exists():
            made = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}.tmp")
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with os.fdopen(os.open(made, flags, 0o600), "w") as stream:
                    stream.write(secrets.token_hex(KEY_CHARACTERS // 2))
                with suppress(FileExistsError):
                    os.link(made, path)  # whole or not at all, and never over another's
            finally:
                made.unlink(missing_ok=True)
        key = path.read_bytes()
        if len(key) < KEY_CHARACTERS:
            raise OSError(f"{path} is cut off: delete it, and a new one is made")
        return key

    def _append(self, now: datetime, line: bytes) -> None:
        """In one write, so that lines of several processes do not mix.

        A full disk may take half a line; the next one that is written ends it first. Of a line that
        another process is just writing half may show, too: then an empty line stays behind it.
        """
        path = self._current_file(now)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
        finally:
            os.close(descriptor)

    def _current_file(self, now: datetime) -> Path:
        day = now.astimezone(UTC).date().isoformat()
        names = [_FILE.fullmatch(path.name) for path in self.folder.glob(f"audit-{day}*.jsonl")]
        number = max((int(name[2] or 0) for name in names if name), default=0)
        path = self.folder / _name(day, number)
        with suppress(FileNotFoundError):
            if path.stat().st_size >= self._max_file_bytes:
                return self.folder / _name(day, number + 1)
        return path

    def _tidy(self, now: datetime) -> None:
        """Once a day, delete the files that are too old."""
        today = now.astimezone(UTC).date()
        if self._tidied == today.isoformat():
            return
        self._tidied = today.isoformat()
        oldest = (today - timedelta(days=self._days)).isoformat()
        for path in self.folder.glob("audit-*.jsonl"):
            if (name := _FILE.fullmatch(path.name)) and name[1] < oldest:
                path.unlink(missing_ok=True)

    def _lose(self, error: OSError) -> None:
        self.num_lost += 1
        if not self._was_said:
            self._was_said = True
            log.error(
                "The audit log %s cannot be written (%s). Questions are answered all the same; "
                'free some space, allow writing to it, or set audit = "none".',
                self.folder,
                error.strerror or error,
            )


def read_entries(folder: Path, since: datetime) -> Iterator[dict[str, Any]]:
    """The entries since then, oldest first; lines that were cut off are left out."""
    first = since.astimezone(UTC).date().isoformat()
    named = [(path, _FILE.fullmatch(path.name)) for path in folder.glob("audit-*.jsonl")]
    chosen = [(n[1], int(n[2] or 0), path) for path, n in named if n and n[1] >= first]
    for _, _, path in sorted(chosen):
        with path.open("rb") as stream:
            for line in stream:
                entry = _parse(line)
                if entry is not None and datetime.fromisoformat(entry["time"]) >= since:
                    yield entry


def _parse(line: bytes) -> dict[str, Any] | None:
    with suppress(ValueError, KeyError, TypeError):
        entry: dict[str, Any] = json.loads(line)
        datetime.fromisoformat(entry["time"])
        return entry
    return None


def _now() -> datetime:
    return datetime.now(UTC)


def _believed_now() -> datetime:
    return datetime.fromtimestamp(believed_time(), UTC)


def _name(day: str, number: int) -> str:
    return f"audit-{day}-{number}.jsonl" if number else f"audit-{day}.jsonl"

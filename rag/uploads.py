"""Files that people add: copies below the index, one folder for each collection of each person.

`uploads/OWNER/kept/` holds what stays, `uploads/OWNER/chat-ID/` what one conversation brought.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType

from rag.believed_time import believed_time
from rag.errors import LibraryError, SettingError
from rag.file_kinds import KNOWN_SUFFIXES, UNREAD_SUFFIXES, suffixes_of
from rag.where import Where

LOCAL = "local"  # who asks where nobody signs in
UPLOADS_FOLDER = "uploads"  # in the index's
KEPT_FOLDER = "kept"
CHAT_PREFIX = "chat-"
PART_PREFIX = ".part-"  # hidden: neither scanned nor listened to until it is whole
STALE_PART_SECONDS = 3600.0
MAX_NAME_BYTES = 150  # with a number and the prefix it stays below every file system's 255
DROPPED_SIGNS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, invisible, broken lines
MAX_SUFFIX_SIGNS = 16
TOUCHED_SHARE = 0.02  # of the time that files stay: no sooner is it begun anew
SMALLEST_BYTES = 4096  # of disk that a file takes, so that many tiny ones count
MAX_SAME_NAMES = 100
_CONVERSATION = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\/]+')


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """`suffixes` are those taken, with their dots; empty takes nothing at all."""

    max_file_bytes: int
    max_total_bytes: int
    suffixes: frozenset[str]
    temporary_seconds: float


def readable_suffixes(types: Iterable[str] = ()) -> frozenset[str]:
    """The suffixes of files that can be read, or those among the types named.

    Raises SettingError if a type is none.
    """
    readable = KNOWN_SUFFIXES - UNREAD_SUFFIXES
    try:
        named = frozenset[str]().union(*map(suffixes_of, types))
    except ValueError as error:
        raise SettingError(f"upload_types: {error}.") from error
    return readable & named if named else readable


class Uploads:
    """The folder of all that people have added. Safe to use from many threads and processes."""

    def __init__(self, folder: Path, limits: UploadLimits) -> None:
        self.folder = folder
        self.limits = limits

    def collection(self, owner: str, conversation: str | None = None) -> Path:
        """The folder of what a person keeps, or of what a conversation has for itself.

        Raises LibraryError if the conversation's name is none.
        """
        if conversation is None:
            return self._of(owner) / KEPT_FOLDER
        if not _CONVERSATION.fullmatch(conversation):
            raise LibraryError("name", "That is no conversation. Load the page again.")
        return self._of(owner) / f"{CHAT_PREFIX}{conversation.lower()}"

    def _of(self, owner: str) -> Path:
        """A name that anyone may have chosen does not become a path."""
        digest = hashlib.sha256(owner.encode()).hexdigest()[:24]
        return self.folder / (LOCAL if owner == LOCAL else f"u-{digest}")

    def begin(
        self, name: str, num_bytes: int, owner: str = LOCAL, conversation: str | None = None
    ) -> Incoming:
        """Take a file that is said to be so large. Raises LibraryError if it is not to be."""
        limits = self.limits
        if not limits.suffixes:
            raise LibraryError("off", "Files cannot be added here (the setting `uploads`).")
        safe = safe_name(name)
        suffix = PurePosixPath(safe).suffix.lower()
        if suffix not in limits.suffixes:
            raise LibraryError(
                "type",
                f"{safe}: files of this type are not read. Save it as .pdf, .docx or .txt.",
            )
        self.check_size(safe, num_bytes)
        if self.used_bytes(owner) + max(num_bytes, SMALLEST_BYTES) > limits.max_total_bytes:
            raise LibraryError(
                "full",
                f"{safe}: no room is left for your files "
                f"({limits.max_total_bytes / 1e6:g} MB in all). Remove some in the library.",
            )
        return Incoming(self, self.collection(owner, conversation), safe)

    def check_size(self, name: str, num_bytes: int) -> None:
        """Raises LibraryError if a file is larger than may be."""
        limit = self.limits.max_file_bytes
        if num_bytes > limit:
            raise LibraryError(
                "too_large", f"{name}: larger than {limit / 1e6:g} MB. Split it into parts."
            )

    def used_bytes(self, owner: str) -> int:
        """What a person's files take, those on their way too."""
        return sum(max(size, SMALLEST_BYTES) for _, size in _files(self._of(owner)))

    def visible(self, owner: str = LOCAL, conversation: str | None = None) -> Where:
        """What a person finds in a conversation: all but what others have added elsewhere.

        An open filter where nothing is to be hidden, which searches fastest.
        """
        seen = [self.collection(owner)]
        with suppress(LibraryError):
            seen += [self.collection(owner, conversation)] if conversation else []
        if all(folder in seen for folder in self.collections()):
            return Where()
        return self.only(seen, Where(outside=(str(self.folder),)))

    def visible_anywhere(self, owner: str = LOCAL) -> Where:
        """What a person may look at: all but what others have added."""
        own = self._of(owner)
        if all(folder.is_relative_to(own) for folder in self.collections()):
            return Where()
        return self.only([own], Where(outside=(str(self.folder),)))

    @staticmethod
    def only(folders: Iterable[Path], besides: Where) -> Where:
        """What lies in the folders, besides what a filter lets through."""
        return Where(any_of=(besides, Where(folders=tuple(map(str, folders)))))

    def collections(self) -> list[Path]:
        """The folders of all collections of all people."""
        return [
            Path(entry.path)
            for owner in _folders(self.folder)
            for entry in _folders(Path(owner.path))
        ]

    def files(self, owner: str, conversation: str | None = None) -> list[Path]:
        """What is in a collection, by name."""
        return sorted(
            path
            for path, _ in _files(self.collection(owner, conversation))
            if not path.name.startswith(PART_PREFIX)
        )

    def holds(self, path: str, owner: str | None = None) -> bool:
        """Whether a document was added by someone, or by this person."""
        folder = self.folder if owner is None else self._of(owner)
        return Path(path).is_relative_to(folder) and ".." not in Path(path).parts

    def is_kept(self, path: str) -> bool:
        return self.holds(path) and Path(path).parent.name == KEPT_FOLDER

    # Ending

    def delete(self, path: str) -> None:
        """Delete a file that was added, or is gone. LibraryError if it is none of those added."""
        file = Path(path)
        if not self.holds(path) or not file.parent.resolve().is_relative_to(self.folder.resolve()):
            raise LibraryError("missing", "That file was not added here, so it is not deleted.")
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise LibraryError(
                "disk", f"{file.name} cannot be deleted ({error.strerror})."
            ) from error

    def touch(self, owner: str, conversation: str) -> None:
        """A conversation goes on: its files' time begins anew.

        To who follows the folder its new time is a change, so it gets none at each question.
        """
        folder = self.collection(owner, conversation)
        with suppress(OSError):  # it brought none, or nothing may be written: then none expires
            age = believed_time() - folder.stat().st_mtime
            if not 0 <= age < self.limits.temporary_seconds * TOUCHED_SHARE:
                os.utime(folder)

    def forget(self, owner: str, conversation: str) -> bool:
        """Delete what a conversation brought, at its end; whether there was something."""
        return self._remove(self.collection(owner, conversation))

    def remove_expired(self, now: float | None = None) -> int:
        """Delete what belongs to conversations long at rest; how many collections went."""
        now = believed_time() if now is None else now
        count = 0
        for folder in self.collections():
            with suppress(FileNotFoundError):
                age = now - folder.stat().st_mtime
                if folder.name.startswith(CHAT_PREFIX) and age > self.limits.temporary_seconds:
                    count += self._remove(folder)
                    continue
                for path, _ in _files(folder):
                    is_part = path.name.startswith(PART_PREFIX)
                    if is_part and now - path.stat().st_mtime > STALE_PART_SECONDS:
                        path.unlink(missing_ok=True)
        return count

    def _remove(self, folder: Path) -> bool:
        if not folder.is_dir():
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()


class Incoming:
    """A file on its way: nobody sees it before it is whole, and nothing is left if it never is."""

    def __init__(self, uploads: Uploads, folder: Path, name: str) -> None:
        self.name = name
        self._uploads = uploads
        self._folder = folder
        self._num_bytes = 0
        self._digest = hashlib.sha256()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._part = folder / f"{PART_PREFIX}{uuid.uuid4().hex}"
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _disk_error(name, error) from error
        self._stream = os.fdopen(descriptor, "wb")

    def write(self, data: bytes) -> None:
        """Raises LibraryError once it is larger than may be, or the disk is full."""
        self._num_bytes += len(data)
        self._uploads.check_size(self.name, self._num_bytes)
        self._digest.update(data)
        try:
            self._stream.write(data)
        except OSError as error:
            raise _disk_error(self.name, error) from error

    def finish(self) -> Path:
        """Put the whole file in its place, under a name that is free; the same file stays one."""
        if not self._num_bytes:
            raise LibraryError("empty", f"{self.name}: the file is empty. Save it again.")
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            path = self._placed()
            self._part.unlink()
            return path
        except OSError as error:
            raise _disk_error(self.name, error) from error

    def _placed(self) -> Path:
        for name in _numbered(self.name):
            path = self._folder / name
            try:
                os.link(self._part, path)  # fails where a file stands, unlike a rename
            except FileExistsError:
                if self._is_same(path):
                    return path
                continue
            return path
        raise LibraryError("name", f"{self.name}: too many files have this name. Rename it.")

    def _is_same(self, path: Path) -> bool:
        if path.stat().st_size != self._num_bytes:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest() == self._digest.digest()

    def __enter__(self) -> Incoming:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):  # `remove_expired` tries again
            self._part.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """A file's name as it may stand on disk: no path, no hidden or control signs, not too long."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    last = "".join(sign for sign in last if unicodedata.category(sign) not in DROPPED_SIGNS)
    clean = _UNSAFE.sub("_", last).strip().lstrip(".~$ ").rstrip(". ")
    stem, dot, suffix = clean.rpartition(".")
    if not dot:
        stem, suffix = clean, ""
    suffix = f".{suffix[:MAX_SUFFIX_SIGNS]}" if suffix else ""
    room = MAX_NAME_BYTES - len(suffix.encode())
    return (stem.encode()[:room].decode(errors="ignore").rstrip(". ") or "file") + suffix


def _numbered(name: str) -> Iterator[str]:
    """name.txt, name (2).txt, name (3).txt …"""
    yield name
    stem, dot, suffix = name.rpartition(".")
    for number in range(2, MAX_SAME_NAMES + 1):
        yield f"{stem} ({number}){dot}{suffix}"


def _disk_error(name: str, error: OSError) -> LibraryError:
    return LibraryError(
        "disk", f"{name}: cannot be stored ({error.strerror}). Ask whoever runs this page."
    )


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files below a folder, with their sizes; links are not followed."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            with suppress(FileNotFoundError):
                yield path, path.lstat().st_size

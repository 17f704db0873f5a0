"""Which files there are to read. Nothing is opened but the ignore files."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pathspec

from ingest.readers import SUFFIXES
from rag.errors import SettingError
from rag.indexes import CATALOG_FILE

IGNORE_FILE = ".footnoteignore"
FRESH_NS = 50_000_000  # a file this young may change again within the clock's tick
UNTRUSTED_MTIME = -1


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to index. `mtime_ns` is UNTRUSTED_MTIME if the next scan must look inside again."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or folder that could not be read, with a stable word for the reason."""

    path: str
    reason: str
    message: str


@dataclass(slots=True)
class Scan:
    """What stands in the folders: by path, once each, however many roots hold it."""

    files: dict[str, FoundFile] = field(default_factory=dict)
    unsupported: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


class IgnoreRules:
    """The `.footnoteignore` files of a folder and those above it, up to the root.

    Each has .gitignore's syntax and holds for its own folder; a deeper one has the last word.
    """

    def __init__(self, specs: Sequence[tuple[Path, pathspec.GitIgnoreSpec]] = ()) -> None:
        self._specs = tuple(specs)

    def below(self, folder: Path) -> IgnoreRules:
        """These rules with the folder's own. Raises SettingError if its file is not understood."""
        file = folder / IGNORE_FILE
        try:
            lines = file.read_text("utf-8-sig").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return self
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{file} cannot be read ({error}). Save it as UTF-8.") from error
        try:
            spec = pathspec.GitIgnoreSpec.from_lines(lines)
        except ValueError as error:
            raise SettingError(f"{file} has a wrong pattern ({error}). Correct it.") from error
        return IgnoreRules([*self._specs, (folder, spec)])

    def ignores(self, path: Path, *, is_folder: bool) -> bool:
        """Whether the last rule that names the path says so."""
        for folder, spec in reversed(self._specs):
            name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
            found = spec.check_file(name)
            if found.include is None or found.index is None:
                continue
            pattern = str(spec.patterns[found.index].pattern)
            if is_folder and pattern.rstrip().endswith("/**"):
                return False  # that names what is inside, of which some may be taken back
            return found.include
        return False


def scan(roots: Sequence[Path], *, max_file_bytes: int) -> Scan:
    """Find every file under the roots (folders or files).

    Left out: hidden files and folders, what IGNORE_FILE names, links to folders, indexes of
    Footnote, and the lock files of Office. A root that is not there is a failure `missing`.
    """
    found = Scan()
    for root in roots:
        if root.is_dir():
            _walk(root, IgnoreRules(), found, max_file_bytes)
        elif root.exists():
            _add(root, found, max_file_bytes)
        else:
            message = f"{root}: is not there; bring it back, or index another folder"
            found.failed.append(Failure(str(root), "missing", message))
    found.unsupported = sorted(set(found.unsupported))
    found.failed = sorted(set(found.failed), key=lambda failure: failure.path)
    return found


def is_index_folder(folder: Path) -> bool:
    """Whether a folder is an index of Footnote, whatever its name."""
    return (folder / CATALOG_FILE).exists()


def is_hidden(name: str) -> bool:
    """Whether a name says that its file is not a document."""
    return name.startswith((".", "~$"))


def _walk(folder: Path, rules: IgnoreRules, found: Scan, max_file_bytes: int) -> None:
    try:
        rules = rules.below(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        message = f"{folder}: cannot be opened ({error.strerror}); allow reading it"
        found.failed.append(Failure(str(folder), "unreadable", message))
        return
    except SettingError as error:
        found.failed.append(Failure(str(folder), "ignore_file", str(error)))
        return
    for entry in _visible(entries):
        path = folder / entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if rules.ignores(path, is_folder=is_folder):
            continue
        if is_folder:
            if not is_index_folder(path):
                _walk(path, rules, found, max_file_bytes)
        elif not entry.is_dir():
            _add(path, found, max_file_bytes)


def _visible(entries: Sequence[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    for entry in entries:
        if not is_hidden(entry.name):
            yield entry


def _add(path: Path, found: Scan, max_file_bytes: int) -> None:
    name = str(path)
    try:
        name.encode()
        status = path.stat()
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "backslashreplace").decode()
        message = f"{shown}: its name is not UTF-8; rename it"
        found.failed.append(Failure(shown, "unreadable", message))
        return
    except OSError as error:
        message = f"{path}: cannot be opened ({error.strerror}); mend or remove it"
        found.failed.append(Failure(name, "unreadable", message))
        return
    if not stat.S_ISREG(status.st_mode):
        return
    if path.suffix.lower() not in SUFFIXES:
        found.unsupported.append(name)
    elif status.st_size > max_file_bytes:
        size, limit = status.st_size / 1e6, max_file_bytes / 1e6
        message = f"{path}: {size:.1f} MB, over max_file_mb {limit:g}; split it, or raise the limit"
        found.failed.append(Failure(name, "too_large", message))
    else:
        is_settled = abs(time.time_ns() - status.st_mtime_ns) > FRESH_NS
        mtime_ns = status.st_mtime_ns if is_settled else UNTRUSTED_MTIME
        found.files[name] = FoundFile(name, status.st_size, mtime_ns, status.st_ino)

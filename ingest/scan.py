"""Which files there are to read. Nothing is opened but the ignore files."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pathspec

from ingest.readers import SUFFIXES
from rag.errors import SettingError
from rag.generations import is_index

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

    def __bool__(self) -> bool:
        return bool(self._specs)

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


def scan(
    roots: Sequence[Path],
    *,
    max_file_bytes: int,
    follow_links: bool = False,
    left_out: Collection[str] = (),
) -> Scan:
    """Find every file under the roots (folders or files).

    Left out: hidden files and folders, what IGNORE_FILE names, indexes of Footnote, and the lock
    files of Office; the paths `left_out`, and what is below them; links to folders, and (reason
    `link`) links to files outside the roots, unless `follow_links`. A root that is not there is a
    failure `missing`.
    """
    found = Scan()
    real_roots = [os.path.realpath(root) for root in roots]
    walk = _Walk(found, max_file_bytes, real_roots, follow_links, frozenset(left_out))
    for root in roots:
        if str(root) in walk.left_out:
            continue
        if root.is_dir():
            walk.folder(root, IgnoreRules())
        elif root.exists():
            walk.file(str(root), root.stat)
        else:
            message = f"{root}: is not there; bring it back, or index another folder"
            found.failed.append(Failure(str(root), "missing", message))
    found.unsupported = sorted(set(found.unsupported))
    found.failed = sorted(set(found.failed), key=lambda failure: failure.path)
    return found


def is_index_folder(folder: Path) -> bool:
    """Whether a folder is an index of Footnote, whatever its name."""
    return is_index(folder)


def is_hidden(name: str) -> bool:
    """Whether a name says that its file is not a document."""
    return name.startswith((".", "~$"))


class _Walk:
    """Goes through folders, and adds to what is found."""

    def __init__(
        self,
        found: Scan,
        max_file_bytes: int,
        real_roots: Sequence[str],
        follow_links: bool,
        left_out: frozenset[str],
    ) -> None:
        self.left_out = left_out
        self._found = found
        self._max_file_bytes = max_file_bytes
        self._real_roots = real_roots
        self._follow_links = follow_links
        self._entered: set[str] = set()  # real paths of folders behind links: they may be loops

    def folder(self, folder: Path, rules: IgnoreRules) -> None:
        try:
            rules = rules.below(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            message = f"{folder}: cannot be opened ({error.strerror}); allow reading it"
            self._fail(str(folder), "unreadable", message)
            return
        except SettingError as error:
            self._fail(str(folder), "ignore_file", str(error))
            return
        for entry in entries:
            if not is_hidden(entry.name) and entry.path not in self.left_out:
                self._entry(entry, rules)

    def _entry(self, entry: os.DirEntry[str], rules: IgnoreRules) -> None:
        is_folder = entry.is_dir(follow_symlinks=self._follow_links)
        if rules and rules.ignores(Path(entry.path), is_folder=is_folder):
            return
        if is_folder:
            path = Path(entry.path)
            if not is_index_folder(path) and not self._is_loop(entry):
                self.folder(path, rules)
        elif entry.is_symlink() and not self._follow_links and self._leads_out(entry):
            pass
        elif not entry.is_dir():
            self.file(entry.path, entry.stat)

    def _is_loop(self, entry: os.DirEntry[str]) -> bool:
        """Whether a folder behind a link was gone through, or is being gone through, already."""
        if not entry.is_symlink():
            return False
        real = os.path.realpath(entry.path)
        if real in self._entered or _is_below(os.path.realpath(os.path.dirname(entry.path)), real):
            return True
        self._entered.add(real)
        return False

    def _leads_out(self, entry: os.DirEntry[str]) -> bool:
        """Whether a link leads to a file outside the roots, which is then reported."""
        real = os.path.realpath(entry.path)
        if not os.path.isfile(real) or any(_is_below(real, root) for root in self._real_roots):
            return False
        if Path(entry.name).suffix.lower() in SUFFIXES:
            message = f"{entry.path}: leads out of the folder; set follow_links, or copy the file"
            self._fail(entry.path, "link", message)
        return True

    def file(self, path: str, look: Callable[[], os.stat_result]) -> None:
        """Add a file. `look` gives its state."""
        try:
            path.encode()
            status = look()
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "backslashreplace").decode()
            self._fail(shown, "unreadable", f"{shown}: its name is not UTF-8; rename it")
            return
        except OSError as error:
            message = f"{path}: cannot be opened ({error.strerror}); mend or remove it"
            self._fail(path, "unreadable", message)
            return
        if not stat.S_ISREG(status.st_mode):
            return
        if os.path.splitext(path)[1].lower() not in SUFFIXES:
            self._found.unsupported.append(path)
        elif status.st_size > self._max_file_bytes:
            size, limit = status.st_size / 1e6, self._max_file_bytes / 1e6
            cure = f"{size:.1f} MB, over max_file_mb {limit:g}; split it, or raise the limit"
            self._fail(path, "too_large", f"{path}: {cure}")
        else:
            is_settled = abs(time.time_ns() - status.st_mtime_ns) > FRESH_NS
            mtime_ns = status.st_mtime_ns if is_settled else UNTRUSTED_MTIME
            self._found.files[path] = FoundFile(path, status.st_size, mtime_ns, status.st_ino)

    def _fail(self, path: str, reason: str, message: str) -> None:
        self._found.failed.append(Failure(path, reason, message))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")

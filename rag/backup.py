"""A backup of an index while it is written to, and its restoration.

Kept is what cannot be made anew: the catalog of the serving generation, and whatever else lies in
the index's folder. FAISS and tantivy are derived from the catalog, and are filled from it again.
A backup is a tar archive: `manifest.json` first, with the SHA-256 of every file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Container, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Self

from rag import generations
from rag.catalog_file import SCHEMA_VERSION
from rag.dense import sync_folder
from rag.disk import disk_errors, sqlite_address
from rag.errors import IndexStateError
from rag.indexes import CATALOG_FILE, DENSE_FILE, LEXICAL_FOLDER, LOCK_FILE
from rag.uploads import UPLOADS_FOLDER

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 50_000_000
SQLITE_MAGIC = b"SQLite format 3\0"
SQLITE_SIDES = ("-wal", "-shm", "-journal")
BUSY_SECONDS = 30.0
WORK_PREFIX = ".restore-"  # of the folder that a backup is unpacked to
NOT_OURS = "lost+found"  # in a file system's topmost folder
KEPT_MODE = 0o755  # who may read a file; nothing comes back that others may write
DERIVED = frozenset(
    {
        *(CATALOG_FILE, DENSE_FILE, LEXICAL_FOLDER, LOCK_FILE),
        *(generations.POINTER_FILE, generations.GENERATIONS_FOLDER, generations.HOLD_FILE),
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a backup."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `created` is a moment in UTC; `documents` and `chunks` are counts."""

    format: int
    created: str
    schema: int
    documents: int
    chunks: int
    sequence: int
    entries: tuple[Entry, ...]

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Raises ValueError, TypeError or KeyError if it is none."""
        told: dict[str, Any] = json.loads(text)
        entries = tuple(Entry(**entry) for entry in told.pop("entries"))
        return cls(entries=entries, **told)


def back_up(index: Path, file: Path, left_out: Container[str] = ()) -> Manifest:
    """Write the backup in one step: under another name first, then renamed.

    `left_out` holds names in the index's folder that are not to be in it.

    A writer goes on meanwhile; each database is as it was at one moment. IndexStateError if there
    is no index, the disk is full, or the backup would lie in the index.
    """
    if file.resolve().is_relative_to(index.resolve()):
        raise IndexStateError(
            f"{file} lies in the index, so it would be lost with it, and be in the next backup. "
            "Name a file elsewhere."
        )
    folder = generations.current(index)
    if not (folder / CATALOG_FILE).is_file():
        raise IndexStateError(f"There is no index at {index}. Index a folder first.")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    with disk_errors(file.parent), generations.hold(folder):
        try:
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as work:
                manifest = _collect(index, folder, Path(work), left_out)
                _pack(manifest, Path(work), temporary)
            os.replace(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(file.parent)
    return manifest


def _collect(index: Path, folder: Path, work: Path, left_out: Container[str]) -> Manifest:
    """Copy everything; the manifest is of the copies, which nobody changes."""
    copies = {CATALOG_FILE: folder / CATALOG_FILE}
    copies |= {f"others/{name}": path for name, path in _others(index, left_out)}
    entries = []
    for name, source in copies.items():
        target = work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            is_ours = not name.startswith(f"others/{UPLOADS_FOLDER}/")  # else whatever people add
            is_database = is_ours and _is_database(source)
            _copy_database(source, target) if is_database else shutil.copy2(source, target)
            os.chmod(target, source.stat().st_mode & KEPT_MODE)
        except FileNotFoundError:  # a file that came and went; the catalog is there
            continue
        entries.append(Entry(name, target.stat().st_size, file_hash(target)))
    counts = _look_into(work / CATALOG_FILE)
    return Manifest(
        FORMAT, datetime.now(UTC).isoformat(timespec="seconds"), entries=tuple(entries), **counts
    )


def _others(index: Path, left_out: Container[str]) -> Iterator[tuple[str, Path]]:
    for top in sorted(index.iterdir()):
        stem = top.name
        for side in SQLITE_SIDES:
            stem = stem.removesuffix(side)
        is_temporary = top.name.endswith(".tmp") or top.is_symlink() or _is_nothing(top.name)
        if stem in DERIVED or stem in left_out or is_temporary:
            continue
        for path in sorted([top, *top.rglob("*")] if top.is_dir() else [top]):
            is_side = path.name.endswith(SQLITE_SIDES)
            if path.is_file() and not path.is_symlink() and not is_side:
                yield path.relative_to(index).as_posix(), path


def _is_nothing(name: str) -> bool:
    """Whether it is of no index: the file system's, or left by a restoration that was killed."""
    return name == NOT_OURS or name.startswith(WORK_PREFIX)


def _is_database(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def _copy_database(source: Path, target: Path) -> None:
    """With SQLite's own backup, in one step: readers in WAL mode see one state throughout."""
    address = sqlite_address(source, read_only=True)
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    except sqlite3.DatabaseError as error:
        raise IndexStateError(
            f"{source} cannot be backed up ({error}). `footnote verify` looks for the cause."
        ) from error


def _look_into(catalog: Path) -> dict[str, int]:
    """Check a copied catalog whole, and count. IndexStateError if it is damaged."""
    try:
        with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            (found,) = opened.execute("PRAGMA quick_check").fetchone()
            if found != "ok":
                raise IndexStateError(f"The catalog is damaged ({found}).")
            (schema,) = opened.execute("PRAGMA user_version").fetchone()
            counted = {
                "documents": "SELECT COUNT(*) FROM documents",
                "chunks": "SELECT COUNT(*) FROM chunks",
                "sequence": "SELECT COALESCE(MAX(sequence), 0) FROM log",
            }
            counts = {name: opened.execute(sql).fetchone()[0] for name, sql in counted.items()}
    except sqlite3.DatabaseError as error:
        raise IndexStateError(f"The catalog is damaged ({error}).") from error
    return {"schema": schema, **counts}


def _pack(manifest: Manifest, work: Path, target: Path) -> None:
    told = json.dumps(asdict(manifest), indent=1).encode()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # texts are private
    with os.fdopen(descriptor, "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            head = tarfile.TarInfo(MANIFEST)
            head.size = len(told)
            archive.addfile(head, io.BytesIO(told))
            for entry in manifest.entries:
                archive.add(work / entry.name, entry.name, recursive=False)
        stream.flush()
        os.fsync(stream.fileno())


class Everything:
    """Holds every name: only the catalog is taken."""

    def __contains__(self, name: object) -> bool:
        return True


def file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify_backup(file: Path) -> Manifest:
    """Read it whole, and check every file. IndexStateError says what is wrong."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".verify-") as work:
        return _unpack(file, Path(work))


def restore(file: Path, index: Path) -> Manifest:
    """Put a backup where there is no index yet. IndexStateError if there is one, or it is damaged.

    Nothing stands there until all of it was checked. A folder that is there already is filled,
    not replaced: it may be a mounted one, with a parent that cannot be written.
    """
    is_there = index.exists()
    present = [path for path in index.iterdir() if path.name != NOT_OURS] if is_there else []
    if others := [path.name for path in present if not _is_nothing(path.name)]:
        raise IndexStateError(
            f"{index} is not empty ({min(others)!r} is in it). Move aside what it holds, or "
            "restore to another folder with --index."
        )
    place = index if is_there else index.parent
    place.mkdir(parents=True, exist_ok=True)
    with (
        disk_errors(place),
        tempfile.TemporaryDirectory(dir=place, prefix=WORK_PREFIX) as work,
    ):
        for left in present:
            shutil.rmtree(left)
        made = Path(work) / "index"
        made.mkdir()
        manifest = _unpack(file, made)
        if (made / "others").is_dir():
            for path in sorted((made / "others").iterdir()):
                os.rename(path, made / path.name)
            (made / "others").rmdir()
        if is_there:
            _move_into(index, made)
        else:
            os.rename(made, index)
        sync_folder(place)
    return manifest


def _move_into(index: Path, made: Path) -> None:
    """The catalog last: without it there is no index yet."""
    for path in sorted(made.iterdir(), key=lambda path: path.name == CATALOG_FILE):
        if path.name == CATALOG_FILE:
            sync_folder(index)
        os.rename(path, index / path.name)


def _unpack(file: Path, target: Path) -> Manifest:
    with _opened(file) as archive:
        manifest = _read_manifest(file, archive)
        wanted = {entry.name: entry for entry in manifest.entries}
        for member in archive:
            if member.name == MANIFEST:
                continue
            entry = wanted.pop(member.name, None)
            if entry is None or not member.isfile():
                raise _damaged(file, f"{member.name!r} is not in its manifest")
            _extract(archive, member, target, entry, file)
        if wanted:
            raise _damaged(file, f"{min(wanted)!r} is missing")
    counted = _look_into(target / CATALOG_FILE)
    if any(getattr(manifest, name) != number for name, number in counted.items()):
        raise _damaged(file, "the catalog does not hold what the manifest says")
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as archive:
            yield archive
    except FileNotFoundError as error:
        raise IndexStateError(f"There is no backup {file}. Correct the name.") from error
    except (tarfile.TarError, EOFError) as error:
        raise _damaged(file, str(error)) from error


def _read_manifest(file: Path, archive: tarfile.TarFile) -> Manifest:
    member = archive.next()
    if member is None or member.name != MANIFEST or member.size > MAX_MANIFEST_BYTES:
        raise _damaged(file, "it has no manifest, so it is no backup of Footnote")
    stream = archive.extractfile(member)
    assert stream is not None, "a file has a stream"
    try:
        manifest = Manifest.from_json(stream.read())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(file, f"its manifest cannot be read: {error}") from error
    names = [entry.name for entry in manifest.entries]
    if CATALOG_FILE not in names or not all(map(_is_inside, names)):
        raise _damaged(file, "its manifest names what cannot be")
    if manifest.format > FORMAT or manifest.schema > SCHEMA_VERSION:
        raise IndexStateError(
            f"The backup {file} is of a newer Footnote. Upgrade Footnote, then restore it."
        )
    return manifest


def _is_inside(name: str) -> bool:
    """A catalog, or a file in others/ that leads nowhere else and shadows nothing."""
    parts = PurePosixPath(name).parts
    if name == CATALOG_FILE:
        return True
    is_plain = parts[:1] == ("others",) and len(parts) > 1 and ".." not in parts
    return is_plain and parts[1] not in DERIVED and "\\" not in name


def _extract(
    archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, entry: Entry, file: Path
) -> None:
    path = target / entry.name
    path.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    assert source is not None, "a file has a stream"
    with path.open("xb") as stream:
        os.fchmod(stream.fileno(), member.mode & KEPT_MODE)
        shutil.copyfileobj(source, stream, 1 << 20)
        stream.flush()
        os.fsync(stream.fileno())
    if (path.stat().st_size, file_hash(path)) != (entry.size, entry.sha256):
        raise _damaged(file, f"{entry.name!r} is not what was backed up")


def _damaged(file: Path, why: str) -> IndexStateError:
    return IndexStateError(
        f"The backup {file} cannot be used: {why}. Take another backup, or index the folders again."
    )


def as_json(manifest: Manifest) -> Mapping[str, Any]:
    """For a program."""
    return asdict(manifest)

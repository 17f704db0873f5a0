"""Generations of an index: another encoder's vectors are made aside, then take over in one step.

The first generation lies in the index's folder itself, later ones in `generations/N` below it.
The file `current` names the one that serves; without it, it is the first. A generation that was
left unfinished is gone on with, if it is for the same encoder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rag.catalog import DIMENSION_KEY, ENCODER_KEY, Catalog
from rag.dense import Precision, sync_folder
from rag.errors import IndexStateError
from rag.indexes import CATALOG_FILE, DENSE_FILE, LEXICAL_FOLDER, LOCK_FILE, Indexes

POINTER_FILE = "current"
GENERATIONS_FOLDER = "generations"
HOLD_FILE = "readers"  # locked in common by those who read a generation
KEPT_META = ("roots",)  # what a new generation takes over


def current(index: Path) -> Path:
    """The folder of the generation that serves. IndexStateError if its name is damaged."""
    try:
        name = (index / POINTER_FILE).read_text("utf-8").strip()
    except FileNotFoundError:
        return index
    folder = index / GENERATIONS_FOLDER / name
    if not name.isdigit():
        raise IndexStateError(
            f"{index / POINTER_FILE} does not name a generation. Write into it the number of a "
            f"folder in {index / GENERATIONS_FOLDER}, or index the folders again."
        )
    return folder


def is_index(folder: Path) -> bool:
    """Whether a folder holds an index, of whatever generation."""
    return (folder / CATALOG_FILE).exists() or (folder / POINTER_FILE).exists()


def fits(index: Path, fingerprint: str) -> bool:
    """Whether the serving vectors are this encoder's, or there are none yet."""
    if not (current(index) / CATALOG_FILE).exists():
        return True
    return _encoder_of(current(index)) in (None, fingerprint)


def dimension_of(folder: Path) -> int | None:
    """How wide a generation's vectors are; None before the first."""
    with closing(Catalog(folder / CATALOG_FILE, read_only=True)) as catalog:
        stored = catalog.get_meta(DIMENSION_KEY)
    return int(stored) if stored else None


def begin(index: Path, fingerprint: str, dimension: int, precision: Precision = "auto") -> Indexes:
    """Open the generation that an encoder is to fill, for writing, beside the one that serves.

    The caller is the writer of the serving one. Numbers of documents and chunks go on where the
    serving ones end, so that an old link never leads to another document.
    """
    folder = _unfinished(index, fingerprint)
    if folder is None:
        folder = index / GENERATIONS_FOLDER / str(max([0, *map(_number, _folders(index))]) + 1)
        folder.mkdir(parents=True)
        _found(folder, current(index))
    indexes = Indexes(folder, dimension=dimension, read_only=False, precision=precision)
    indexes.claim_encoder(fingerprint)
    return indexes


def _unfinished(index: Path, fingerprint: str) -> Path | None:
    """The generation that was begun for the encoder; those begun for others are removed."""
    serving = current(index)
    found = None
    for folder in _folders(index):
        if _number(folder) > _number(serving):
            if found is None and _was_begun_for(folder) == fingerprint:
                found = folder
            else:
                shutil.rmtree(folder, ignore_errors=True)
    return found


def _was_begun_for(folder: Path) -> str | None:
    try:
        return _encoder_of(folder)
    except IndexStateError:
        return None  # it had hardly begun


def _found(folder: Path, serving: Path) -> None:
    """Make a generation's catalog, with what it takes over."""
    with (
        closing(Catalog(folder / CATALOG_FILE)) as new,
        closing(Catalog(serving / CATALOG_FILE, read_only=True)) as old,
    ):
        for key in KEPT_META:
            if (value := old.get_meta(key)) is not None:
                new.set_meta(key, value)
        new.continue_numbers(old)


def activate(index: Path, folder: Path) -> None:
    """Let a generation serve from now on: one rename, which a crash leaves whole."""
    temporary = index / f"{POINTER_FILE}.{os.getpid()}.tmp"
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(f"{folder.name}\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, index / POINTER_FILE)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(index)


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep a generation from being removed; where nothing may be written, nothing is kept."""
    try:
        descriptor = os.open(folder / HOLD_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def remove_unused(index: Path) -> None:
    """Remove the generations before the one that serves, unless somebody reads or writes them."""
    serving = current(index)
    for folder in _folders(index):
        if _number(folder) < _number(serving) and not _is_in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)
    if serving != index and (index / CATALOG_FILE).exists() and not _is_in_use(index):
        for path in index.glob(f"{CATALOG_FILE}*"):
            path.unlink(missing_ok=True)
        (index / DENSE_FILE).unlink(missing_ok=True)
        shutil.rmtree(index / LEXICAL_FOLDER, ignore_errors=True)


def _is_in_use(folder: Path) -> bool:
    for name in (HOLD_FILE, LOCK_FILE):
        try:
            descriptor = os.open(folder / name, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
    return False


def _folders(index: Path) -> list[Path]:
    """The later generations, oldest first."""
    found = [path for path in (index / GENERATIONS_FOLDER).glob("*") if path.name.isdigit()]
    return sorted(found, key=_number)


def _number(folder: Path) -> int:
    return int(folder.name) if folder.name.isdigit() else 0


def _encoder_of(folder: Path) -> str | None:
    with closing(Catalog(folder / CATALOG_FILE, read_only=True)) as catalog:
        return catalog.get_meta(ENCODER_KEY)

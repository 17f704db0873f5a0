"""What is different between the folders and the catalog, and what of it needs no reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.pool import Wanted, hash_file
from ingest.readers.builder import clean, join_lines
from ingest.readers.formats import is_picture
from ingest.scan import UNTRUSTED_MTIME, Failure, FoundFile, Scan
from ingest.touched import Busy, nothing_is_busy
from rag.catalog import Catalog
from rag.types import StoredDocument


@dataclass(slots=True)
class Changes:
    """What must be opened, and what could be settled without.

    `documents` are those of the paths to open, `renamed` those whose new name is their title.
    """

    wanted: list[Wanted] = field(default_factory=list)
    documents: dict[str, StoredDocument] = field(default_factory=dict)
    renamed: set[str] = field(default_factory=set)
    failed: list[Failure] = field(default_factory=list)
    unchanged: int = 0
    moved: int = 0
    copied: int = 0
    removed: int = 0


class Comparison:
    """Compares a scan with the catalog, and brings what needs no reading up to date.

    `is_stale`: the documents were cut otherwise than now, so that all are read. `may_retry`: files
    that could not be read are tried again, though they did not change. What is `busy` stays.
    """

    def __init__(
        self,
        catalog: Catalog,
        found: Scan,
        *,
        is_stale: bool,
        may_retry: bool,
        busy: Busy = nothing_is_busy,
    ) -> None:
        self._catalog = catalog
        self._found = found
        self._is_stale = is_stale
        self._may_retry = may_retry
        self._busy = busy
        self._changes = Changes()

    def run(self, roots: Sequence[Path]) -> Changes:
        """Drop what is gone under the roots, follow what moved, copy what is known."""
        documents = {document.path: document for document in self._catalog.documents()}
        failures = self._catalog.failures()
        changes = self._changes
        changed = self._unsettled(documents, failures)
        covered = [str(root) for root in roots]
        gone = self._gone(documents, covered)
        for path in failures:
            if path not in self._found.files and _is_under(path, covered):
                self._catalog.delete_failure(path)
        new = [file for file in changed if file.path not in documents]
        settled = self._follow_moves(new, gone)
        if not self._is_stale:
            settled |= self._copy(new, documents.values(), settled)
        for file in changed:
            if file.path in settled:
                continue
            document = documents.get(file.path)
            known = document.content_hash if document and not self._is_stale else None
            changes.wanted.append(Wanted(file, known))
            if document:
                changes.documents[file.path] = document
        changes.wanted.sort(key=lambda wanted: is_picture(Path(wanted.file.path)))  # slow: last
        return changes

    def _unsettled(
        self,
        documents: Mapping[str, StoredDocument],
        failures: Mapping[str, tuple[int, int, str, str]],
    ) -> list[FoundFile]:
        """The files that are not as they were when they were last looked at."""
        unsettled = []
        for file in self._found.files.values():
            state = (file.size, file.mtime_ns)
            document, failure = documents.get(file.path), failures.get(file.path)
            if document and not self._is_stale and (document.size, document.mtime_ns) == state:
                self._changes.unchanged += 1
            elif failure and not self._may_retry and failure[:2] == state:
                self._changes.failed.append(Failure(file.path, failure[2], failure[3]))
            else:
                unsettled.append(file)
        return unsettled

    def _gone(
        self, documents: Mapping[str, StoredDocument], covered: Sequence[str]
    ) -> list[StoredDocument]:
        """The documents whose files are not there; what could not be looked into stays."""
        found = self._found
        kept_out = {failure.path for failure in found.failed if failure.reason == "unreadable"}
        gone = [
            document
            for path, document in documents.items()
            if path not in found.files
            and _is_under(path, covered)
            and not _is_under(path, kept_out)
        ]
        held = self._busy([document.path for document in gone], True)
        return [document for document in gone if document.path not in held]

    def _follow_moves(self, new: Sequence[FoundFile], gone: Sequence[StoredDocument]) -> set[str]:
        """A vanished document whose content stands elsewhere has moved; the others are removed.

        Returns the paths that need no reading.
        """
        changes = self._changes
        left = _by_hash(gone)
        settled = set()
        for file, same in _like(new, left):
            moved = _best(same, file.path)
            same.remove(moved)
            changes.moved += 1
            if _keeps_title(moved, file.path) and not self._is_stale:
                self._catalog.move_document(moved.path, file.path, file.mtime_ns)
                settled.add(file.path)
            else:  # the same text has its vectors
                self._catalog.move_document(moved.path, file.path, UNTRUSTED_MTIME)
                changes.renamed.add(file.path)
        for document in (document for same in left.values() for document in same):
            self._catalog.delete_document(document.path)
            changes.removed += 1
        return settled

    def _copy(
        self, new: Sequence[FoundFile], documents: Iterable[StoredDocument], settled: set[str]
    ) -> set[str]:
        """Store the copies of known documents; returns their paths."""
        copied: set[str] = set()
        done = settled | self._changes.renamed
        rest = [file for file in new if file.path not in done]
        if not rest:
            return copied
        present = [one for one in documents if one.path in self._found.files]
        for file, same in _like(rest, _by_hash(present)):
            for original in same:
                if _keeps_title(original, file.path) and self._catalog.copy_document(
                    original.path, file.path, file.mtime_ns, file.inode
                ):
                    self._changes.copied += 1
                    copied.add(file.path)
                    break
        return copied


def _by_hash(documents: Iterable[StoredDocument]) -> dict[str, list[StoredDocument]]:
    found: dict[str, list[StoredDocument]] = {}
    for document in documents:
        found.setdefault(document.content_hash, []).append(document)
    return found


def _like(
    files: Sequence[FoundFile], by_hash: Mapping[str, list[StoredDocument]]
) -> Iterable[tuple[FoundFile, list[StoredDocument]]]:
    """The files that hold what documents hold, with these; a file of no such size is not opened."""
    sizes = {document.size for same in by_hash.values() for document in same}
    for file in files:
        if file.size in sizes and (digest := hash_file(file.path)) and by_hash.get(digest):
            yield file, by_hash[digest]


def _best(same: Sequence[StoredDocument], path: str) -> StoredDocument:
    """The one that keeps its name, else one that keeps its title, else any."""
    name = Path(path).name
    ranked = sorted(
        same, key=lambda one: (Path(one.path).name != name, not _keeps_title(one, path))
    )
    return ranked[0]


def _keeps_title(document: StoredDocument, path: str) -> bool:
    """Whether a reader would make the same of the file under another path."""
    old, new = Path(document.path), Path(path)
    if old.suffix.lower() != new.suffix.lower():
        return False  # another reader
    is_named = document.title == join_lines(clean(old.stem).split("\n"))
    return old.stem == new.stem or not is_named


def _is_under(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)

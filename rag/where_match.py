"""Whether a file, or a member of an archive, is let through by the names that a filter gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rag.file_kinds import CONTAINER_SUFFIXES, MEMBER_MARK, suffixes_of
from rag.globs import glob_pattern, plain
from rag.where import Where


class Matcher:
    """The folders, globs, types and documents of a filter; dates and languages are not its."""

    def __init__(self, where: Where) -> None:
        folders = _both_forms(where.folders)
        documents = _both_forms(path for path in where.documents if isinstance(path, str))
        self._ids = {document for document in where.documents if isinstance(document, int)}
        self._folders = tuple(f"{path.rstrip('/')}/" for path in folders if _is_absolute(path))
        self._tails = tuple(f"/{plain(path)}/" for path in folders if not _is_absolute(path))
        self._paths = {path for path in documents if _is_absolute(path)}
        self._ends = tuple(f"/{plain(path)}" for path in documents if not _is_absolute(path))
        self._globs = _compiled(where.globs)
        self._suffixes = tuple(frozenset().union(*map(suffixes_of, where.types)))
        self._has_folders, self._has_documents = bool(where.folders), bool(where.documents)
        self._outside = Matcher(Where(folders=where.outside)) if where.outside else None
        self.is_open = not (
            where.folders or where.globs or where.types or where.documents or where.outside
        )

    def accepts(self, document_id: int, path: str, member: str = "") -> bool:
        """Whether every criterion lets the file through, or one that stands around it.

        `path` is the document's; `member` is an address such as `a.zip!/b/c.pdf` within it.
        """
        if self.is_open:
            return True
        parts = address_parts(path, member)
        if self._outside is not None and self._outside._is_in_folder(parts):
            return False
        if self._has_folders and not self._is_in_folder(parts):
            return False
        if self._has_documents and not (document_id in self._ids or self._is_named(parts)):
            return False
        names = [plain(part) for part in parts]
        if self._suffixes and not any(name.endswith(self._suffixes) for name in names):
            return False
        return self._globs is None or any(self._globs.fullmatch(name) for name in names)

    def _is_in_folder(self, parts: Sequence[str]) -> bool:
        if any(part.startswith(self._folders) for part in parts):
            return True
        return bool(self._tails) and any(
            tail in name for name in map(plain, parts) for tail in self._tails
        )

    def _is_named(self, parts: Sequence[str]) -> bool:
        if not self._paths.isdisjoint(parts):
            return True
        return bool(self._ends) and any(plain(part).endswith(self._ends) for part in parts)


def is_container(path: str) -> bool:
    """Whether a file may hold others that have addresses."""
    return f".{path.rpartition('.')[2].lower()}" in CONTAINER_SUFFIXES


def address_parts(path: str, member: str = "") -> list[str]:
    """The file's path, then that of each file in it down to the member, marks made slashes.

    /d/a.zip and `a.zip!/b.eml!/c.pdf` give /d/a.zip, /d/a.zip/b.eml, /d/a.zip/b.eml/c.pdf.
    """
    parts = [path]
    for inner in member.split(MEMBER_MARK)[1:]:
        parts.append(f"{parts[-1]}/{inner}")
    return parts


def _both_forms(paths: Iterable[str]) -> list[str]:
    """As given, since a folder may be called `wow!`, and with the marks of members made slashes."""
    found = []
    for path in paths:
        found += [path, path.replace(MEMBER_MARK, "/")]
    return list(dict.fromkeys(found))


def _is_absolute(path: str) -> bool:
    return path.startswith("/")


def _compiled(globs: Sequence[str]) -> re.Pattern[str] | None:
    if not globs:
        return None
    patterns = map(glob_pattern, _both_forms(globs))
    return re.compile("|".join(patterns), re.DOTALL)

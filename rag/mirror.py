"""Lets a folder be read that may not be written, by a library that must make lock files in it."""

from __future__ import annotations

import tempfile
from pathlib import Path


class Mirror:
    """A temporary folder of links to another folder's files; `.*.lock` files are its own."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._temporary = tempfile.TemporaryDirectory(prefix="footnote-mirror-")
        self.folder = Path(self._temporary.name)
        self.refresh()

    def refresh(self) -> None:
        """Link what is new, unlink what is gone."""
        names = {path.name for path in self._source.iterdir() if path.suffix != ".lock"}
        links = {path.name for path in self.folder.iterdir() if path.is_symlink()}
        for name in names - links:
            (self.folder / name).symlink_to(self._source.absolute() / name)
        for name in links - names:
            (self.folder / name).unlink()

    def close(self) -> None:
        """Delete the links."""
        self._temporary.cleanup()

"""What people have taken out of an index though its file still stands in a folder that is followed.

The list lies beside the index, not in the folders: those are the user's, and may be read-only.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rag.errors import IndexStateError

LEFT_OUT_FILE = "left-out.json"
_changing = threading.Lock()


class LeftOut:
    """Absolute paths of files and folders, kept in a file that any process may write."""

    def __init__(self, index: Path) -> None:
        self._file = index / LEFT_OUT_FILE

    def paths(self) -> list[str]:
        """By name. Raises IndexStateError if the file is damaged."""
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise self._damaged(str(error)) from error
        if not isinstance(found, list) or not all(isinstance(path, str) for path in found):
            raise self._damaged("not a list of paths")
        return found

    def add(self, path: str) -> None:
        """Leave a file or folder out from the next sync on."""
        self._change(lambda paths: paths | {path})

    def remove(self, path: str) -> bool:
        """Take it in again; False if it was not left out."""
        was_there = path in self.paths()
        self._change(lambda paths: paths - {path})
        return was_there

    def _change(self, change: Callable[[set[str]], set[str]]) -> None:
        """In one rename, so that a sync never reads half a list."""
        with _changing:
            paths = sorted(change(set(self.paths())))
            new = self._file.with_name(f"{LEFT_OUT_FILE}.{os.getpid()}.new")
            try:
                new.write_text(json.dumps(paths, ensure_ascii=False, indent=1) + "\n", "utf-8")
                os.replace(new, self._file)
            except OSError as error:
                raise IndexStateError(
                    f"{self._file} cannot be written ({error}). Allow writing to its folder, or "
                    "free some space."
                ) from error
            finally:
                with suppress(OSError):  # nor deleted, where nothing may be written
                    new.unlink(missing_ok=True)

    def _damaged(self, reason: str) -> IndexStateError:
        return IndexStateError(
            f"{self._file} cannot be read ({reason}). Correct it, or delete it: then nothing is "
            "left out any more."
        )

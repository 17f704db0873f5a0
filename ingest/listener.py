"""Hears of changes in folders: from the system where it tells, by looking where it does not."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ingest.scan import IGNORE_FILE, is_hidden, is_index_folder, scan
from ingest.touched import Touched
from rag.watch_limits import CURE

TICK_SECONDS = 0.2
GROUP_MS = 100  # what the system tells within it is noted together
FILE_ROOT_SECONDS = 2.0  # a single file has no folder that is watched
BURST = 8_000  # half of what the system's queue holds: some may be lost, so watch anew
ANY_SIZE = 1 << 62
TEMPORARY_ENDINGS = ("~", "#", ".tmp", ".temp", ".swp", ".swx", ".part", ".crdownload")
VIM_PROBE = "4913"  # vim makes and deletes it to see whether it may write
REMOTE_TYPES = {
    "9p", "afs", "ceph", "cifs", "davfs", "drvfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4",
    "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
}  # fmt: skip
MOUNTS = Path("/proc/self/mounts")

Signature = tuple[int, int, int]  # size, time, inode


class Listener:
    """A thread that notes what changes under the roots, until it is closed.

    Folders on drives of other machines, and single files, are looked at every `poll_seconds`;
    so is everything once the system cannot watch any more folders, which `say` is told once.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        touched: Touched,
        poll_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._roots = roots
        self._touched = touched
        self._poll_seconds = poll_seconds
        self._say = say
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._polled: dict[Path, dict[str, Signature] | None] = {}  # what stood there last time
        self._next_poll: dict[Path, float] = {}
        self._polls_all = False
        self._thread = threading.Thread(target=self._run, name="footnote-listener", daemon=True)

    def start(self) -> None:
        """Return when whatever happens from now on will be noted."""
        self._thread.start()
        self._ready.wait()
        self.check()

    def check(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._listen()
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()
            self._touched.arrived.set()  # so that the error is seen

    def _listen(self) -> None:
        """Note changes until the roots come or go, or the way of listening has to change."""
        identities = [_identity(root) for root in self._roots]
        for root in self._roots:
            if self._is_polled(root):
                self._polled.setdefault(root, None)
        self._poll()
        folders = [root for root in self._roots if root.is_dir()]
        if self._ready.is_set():  # what happened while nobody listened must be looked for
            self._touched.note(map(str, folders))
        try:
            for paths in self._told(folders):
                self._touched.note(path for path in paths if is_relevant(Path(path), self._roots))
                self._poll()
                self._touched.recheck()
                self._touched.heard()
                self._ready.set()
                if replaced := self._replaced(identities, paths):
                    self._touched.note(replaced)
                    return
                if len(paths) > BURST or self._stop.is_set():
                    return
        except (OSError, RuntimeError) as error:  # watchfiles raises both
            if all(folder.exists() for folder in folders):
                self._give_up(error)

    def _replaced(self, identities: Sequence[tuple[int, int] | None], paths: set[str]) -> list[str]:
        """The roots that came, went, or are not what they were."""
        return [
            str(root)
            for root, identity in zip(self._roots, identities, strict=True)
            # A folder that is made anew may get the same inode, but the old one's end is told.
            if _identity(root) != identity or str(root) in paths
        ]

    def _told(self, folders: Sequence[Path]) -> Iterator[set[str]]:
        """The changed paths that the system tells, or nothing, at each tick."""
        if not folders or self._polls_all:
            while not self._stop.wait(TICK_SECONDS):
                yield set()
            return
        for changed in _watch(folders, self._stop):
            yield {path for _, path in changed}

    def _give_up(self, error: Exception) -> None:
        """Look instead of listening."""
        self._polls_all = True
        self._say(
            f"The system cannot tell of changes ({str(error).rstrip('.')}); looking every "
            f"{self._poll_seconds:g} s instead. Its limits can be raised: {CURE}"
        )

    # Looking

    def _is_polled(self, root: Path) -> bool:
        return self._polls_all or not root.is_dir() or is_remote(root)

    def _poll(self) -> None:
        """Note what differs from the last look, where it is time for one."""
        for root, before in self._polled.items():
            if time.monotonic() < self._next_poll.get(root, 0.0):
                continue
            found = scan([root], max_file_bytes=ANY_SIZE).files
            now = {path: (file.size, file.mtime_ns, file.inode) for path, file in found.items()}
            self._polled[root] = now
            pause = self._poll_seconds
            if not root.is_dir():
                pause = min(pause, FILE_ROOT_SECONDS)
            self._next_poll[root] = time.monotonic() + pause
            if before is not None:
                both = now.keys() | before.keys()
                self._touched.note(path for path in both if now.get(path) != before.get(path))


def _watch(folders: Sequence[Path], stop: threading.Event) -> Iterator[set[tuple[Any, str]]]:
    import watchfiles

    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    return watchfiles.watch(
        *folders,
        watch_filter=None,
        debounce=GROUP_MS,
        rust_timeout=int(TICK_SECONDS * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )


def _identity(root: Path) -> tuple[int, int] | None:
    """Tells a folder from one that was put in its place; None if it is not there."""
    try:
        status = os.stat(root)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_remote(folder: Path) -> bool:
    """Whether a folder is on a drive whose changes the system does not hear of."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return False
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        place = fields[1].encode("latin-1", "replace").decode("unicode_escape", "replace")
        if folder.resolve().is_relative_to(place) and len(place) >= best:
            best, kind = len(place), fields[2]
    return kind in REMOTE_TYPES or kind.startswith("fuse.")


def is_relevant(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a changed path may be a document: not hidden or temporary, not of an index."""
    for root in roots:
        if not path.is_relative_to(root):
            continue
        parts = path.relative_to(root).parts
        if parts and parts[-1] == IGNORE_FILE:
            parts = parts[:-1]
        elif parts and (parts[-1].lower().endswith(TEMPORARY_ENDINGS) or parts[-1] == VIM_PROBE):
            return False
        if any(map(is_hidden, parts)):
            return False
        parents = [root.joinpath(*parts[:i]) for i in range(1, len(parts))]
        return not any(map(is_index_folder, parents))
    return False

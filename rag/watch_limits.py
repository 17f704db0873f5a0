"""How many folders Linux lets a user watch, and how many are being watched."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMITS = Path("/proc/sys/fs/inotify")
PROCESSES = Path("/proc")
CURE = "sudo sysctl fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=1024"
COUNT_SECONDS = 5.0  # a folder on a slow drive is not counted to its end
_INOTIFY = "anon_inode:inotify"


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """A user's limits, what is in use of them, and how many watches some folders take."""

    max_watches: int
    max_instances: int
    used_watches: int
    used_instances: int
    num_folders: int
    is_counted: bool  # False: there are more folders

    @property
    def suffices(self) -> bool:
        """Whether the folders can be watched, by one more program."""
        has_instance = self.used_instances < self.max_instances
        return has_instance and self.used_watches + self.num_folders <= self.max_watches


def watch_limits(roots: Iterable[Path], but_for: int | None = None) -> WatchLimits | None:
    """The limits for following these folders; what the process `but_for` uses does not count.

    None where the system has no such limits.
    """
    try:
        watches, instances = (
            int((LIMITS / f"max_user_{name}").read_text("ascii"))
            for name in ("watches", "instances")
        )
    except (OSError, ValueError):
        return None
    used = list(_used(but_for))
    num_folders, is_counted = _count_folders(roots, watches + 1)
    return WatchLimits(watches, instances, sum(used), len(used), num_folders, is_counted)


def _used(but_for: int | None) -> Iterator[int]:
    """For each inotify instance of this user's processes, how many watches it has."""
    for process in PROCESSES.glob("[0-9]*"):
        if process.name == str(but_for):
            continue
        with suppress(OSError):
            if process.stat().st_uid != os.getuid():
                continue
            for link in (process / "fd").iterdir():
                with suppress(OSError):
                    if str(link.readlink()) == _INOTIFY:
                        state = (process / "fdinfo" / link.name).read_text("ascii", "replace")
                        yield state.count("inotify wd:")


def _count_folders(roots: Iterable[Path], limit: int) -> tuple[int, bool]:
    """How many folders there are at and below the roots, and whether all were counted."""
    end = time.monotonic() + COUNT_SECONDS
    count = 0
    for root in roots:
        for _ in os.walk(root):
            count += 1
            if count >= limit or time.monotonic() > end:
                return count, False
    return count, True

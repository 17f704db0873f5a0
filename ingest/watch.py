"""Follows folders: calls back when something in them has changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.scan import IGNORE_FILE, is_hidden, is_index_folder

log = logging.getLogger(__name__)

RESCAN_SECONDS = 60.0  # a look without a cause: network drives and full queues lose events
FILE_ROOT_SECONDS = 2.0  # a single file has no folder that is watched
TICK_MS = 1000


def watch(
    roots: Sequence[Path],
    *,
    on_change: Callable[[], None],
    stop: threading.Event,
    debounce_ms: int = 1000,
) -> None:
    """Call `on_change` once now, then after every change, until `stop` is set.

    Changes that follow each other within `debounce_ms` make one call. Folders that are not there
    are watched when they come back.
    """
    rescan_seconds = RESCAN_SECONDS if all(r.is_dir() for r in roots) else FILE_ROOT_SECONDS
    while not stop.is_set():
        folders = [root for root in roots if root.is_dir()]
        if folders:
            _watch_folders(roots, folders, on_change, stop, debounce_ms, rescan_seconds)
        else:
            on_change()
            stop.wait(FILE_ROOT_SECONDS)


def _watch_folders(
    roots: Sequence[Path],
    folders: Sequence[Path],
    on_change: Callable[[], None],
    stop: threading.Event,
    debounce_ms: int,
    rescan_seconds: float,
) -> None:
    """Watch until stopped, or until a root comes or goes."""
    import watchfiles

    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    looked: float | None = None  # never: what changed before the watch began must be seen
    changes = watchfiles.watch(
        *folders,
        watch_filter=lambda _, path: is_relevant(Path(path), roots),
        debounce=debounce_ms,
        rust_timeout=TICK_MS,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )
    try:
        for changed in changes:
            if stop.is_set():
                return
            if changed or looked is None or time.monotonic() - looked > rescan_seconds:
                on_change()
                looked = time.monotonic()
            if [root for root in roots if root.is_dir()] != list(folders):
                on_change()
                return
    except OSError as error:
        log.warning("The folders cannot be watched (%s); looking every few seconds.", error)
        while not stop.wait(FILE_ROOT_SECONDS):
            on_change()


def is_relevant(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a changed path may be a document: not hidden below its root, not of an index."""
    for root in roots:
        if not path.is_relative_to(root):
            continue
        parts = path.relative_to(root).parts
        if parts and parts[-1] == IGNORE_FILE:
            parts = parts[:-1]
        if any(map(is_hidden, parts)):
            return False
        parents = [root.joinpath(*parts[:i]) for i in range(1, len(parts))]
        return not any(map(is_index_folder, parents))
    return False

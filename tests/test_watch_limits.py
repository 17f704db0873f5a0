from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import watchfiles

from rag import watch_limits as limits
from rag.watch_limits import WatchLimits, watch_limits


def write_limits(folder: Path, watches: object, instances: object) -> Path:
    folder.mkdir()
    (folder / "max_user_watches").write_text(f"{watches}\n")
    (folder / "max_user_instances").write_text(f"{instances}\n")
    return folder


def test_what_others_use_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIMITS", write_limits(tmp_path / "limits", 100, 9))
    monkeypatch.setattr(limits, "PROCESSES", tmp_path / "proc")
    for pid, watches in ((11, 2), (12, 3)):
        for name in ("fd", "fdinfo"):
            (tmp_path / "proc" / str(pid) / name).mkdir(parents=True)
        (tmp_path / "proc" / str(pid) / "fd" / "4").symlink_to("anon_inode:inotify")
        (tmp_path / "proc" / str(pid) / "fd" / "5").symlink_to("/dev/null")
        state = "pos:\t0\n" + "inotify wd:1 ino:2\n" * watches
        (tmp_path / "proc" / str(pid) / "fdinfo" / "4").write_text(state)
    (tmp_path / "docs" / "a" / "b").mkdir(parents=True)
    found = watch_limits([tmp_path / "docs", tmp_path / "gone"])
    assert found == WatchLimits(100, 9, 5, 2, 3, True)
    assert watch_limits([], but_for=12) == WatchLimits(100, 9, 2, 1, 0, True)


@pytest.mark.skipif(not limits.LIMITS.exists(), reason="the system has no such limits")
def test_a_real_watch_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this process alone: the others' come and go."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    monkeypatch.setattr(limits, "PROCESSES", tmp_path / "proc")
    docs = tmp_path / "docs"
    (docs / "a").mkdir(parents=True)
    before = watch_limits([])
    stop = threading.Event()
    watching = watchfiles.watch(docs, stop_event=stop, rust_timeout=50, yield_on_timeout=True)
    try:
        next(watching)
        now, others = watch_limits([]), watch_limits([], but_for=os.getpid())
        assert before is not None and now is not None and others is not None
        assert now.used_watches == before.used_watches + 2
        assert now.used_instances == before.used_instances + 1
        assert (others.used_watches, others.used_instances) == (0, 0)
    finally:
        stop.set()
        watching.close()


def test_counting_ends_where_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LIMITS", write_limits(tmp_path / "limits", 4, 9))
    monkeypatch.setattr(limits, "PROCESSES", tmp_path / "none")
    for number in range(9):
        (tmp_path / "docs" / str(number)).mkdir(parents=True)
    found = watch_limits([tmp_path / "docs"])
    assert found == WatchLimits(4, 9, 0, 0, 5, False) and not found.suffices


@pytest.mark.parametrize("text", ["", "many"])
def test_a_system_without_limits(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LIMITS", write_limits(tmp_path / "limits", text, text))
    assert watch_limits([]) is None

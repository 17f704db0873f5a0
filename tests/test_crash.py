"""Kills a sync at random points, and lets the disk fill up: nothing may be lost or made twice."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crash_server import CrashServer, copy_index, crash_server

PHASES = ("ingest", "update", "delete")
KILLS_AT_CHECKPOINTS = 50  # of each phase
KILLS_AT_TIMES = 17  # of each phase: with the others just over 200
FAILURES = 15
SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def server() -> Iterator[CrashServer]:
    with crash_server() as running:
        yield running


@dataclass
class Place:
    """Where the phases play: the folder, its index before a phase, and the one that is killed."""

    base: Path

    @property
    def docs(self) -> Path:
        return self.base / "docs"

    @property
    def before(self) -> Path:
        return self.base / "before"

    @property
    def index(self) -> Path:
        return self.base / "index"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """In memory where that can be: what is tested is order, not the disk's speed."""
    if not os.access(SHARED_MEMORY, os.W_OK):
        yield Place(tmp_path)
        return
    base = SHARED_MEMORY / f"footnote-{os.getpid()}-{random.randrange(1 << 32):x}"
    base.mkdir()
    base.chmod(0o755)
    yield Place(base)
    shutil.rmtree(base)


def write(path: Path, text: str, second: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (1e9 + second, 1e9 + second))


def article(number: int, version: int) -> str:
    """About three passages; the middle one is the same in every version."""
    return (
        f"# Report {number}\n\n{f'apple{number} pear{version} ' * 12}\n\n"
        f"# Middle\n\nApples are red in report {number}. {'plum jam recipe ' * 8}\n\n"
        f"# 税收\n\n{'税收法律规定' * 4}第{number}条，版本{version}。\n"
    )


def fill(docs: Path) -> None:
    for number in range(8):
        write(docs / f"{number}.md", article(number, 0), number)
    write(docs / "sub" / "copy.md", article(1, 0), 20)
    write(docs / "data.json", '{"fruit": "plum", "count": 3}', 21)
    write(docs / "broken.json", '{"fruit": ', 22)


def change(docs: Path) -> None:
    for number in (0, 3, 5):
        write(docs / f"{number}.md", article(number, 1), 40 + number)
    write(docs / "new.md", article(9, 0), 50)
    os.utime(docs / "1.md", (1e9 + 60, 1e9 + 60))
    (docs / "2.md").rename(docs / "sub" / "2.md")
    (docs / "4.md").rename(docs / "renamed.md")
    write(docs / "broken.json", '{"fruit": "mended"}', 61)
    write(docs / "data.json", '{"fruit": ', 62)


def remove(docs: Path) -> None:
    for name in ("0.md", "6.md", "new.md", "broken.json", "data.json"):
        (docs / name).unlink()
    shutil.move(docs / "sub", docs.parent / "away")


STEPS = {"ingest": fill, "update": change, "delete": remove}


def prepare(server: CrashServer, place: Place, phase: str) -> None:
    """The folder after the phase's changes, `before` with the index as it was before them."""
    for step in PHASES:
        STEPS[step](place.docs)
        if step == phase:
            return
        good(server.ask("sync", index=place.before, docs=place.docs))


def good(answer: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = answer["result"]
    assert answer["signal"] == 0 and "error" not in result, result.get("trace", answer)
    return result


def fresh(server: CrashServer, place: Place) -> dict[str, Any]:
    folder = place.base / "fresh"
    good(server.ask("sync", index=folder, docs=place.docs))
    state = good(server.ask("describe", index=folder))
    assert state["verify"] == []
    return state


def versions(server: CrashServer, place: Place) -> dict[str, set[str | None]]:
    """For each path, what may be seen of it: the old version, the new one, and nothing else."""
    states = []
    for index in (place.before, place.base / "fresh"):
        is_there = (index / "catalog.sqlite3").exists()
        states.append(good(server.ask("verify", index=index))["seen"] if is_there else {})
    return {path: {seen.get(path) for seen in states} for path in states[0] | states[1]}


def check(server: CrashServer, place: Place, expected: dict[str, Any], allowed: Any) -> None:
    """After a crash: sound at once, neither half nor twice, and finished it equals a fresh one."""
    found = good(server.ask("recover", index=place.index, docs=place.docs))
    assert found["problems"] == []
    for path, possible in allowed.items():
        assert found["seen"].get(path) in possible, path
    for part, value in expected.items():
        assert found["state"][part] == value, part


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_sync_leaves_a_sound_index(server: CrashServer, place: Place, phase: str) -> None:
    prepare(server, place, phase)
    copy_index(place.before, place.index)
    whole = server.ask("sync", index=place.index, docs=place.docs)
    checkpoints, seconds = good(whole)["checkpoints"], whole["seconds"]
    expected = fresh(server, place)
    allowed = versions(server, place)
    chance = random.Random(f"kill {phase}")
    points = [
        {"kill_at": k} for k in chance.sample(range(1, checkpoints + 1), KILLS_AT_CHECKPOINTS)
    ]
    times = [{"kill_after": chance.uniform(0, seconds)} for _ in range(KILLS_AT_TIMES)]
    num_killed = 0
    for kill in [*points, *times]:
        copy_index(place.before, place.index)
        answer = server.ask("sync", index=place.index, docs=place.docs, **kill)
        num_killed += answer["signal"] == 9
        check(server, place, expected, allowed)
    assert num_killed >= KILLS_AT_CHECKPOINTS


# The disk is full, or may not be written


@pytest.mark.parametrize("phase", PHASES)
def test_a_full_disk_is_told_and_loses_nothing(
    server: CrashServer, place: Place, phase: str
) -> None:
    """From a random point on every write fails; then there is space, in the same process."""
    prepare(server, place, phase)
    copy_index(place.before, place.index)
    checkpoints = good(server.ask("sync", index=place.index, docs=place.docs))["checkpoints"]
    expected = fresh(server, place)
    allowed = versions(server, place)
    chance = random.Random(f"full {phase}")
    for point in chance.sample(range(1, checkpoints + 1), FAILURES):
        copy_index(place.before, place.index)
        answer = server.ask("fail", index=place.index, docs=place.docs, fail_at=point)
        result = good(answer)
        if result["failure"] is not None:
            assert result["failure"][0] == "IndexStateError", result
            assert "is full. Free some space" in result["failure"][1]
            assert str(place.index) in result["failure"][1]
        assert result["verify"] == []
        check(server, place, expected, allowed)


@pytest.mark.parametrize("limit", [3_000, 30_000, 90_000])
def test_files_that_may_not_grow_are_told(server: CrashServer, place: Place, limit: int) -> None:
    """The system itself refuses to write, wherever in SQLite, FAISS or tantivy that is."""
    prepare(server, place, "ingest")
    answer = server.ask("sync", index=place.index, docs=place.docs, max_file_bytes=limit)
    assert answer["result"]["error"] == "IndexStateError", answer
    assert str(place.index) in answer["result"]["message"]
    check(server, place, fresh(server, place), {})


@pytest.fixture
def small_disk(place: Place) -> Iterator[Path]:
    folder = place.base / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_really_is_full(server: CrashServer, place: Place, small_disk: Path) -> None:
    prepare(server, place, "ingest")
    expected = fresh(server, place)
    place = SmallPlace(place.base)
    filler = small_disk / "filler"
    num_full = 0
    for left in (0, 4, 20, 60, 100, 150, 200, 300, 400):
        shutil.rmtree(place.index, ignore_errors=True)
        filler.write_bytes(bytes(2_097_152 - 1024 * left - 8192))
        result = server.ask("sync", index=place.index, docs=place.docs)["result"]
        if "error" in result:
            num_full += 1
            assert result["error"] == "IndexStateError", result
            assert "full" in result["message"] and str(place.index) in result["message"]
        filler.unlink()
        check(server, place, expected, {})
    assert num_full >= 3


class SmallPlace(Place):
    @property
    def index(self) -> Path:
        return self.base / "disk" / "index"


def test_an_index_that_may_not_be_written(server: CrashServer, place: Place) -> None:
    prepare(server, place, "update")
    copy_index(place.before, place.index)
    for path in [place.index, *place.index.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    named = {"index": place.index, "docs": place.docs, "as_nobody": True}
    result = server.ask("sync", **named)["result"]
    assert result["error"] == "IndexStateError", result
    assert f"{place.index} cannot be written" in result["message"]
    assert "--index" in result["message"]
    seen = good(server.ask("verify", **named))
    assert seen["verify"] == [] and len(seen["seen"]) == 10
    with_folder_only = place.base / "shut"
    with_folder_only.mkdir(mode=0o555)
    named["index"] = with_folder_only / "index"
    result = server.ask("sync", **named)["result"]
    assert result["error"] == "IndexStateError" and "cannot be written" in result["message"]


def test_a_snapshot_that_may_not_be_written(server: CrashServer, place: Place) -> None:
    """It is replaced, not overwritten, so that its own mode does not matter."""
    prepare(server, place, "update")
    copy_index(place.before, place.index)
    (place.index / "dense.faiss").chmod(0o444)
    for path in [place.index, *place.index.rglob("*")]:
        shutil.chown(path, 65534, 65534) if os.geteuid() == 0 else None
    good(server.ask("sync", index=place.index, docs=place.docs, as_nobody=True))
    check(server, place, fresh(server, place), {})

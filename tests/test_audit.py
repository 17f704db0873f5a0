from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.scan import scan
from rag.audit import AuditLog, Entry, read_entries

REPOSITORY = Path(__file__).resolve().parent.parent
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def make(folder: Path, **others: Any) -> tuple[AuditLog, Clock]:
    clock = Clock()
    given: dict[str, Any] = {"days": 3, "max_file_bytes": 10**6, "clock": clock}
    return AuditLog(folder, **(given | others)), clock


def entry(question: str = "谁?", **others: Any) -> Entry:
    return Entry("ask", question, client="api", outcome="answered", **others)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.jsonl"))


def test_an_entry_is_a_line_for_the_owner_alone(tmp_path: Path) -> None:
    audit, _ = make(tmp_path / "audit")
    audit.write(entry(who="alice", ms={"total": 12.345}))
    audit.write(entry("line\nbreak \ud800"))
    (path,) = (tmp_path / "audit").glob("*.jsonl")
    assert path.name == "audit-2026-03-10.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    found = scan([tmp_path], max_file_bytes=10**6)
    assert found.files == {} and found.failed == []  # it is no document
    first, second = map(json.loads, path.read_text("utf-8").splitlines())
    assert (first["question"], first["who"], first["ms"]) == ("谁?", "alice", {"total": 12.3})
    assert first["time"] == "2026-03-10T12:00:00.000+00:00" and "lost_before" not in first
    assert second["question"].startswith("line\nbreak")


def test_a_file_that_is_large_or_of_another_day_is_followed_by_another(tmp_path: Path) -> None:
    audit, clock = make(tmp_path, max_file_bytes=600)
    for _ in range(4):
        audit.write(entry("x" * 200))
    clock.now += timedelta(days=1)
    audit.write(entry())
    assert files(tmp_path) == [
        "audit-2026-03-10-1.jsonl", "audit-2026-03-10.jsonl", "audit-2026-03-11.jsonl",
    ]  # fmt: skip
    assert len(list(read_entries(tmp_path, NOON - timedelta(hours=1)))) == 5


def test_old_files_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "audit-notes.jsonl").write_text("mine")
    for day in ("2026-03-06", "2026-03-07", "2026-03-09-2"):
        (tmp_path / f"audit-{day}.jsonl").write_text("{}\n")
    audit, _ = make(tmp_path)
    audit.write(entry())
    assert files(tmp_path) == [
        "audit-2026-03-07.jsonl", "audit-2026-03-09-2.jsonl", "audit-2026-03-10.jsonl",
        "audit-notes.jsonl",
    ]  # fmt: skip


def test_questions_can_be_hashed_or_left_out(tmp_path: Path) -> None:
    hashed, _ = make(tmp_path, questions="hashed")
    for question in ("secret", "secret", "other"):
        hashed.write(entry(question, error="SearchError: secret"))
    make(tmp_path, questions="none")[0].write(entry("secret"))
    lines = list(read_entries(tmp_path, NOON))
    asked = [line["question"] for line in lines]
    assert asked[0] == asked[1] != asked[2] and asked[0].startswith("hmac-sha256:")
    assert asked[3] == "" and lines[0]["error"] == "SearchError"
    assert "secret" not in (tmp_path / "audit-2026-03-10.jsonl").read_text()
    assert (tmp_path / "question.key").stat().st_mode & 0o777 == 0o600
    elsewhere = make(tmp_path / "other", questions="hashed")[0]
    elsewhere.write(entry("secret"))
    (line,) = read_entries(tmp_path / "other", NOON)
    assert line["question"] != asked[0]  # another key


def test_a_key_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    audit, _ = make(tmp_path, questions="hashed")
    with monkeypatch.context() as patched:

        def full(*_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patched.setattr("rag.audit.os.fdopen", full)
        audit.write(entry("lost"))
    assert audit.num_lost == 1 and list(tmp_path.iterdir()) == []
    audit.write(entry("kept"))
    assert len((tmp_path / "question.key").read_bytes()) == 64
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl", ".key"]
    (tmp_path / "question.key").write_bytes(b"")
    caplog.clear()
    audit.write(entry("lost"))
    assert audit.num_lost == 2 and "delete it" in caplog.text
    assert len(list(read_entries(tmp_path, NOON))) == 1


@pytest.mark.parametrize("half", [False, True])
def test_a_full_disk_is_said_once_and_told_by_the_next_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, half: bool
) -> None:
    audit, _ = make(tmp_path)
    audit.write(entry("first"))
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if half and len(data) > 1:
            return write(descriptor, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rag.audit.os.write", full)
    for _ in range(3):
        audit.write(entry("lost"))
    monkeypatch.setattr("rag.audit.os.write", write)
    assert audit.num_lost == 3 and caplog.text.count("No space left") == 1
    (path,) = tmp_path.glob("*.jsonl")
    assert path.read_bytes().endswith(b"\n") != half
    audit.write(entry("next"))
    audit.write(entry("last"))
    found = list(read_entries(tmp_path, NOON))
    assert [one["question"] for one in found] == ["first", "next", "last"]
    assert [one.get("lost_before") for one in found] == [None, 3, None]
    assert "written again" in caplog.text


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    audit, _ = make(tmp_path / "file" / "audit")
    audit.write(entry())
    assert audit.num_lost == 1 and 'audit = "none"' in caplog.text


def test_reading_leaves_out_what_is_older_or_cut_off(tmp_path: Path) -> None:
    audit, clock = make(tmp_path)
    for hours in (0, 1, 2):
        clock.now = NOON + timedelta(hours=hours)
        audit.write(entry(str(hours)))
    with (tmp_path / "audit-2026-03-10.jsonl").open("a") as stream:
        stream.write('{"time": "2026-03-10T15')
    found = read_entries(tmp_path, NOON + timedelta(minutes=30))
    assert [one["question"] for one in found] == ["1", "2"]
    assert list(read_entries(tmp_path / "gone", NOON)) == []


def test_lines_of_two_processes_do_not_mix(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from rag.audit import AuditLog, Entry\n"
        "audit = AuditLog(Path(sys.argv[1]), days=3, max_file_bytes=10**8)\n"
        "for n in range(300): audit.write(Entry('ask', sys.argv[2] * 500))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], env=environment)
        for name in "ab"
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    lines = [line for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    asked = [json.loads(line)["question"] for line in lines if line]
    assert sorted(asked) == ["a" * 500] * 300 + ["b" * 500] * 300

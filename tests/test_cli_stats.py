from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag.audit import AuditLog, Entry
from rag.audit_stats import summarize
from rag.cli import app
from rag.cli_stats import print_stats
from rag.errors import FootnoteError


def write(folder: Path, hours_ago: float, **changed: object) -> None:
    then = datetime.now(UTC) - timedelta(hours=hours_ago)
    audit = AuditLog(folder, days=100, max_file_bytes=10**6, clock=lambda: then)
    given: dict[str, object] = {
        "kind": "ask", "question": "How long [bold]is[/bold] it?", "client": "cli",
        "outcome": "answered", "cache": "miss", "model": "m", "prompt_tokens": 1200,
        "completion_tokens": 30,
        "ms": {"first_source": 20.0, "first_token": 700.0, "total": 9000.0},
        "sources": [{"path": "/docs/pump.pdf", "page": 3, "cited": True}],
    }  # fmt: skip
    audit.write(Entry(**(given | changed)))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "index" / "audit"
    write(found, 0.1)
    write(found, 0.2, cache="hit", ms={"total": 20.0})
    write(found, 30, outcome="refused")
    return found


def test_the_last_day_for_a_program(folder: Path) -> None:
    done = CliRunner().invoke(app, ["stats", "--json", "--index", str(folder.parent)])
    told = json.loads(done.stdout)
    assert (told["days"], told["questions"], told["answered"]) == (1.0, 2, 2)
    assert told["cache"]["hit_rate"] == 0.5 and told["folder"] == str(folder)
    more = CliRunner().invoke(
        app, ["stats", "--days", "2", "--json", "--index", str(folder.parent)]
    )
    assert json.loads(more.stdout)["refused"] == 1


def test_the_last_day_for_people(folder: Path) -> None:
    done = CliRunner().invoke(app, ["stats", "--index", str(folder.parent)])
    text = " ".join(done.stdout.split())
    assert "questions 2 (2 answered, 0 refused, 0 failed, 0 stopped)" in text
    assert "50% from the cache" in text and "2,400 read, 60 written" in text
    assert "whole answer p50 0.02 s, p95 9.00 s" in text and "/docs/pump.pdf" in text
    assert "9.0 s How long [bold]is[/bold] it?" in text


def test_without_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["stats", "--index", str(tmp_path)])
    assert done.exit_code == 0 and "questions 0 (" in " ".join(done.stdout.split())


def test_what_was_lost_is_told() -> None:
    out = io.StringIO()
    print_stats(summarize([]) | {"lost": 3}, 1.0, out)
    assert "3: the audit log could not be written" in " ".join(out.getvalue().split())


def test_without_an_audit_log_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_AUDIT", "none")
    done = CliRunner().invoke(app, ["stats"])
    assert isinstance(done.exception, FootnoteError) and "audit" in str(done.exception)

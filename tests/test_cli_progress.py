from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from ingest.sync import Progress
from rag import cli_output, cli_progress
from rag.cli_progress import LINES_EVERY, LINES_SECONDS, ProgressLines, sync_progress


def test_lines_of_progress_come_by_documents_or_by_time_and_at_the_end() -> None:
    now, said = 0.0, list[str]()
    show = ProgressLines(said.append, lambda: now)
    total = 2 * LINES_EVERY + 5
    show(Progress(0, total, "/a", 0))
    show(Progress(0, total, "/a", 32))
    assert said == []
    now = LINES_SECONDS
    show(Progress(0, total, "/a", 1096))
    show(Progress(1, total, "/a", 1100))
    assert said == [f"0 of {total} documents, 1,096 passages encoded"]
    show(Progress(LINES_EVERY - 1, total, "/b", 2000))
    show(Progress(LINES_EVERY + 2, total, "/c", 2001))
    show(Progress(LINES_EVERY + 3, total, "/d", 2002))
    show(Progress(total, total, "/e", 3000))
    assert [line.split(",")[0] for line in said[1:]] == [
        f"{LINES_EVERY + 2} of {total} documents",
        f"{total} of {total} documents",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_passages_show_before_any_document_is_done(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=120, markup=False)
    monkeypatch.setattr(cli_output, "notes", lambda: console)
    monkeypatch.setattr(cli_progress, "LINES_SECONDS", 0.0)
    with sync_progress() as progress:
        progress(Progress(0, 40, "/docs/long [1].pdf", 0))
        progress(Progress(0, 40, "/docs/long [1].pdf", 1352))
    shown = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", out.getvalue())  # without the colours
    assert "1,352 passages" in shown
    if is_terminal:
        assert "long [1].pdf" in shown and "0/40 documents" in shown

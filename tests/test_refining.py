from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest
from fakes import WordEncoder

from ingest import refining
from ingest.refining import Refining
from ingest.sync import sync
from rag.indexes import Indexes

ENCODER = WordEncoder()
TEXT = "The pump holds forty litres of water. It was repaired by a man from Bremen."


class Turns(threading.Event):
    """A stop event whose waits are turns: `each` is called in every one, the last one stops."""

    def __init__(self, *each: object) -> None:
        super().__init__()
        self.each = list(each)

    def wait(self, timeout: float | None = None) -> bool:
        if not self.each:
            self.set()
            return True
        turn = self.each.pop(0)
        if callable(turn):
            turn()
        return False


def test_new_chunks_are_refined_unless_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, left, calls, lines = tmp_path / "docs", list[int](), list[int](), list[str]()
    docs.mkdir()
    real = refining.refine
    monkeypatch.setattr(
        refining, "refine", lambda *given, **named: calls.append(real(*given, **named))
    )
    with Indexes(tmp_path / "index", dimension=ENCODER.dimension, read_only=False) as indexes:

        def add(name: str) -> None:
            (docs / name).write_text(TEXT)
            sync(indexes, ENCODER, [docs], max_file_bytes=10**6, max_chunk_tokens=100)

        def count() -> None:
            left.append(indexes.catalog.num_without_sentences())

        add("a.txt")
        stop = Turns(None, count, lambda: add("b.txt"), count)
        Refining(stop, lines.append).run(lambda: (indexes, ENCODER))
        assert left == [0, 0] and calls == [1, 1]  # an unchanged index is not looked through
        add("c.txt")
        paused = Refining(Turns(None, count), lines.append)
        with paused.paused():
            paused.run(lambda: (indexes, ENCODER))
        assert left[-1] == 1
        Refining(Turns(None), lines.append).run(lambda: None)


def test_what_goes_wrong_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, tries = list[str](), list[int]()

    def fail(*given: object, **named: object) -> int:
        tries.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(refining, "refine", fail)
    with Indexes(tmp_path / "index", dimension=ENCODER.dimension, read_only=False) as indexes:
        Refining(Turns(None, None, None), lines.append).run(lambda: (indexes, ENCODER))
    (line,) = lines
    assert len(tries) == 3 and line.startswith("Sentences are not encoded") and "full" in line

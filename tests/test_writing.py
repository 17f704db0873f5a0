from __future__ import annotations

import threading
from typing import Any

import pytest

import ingest.writing
from ingest.writing import Writer

PATIENCE_SECONDS = 60.0


class Indexes:
    """Counts how often it followed, and holds up the thread when told to."""

    def __init__(self) -> None:
        self.num_catch_ups = 0
        self.caught_up = threading.Event()

    def catch_up(self) -> None:
        self.num_catch_ups += 1
        self.caught_up.set()


def make(indexes: Any) -> Writer:
    return Writer(indexes)


def test_jobs_are_done_in_order_and_the_indexes_follow_once() -> None:
    indexes, done = Indexes(), list[int]()
    with make(indexes) as writer:
        for number in range(200):
            writer.put(lambda number=number: done.append(number))
        writer.finish()
        assert done == list(range(200))
        assert indexes.num_catch_ups == 1


def test_the_indexes_follow_while_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.writing, "FRESH_SECONDS", 0.01)
    indexes = Indexes()
    with make(indexes) as writer:
        writer.put(lambda: None)
        assert indexes.caught_up.wait(PATIENCE_SECONDS)


def test_waiting_jobs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.writing, "MAX_WAITING", 2)
    gate, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        gate.wait(PATIENCE_SECONDS)

    with make(Indexes()) as writer:
        writer.put(hold)
        assert begun.wait(PATIENCE_SECONDS)
        writer.put(lambda: None)
        writer.put(lambda: None)
        third = threading.Thread(target=writer.put, args=(lambda: None,))
        third.start()
        assert len(writer._jobs) == 2 and third.is_alive()
        gate.set()
        third.join(PATIENCE_SECONDS)
        assert not third.is_alive()


def test_what_goes_wrong_is_raised_to_the_one_who_gives_jobs() -> None:
    with make(Indexes()) as writer:
        writer.put(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            writer.finish()
        with pytest.raises(ZeroDivisionError):
            writer.put(lambda: None)


def test_closing_does_what_waits() -> None:
    done: list[int] = []
    writer = make(Indexes())
    for number in range(10):
        writer.put(lambda number=number: done.append(number))
    writer.close()
    assert done == list(range(10))

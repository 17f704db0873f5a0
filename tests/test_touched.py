from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from fakes import Clock

from ingest.touched import GROWING_SECONDS, Touched


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def touched(clock: Clock) -> Touched:
    return Touched(1.0, clock)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("one")
    return path


def test_due_when_all_rest(touched: Touched, clock: Clock) -> None:
    assert not touched.is_due() and not touched.arrived.is_set()
    touched.note(["/a"])
    clock.now += 0.9
    touched.note(["/b"])
    assert touched.arrived.is_set()
    clock.now += 0.9
    assert not touched.is_due()  # /a rests, /b does not
    clock.now += 0.1
    assert touched.is_due()
    touched.take()
    assert not touched.is_due() and not touched.arrived.is_set()


def test_a_mass_change_is_one_call_however_many_paths(touched: Touched, clock: Clock) -> None:
    num_calls = 0
    for number in range(5_000):
        touched.note([f"/{number}"])
        clock.now += 0.0005
        if number % 250 == 0:
            num_calls += touched.is_due()
    clock.now += 1
    assert touched.is_due() and num_calls == 0
    touched.take()
    clock.now += 100
    assert not touched.is_due()


def test_changes_without_an_end_are_looked_at_now_and_then(touched: Touched, clock: Clock) -> None:
    due = []
    for number in range(1_000):
        touched.note([f"/{number}"])
        clock.now += 0.05
        if touched.is_due():
            due.append(clock.now)
            touched.take()
    assert 3 <= len(due) <= 6  # 50 seconds, every ten or so


def test_a_file_that_never_rests_does_not_keep_others_waiting(
    touched: Touched, clock: Clock, tmp_path: Path
) -> None:
    film = str(tmp_path / "film.pdf")
    Path(film).touch()
    for _ in range(40):
        touched.note([film])
        clock.now += 0.1
    assert not touched.is_due()
    touched.note(["/a.txt"])
    for _ in range(11):
        clock.now += 0.1
        touched.note([film])
    assert touched.is_due()
    touched.take()
    assert touched.busy([film]) == {film}
    clock.now += 1.0
    assert touched.is_due()  # now it rests
    touched.take()
    assert not touched.is_due()


def test_a_log_is_read_now_and_then_as_it_stands_and_others_never(
    touched: Touched, clock: Clock, tmp_path: Path
) -> None:
    log, movie = str(tmp_path / "a.log"), str(tmp_path / "a.pdf")
    for path in (log, movie):
        Path(path).touch()
    due_after = 0.0
    while not touched.is_due():
        touched.note([log, movie])
        clock.now += 0.5
        due_after += 0.5
    assert due_after == GROWING_SECONDS
    touched.take()
    touched.note([log, movie])
    assert touched.busy([log, movie]) == {movie}
    Path(log).unlink()
    assert touched.busy([log]) == {log}  # being replaced, not gone


def test_what_stands_in_a_folder_that_changes_is_busy(
    touched: Touched, clock: Clock, file: Path
) -> None:
    touched.note([str(file.parent)])
    assert touched.busy([str(file), "/"]) == {str(file)}
    clock.now += 1.0
    touched.take()
    assert touched.busy([str(file)]) == set()


def test_a_removal_has_to_rest(touched: Touched, clock: Clock, file: Path) -> None:
    """Another file is due while this one is being replaced."""
    touched.note(["/other"])
    clock.now += 9.5
    os.unlink(file)
    touched.note([str(file)])
    clock.now += 0.5
    assert touched.is_due()
    touched.take()
    assert touched.busy([str(file)]) == {str(file)}


def test_what_changed_while_looking_is_busy_however_long_the_look_takes(
    touched: Touched, clock: Clock, file: Path
) -> None:
    touched.take()
    touched.note([str(file)])
    clock.now += 3600
    assert touched.busy([str(file)]) == {str(file)}
    touched.take()
    assert touched.busy([str(file)]) == set()


def test_silent_growth_is_noted(touched: Touched, clock: Clock, file: Path) -> None:
    touched.note([str(file)])
    clock.now += 0.9
    file.write_text("one two")
    touched.recheck()
    clock.now += 0.9
    touched.recheck()
    assert not touched.is_due()
    clock.now += 0.1
    assert touched.is_due()


def test_for_sure_waits_for_what_the_listener_has_yet_to_tell(
    touched: Touched, clock: Clock, file: Path
) -> None:
    """That the file is gone is seen before the event of its removal is noted."""
    os.unlink(file)
    asked, answer = threading.Event(), []

    def ask() -> None:
        asked.set()
        answer.append(touched.busy([str(file)], True))

    asker = threading.Thread(target=ask)
    asker.start()
    asked.wait(10)
    touched.heard()
    touched.note([str(file)])
    while asker.is_alive():
        touched.heard()
    asker.join()
    assert answer == [{str(file)}]


def test_a_removal_that_was_told_needs_no_waiting(
    touched: Touched, clock: Clock, file: Path
) -> None:
    os.unlink(file)
    touched.note([str(file)])
    clock.now += 1.0
    touched.take()
    assert touched.busy([str(file)], True) == set()  # nobody calls `heard`: waiting would show

from __future__ import annotations

import threading

import pytest

from rag.errors import FootnoteError, ModelError
from rag.readiness import Readiness


def made(**waiting: str) -> Readiness:
    return Readiness(threading.RLock(), waiting)


def test_it_is_ready_after_the_last_part_and_finishes_once() -> None:
    readiness, finished = made(a="opening a", b="loading b"), list[str]()
    readiness.tell("b", "loading b, 50 %")
    assert readiness.state() == "Opening a; loading b, 50 %"
    for part in ("a", "a", "b", "b"):
        assert readiness.is_ready == ("b" not in readiness.state() and "opening" not in part)
        readiness.done(part, lambda: finished.append("x"))
    assert readiness.is_ready and readiness.wait(0) and finished == ["x"]
    assert readiness.components() == {"a": "ready", "b": "ready"}
    assert readiness.state() == "ready" and not readiness.waits_for("b")


def test_what_fails_before_is_raised_to_each_asker_and_what_fails_later_is_not() -> None:
    readiness = made(a="opening a", b="loading b")
    assert not readiness.wait(0)
    readiness.done("b", lambda: None)
    assert readiness.components() == {"a": "loading", "b": "ready"}
    assert readiness.fail(ModelError("no model"))
    raised = []
    for _ in range(2):
        with pytest.raises(ModelError, match="no model") as caught:
            readiness.wait()
        raised.append(caught.value)
    assert raised[0] is not raised[1] and readiness.state() == "stopped: no model"
    assert readiness.components() == {"a": "stopped", "b": "ready"}
    later = made(a="opening a")
    later.done("a", lambda: None)
    assert not later.fail(FootnoteError("late")) and later.is_ready

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.sharing import FairPool, Together

PATIENCE_SECONDS = 30.0


def until(is_so: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.005)):
        if is_so():
            return
        tick.wait(0.005)
    raise AssertionError("it never came to that")


def start(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_who_has_waited_longest_is_next_and_who_gives_back_waits_behind() -> None:
    pool, order = FairPool(["model"]), list[str]()

    def use(name: str) -> None:
        with pool.using() as item:
            order.append(f"{name} {item}")

    threads = []
    with pool.using():
        for name in ("first", "second", "third"):
            threads.append(start(lambda name=name: use(name)))  # type: ignore[misc]
            until(lambda: len(pool._line) == len(threads))
    use("again")
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert order == ["first model", "second model", "third model", "again model"]
    with pytest.raises(ValueError), pool.using():
        raise ValueError
    use("after an error")


class Work:
    """A row is the text's length; the first call waits for the gate, "bad" is refused."""

    def __init__(self) -> None:
        self.gate, self.begun = threading.Event(), threading.Event()
        self.calls: list[list[str]] = []

    def __call__(self, texts: list[str]) -> Any:
        self.calls.append(list(texts))
        if not self.begun.is_set():
            self.begun.set()
            assert self.gate.wait(PATIENCE_SECONDS)
        if "bad" in texts:
            raise ValueError("bad")
        return np.array([[len(text)] for text in texts], np.float32)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), min_size=1, max_size=5), max_size=8),
    st.integers(1, 8),
)
def test_everyone_gets_their_own_rows_in_as_few_turns_as_may_be(
    asked: list[list[str]], most: int
) -> None:
    work = Work()
    together = Together(work, most=most)
    rows: dict[int, Any] = {}
    threads = [start(lambda: together(["first"]))]
    assert work.begun.wait(PATIENCE_SECONDS)
    for number, texts in enumerate(asked):
        one = lambda number=number, texts=texts: rows.update({number: together(texts)})  # noqa: E731
        threads.append(start(one))
        until(lambda number=number: len(together._line) == number + 1)  # type: ignore[misc]
    work.gate.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    for number, texts in enumerate(asked):
        assert rows[number].tolist() == [[len(text)] for text in texts]
    expected: list[list[str]] = []
    for texts in asked:  # who came first is served first
        if expected and len(expected[-1]) + len(texts) <= most:
            expected[-1] += texts
        else:
            expected.append(list(texts))
    assert work.calls[1:] == expected


def test_a_failure_is_that_of_whoever_asked_for_it() -> None:
    work = Work()
    together = Together(work)
    outcomes: dict[str, Any] = {}

    def ask(text: str) -> None:
        try:
            outcomes[text] = together([text]).tolist()
        except ValueError as error:
            outcomes[text] = str(error)

    threads = [start(lambda: ask("first"))]
    assert work.begun.wait(PATIENCE_SECONDS)
    for number, text in enumerate(["good", "bad", "fine"]):
        threads.append(start(lambda text=text: ask(text)))  # type: ignore[misc]
        until(lambda number=number: len(together._line) == number + 1)  # type: ignore[misc]
    work.gate.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert outcomes == {"first": [[5]], "good": [[4]], "bad": "bad", "fine": [[4]]}
    assert work.calls[1] == ["good", "bad", "fine"]

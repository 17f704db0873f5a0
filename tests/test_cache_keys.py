from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from fakes import passage

from rag.ask_options import AskOptions
from rag.cache.keys import ask_key, family_key, find_key, same_question
from rag.types import Answer, Found, Message
from rag.where import Where

SETUP = {"model": "m"}
HISTORY = (Message("user", "What of the pump?"), Message("assistant", "It is blue."))
BEFORE = Answer(
    "q", "It is blue.", False, (), (passage("It is blue."),), (), 10, 5, "m", {"total": 1.0},
    Found((), "q", timings_ms={"total": 2.0}),
)  # fmt: skip
OPTIONS = AskOptions(where=Where(folders=("a",)), previous=BEFORE)


def key(**changed: Any) -> str:
    given: dict[str, Any] = {
        "setup": SETUP, "state": "s-1", "question": "How long?", "history": HISTORY,
        "options": OPTIONS,
    }  # fmt: skip
    return ask_key(**(given | changed))


def test_the_same_question() -> None:
    assert same_question("  Caf\u0065\u0301? \n") == same_question("Café?")
    assert key(question=" How long?\n") == key()
    assert (
        len({same_question(q) for q in ("How long?", "how long?", "How long", "How  long?")}) == 4
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"setup": {"model": "n"}},
        {"state": "s-2"},
        {"question": "How wide?"},
        {"history": HISTORY[:1]},
        {"history": (HISTORY[1], HISTORY[0])},
        {"history": ()},
        {"options": replace(OPTIONS, where=Where(folders=("b",)))},
        {"options": replace(OPTIONS, where=Where())},
        {"options": replace(OPTIONS, mode="dense")},
        {"options": replace(OPTIONS, scope="document")},
        {"options": replace(OPTIONS, general=True)},
        {"options": replace(OPTIONS, previous=None)},
        {"options": replace(OPTIONS, previous=replace(BEFORE, text="It is red."))},
        {"options": replace(OPTIONS, previous=replace(BEFORE, prompt=HISTORY))},
    ],
)
def test_whatever_may_change_an_answer_changes_its_key(changed: dict[str, Any]) -> None:
    assert key(**changed) != key()


def test_every_option_is_tried_above() -> None:
    assert {field.name for field in fields(AskOptions)} >= {
        "mode", "where", "scope", "previous", "general",
    }  # fmt: skip


def test_how_long_the_answer_before_took_does_not_count() -> None:
    assert BEFORE.found is not None
    slower = replace(
        BEFORE, timings_ms={"total": 9.0}, found=replace(BEFORE.found, timings_ms={}, cached=True)
    )
    assert key(options=replace(OPTIONS, previous=replace(slower, cached=True))) == key()


def test_kinds_of_keys_never_meet() -> None:
    plain = AskOptions()
    keys = {
        ask_key(SETUP, "s", "q", (), plain),
        ask_key(SETUP, "s", "", (), plain),
        family_key(SETUP, "s", (), plain),
        find_key(SETUP, "s", "q", 10, "hybrid", Where()),
        find_key(SETUP, "s", "q", 11, "hybrid", Where()),
        find_key(SETUP, "s", "q", 10, "dense", Where()),
        find_key(SETUP, "s", "q", 10, "hybrid", Where(types=("pdf",))),
        find_key(SETUP, "t", "q", 10, "hybrid", Where()),
    }
    assert len(keys) == 8

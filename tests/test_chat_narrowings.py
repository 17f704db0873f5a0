"""What conversations are narrowed to outlasts the program."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import Clock

from rag.chat.narrowings import UNASKED_SECONDS
from rag.chat.store import Store
from rag.conversation_files import Conversations
from rag.library import Asker
from rag.where import Where

PDF = Where(types=("pdf",), folders=("contracts",), documents=(7, "a.md"))
QUESTION = {"id": "q1", "type": "user_message", "output": "How wide is the pond?"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = Store(tmp_path / "c.sqlite", clock=clock)
    yield opened
    opened.close()


def test_each_person_has_their_own_of_a_conversation(store: Store) -> None:
    store.narrowings.put("anna", "T1", PDF)
    assert store.narrowings.get("anna", "t1") == PDF
    assert not store.narrowings.get("bo", "t1") and not store.narrowings.get("anna", "t2")
    store.narrowings.put("anna", "t1", Where(types=("word",)))
    assert store.narrowings.get("anna", "t1") == Where(types=("word",))
    store.narrowings.put("anna", "t1", Where())
    assert not store.narrowings.get("anna", "t1")


def test_a_deleted_conversation_leaves_none_on_the_disk(store: Store, tmp_path: Path) -> None:
    store.put_step("anna", "t1", QUESTION)
    store.narrowings.put("anna", "t1", Where(folders=("zebras",)))
    assert store.delete_thread("anna", "t1")
    assert not store.narrowings.get("anna", "t1")
    assert all(b"zebras" not in path.read_bytes() for path in tmp_path.iterdir())


def test_where_nothing_was_asked_it_goes_after_a_day(store: Store, clock: Clock) -> None:
    store.put_step("anna", "Asked", QUESTION)
    store.narrowings.put("anna", "Asked", PDF)
    store.narrowings.put("anna", "unasked", PDF)
    clock.now += UNASKED_SECONDS - 1
    store.delete_old()
    assert store.narrowings.get("anna", "unasked") == PDF
    clock.now += 2
    store.delete_old()
    assert store.narrowings.get("anna", "asked") == PDF
    assert not store.narrowings.get("anna", "unasked")


def test_what_cannot_be_read_or_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "c.sqlite")
    with store._database.writing() as connection:
        values = ("anna", "t1", '{"colour": ["red"]}', 0.0)
        connection.execute("INSERT INTO narrowings VALUES (?, ?, ?, ?)", values)
    with caplog.at_level(logging.ERROR):
        assert not store.narrowings.get("anna", "t1")
        assert "colour" in caplog.text
        store.close()
        store.narrowings.put("anna", "t1", PDF)
    assert "was not kept" in caplog.text


def conversations(store: Store) -> Conversations:
    library: Any = SimpleNamespace(
        uploads=SimpleNamespace(
            collection=lambda name, conversation: None, forget=lambda name, conversation: False
        )
    )
    made = Conversations(library)
    made.kept = store.narrowings
    return made


def test_conversations_know_it_after_a_restart_until_they_are_forgotten(store: Store) -> None:
    anna = Asker("anna")
    first = conversations(store)
    assert not first.narrowed("t1", anna)
    first.narrow("t1", PDF, anna)
    again = conversations(store)
    assert again.narrowed("t1", anna) == PDF and not again.narrowed("t1")
    again.forget("t1", anna)
    assert not again.narrowed("t1", anna)
    assert not conversations(store).narrowed("t1", anna)

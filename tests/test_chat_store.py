from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from page_service import REPOSITORY

from rag.chat.store import DAY_SECONDS, MAX_NAME_CHARACTERS, Store, moment

QUESTION = {"id": "q1", "type": "user_message", "output": "How wide is the pond?"}
ANSWER = {"id": "a1", "type": "assistant_message", "output": "Secretly seven metres."}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "c.sqlite", clock=Clock(step=1.0))
    yield opened
    opened.close()


def fill(store: Store, owner: str = "anna", thread: str = "t1", mark: str = "") -> None:
    store.put_step(owner, thread, {**QUESTION, "id": f"q{mark}1"})
    store.put_thread(owner, thread, "How wide is the pond?")
    store.put_step(owner, thread, {**ANSWER, "id": f"a{mark}1", "autoCollapse": True})
    element = {"id": f"e{mark}1", "forId": f"a{mark}1", "props": {"sources": [1]}}
    store.put_element(owner, thread, element)


def test_what_was_said_comes_back(store: Store) -> None:
    fill(store)
    store.change_step("anna", "t1", {**ANSWER, "output": "Seven.", "metadata": {"plain": "S"}})
    found = store.conversation("anna", "t1")
    assert [step["output"] for step in found.steps] == ["How wide is the pond?", "Seven."]
    assert found.steps[1]["metadata"] == {"plain": "S"}
    assert found.elements == ({"id": "e1", "forId": "a1", "props": {"sources": [1]}},)
    assert found.thread.name == "How wide is the pond?" and found.thread.owner == "anna"


def test_broken_unicode_and_any_object_can_be_kept(store: Store) -> None:
    store.put_step("anna", "t1", {**QUESTION, "output": "a\ud800b", "odd": Path("/x")})
    (step,) = store.conversation("anna", "t1").steps
    assert step["output"] == "a\ud800b" and step["odd"] == "/x"


def test_names_are_one_short_line(store: Store) -> None:
    store.put_thread("anna", "t1", "a\n b" + "c" * 500)
    (thread,) = store.threads("anna")
    assert thread.name.startswith("a bccc") and len(thread.name) == MAX_NAME_CHARACTERS


def test_metadata_is_merged(store: Store) -> None:
    store.put_thread("anna", "t1", metadata={"a": 1, "b": 2})
    store.put_thread("anna", "t1", metadata={"b": None, "c": 3})
    assert store.threads("anna")[0].metadata == {"a": 1, "c": 3}


def test_the_last_used_comes_first_and_can_be_searched(store: Store) -> None:
    fill(store)
    fill(store, thread="t2", mark="x")
    assert [one.id for one in store.threads("anna")] == ["t2", "t1"]
    store.put_step("anna", "t1", {**QUESTION, "id": "q9", "output": "Und die STRASSE?"})
    assert [one.id for one in store.threads("anna")] == ["t1", "t2"]
    assert [one.id for one in store.threads("anna", search="straße")] == ["t1"]
    assert [one.id for one in store.threads("anna", search="POND")] == ["t1", "t2"]
    assert store.threads("anna", search="lake") == []


def test_deleting_a_conversation_leaves_nothing_on_the_disk(store: Store, tmp_path: Path) -> None:
    fill(store)
    store.put_feedback("anna", "a1", 1, "a private remark")
    assert any(b"Secretly" in path.read_bytes() for path in tmp_path.iterdir())
    assert store.delete_thread("anna", "t1")
    for path in tmp_path.iterdir():
        for words in (b"Secretly", b"pond", b"private remark", b"sources"):
            assert words not in path.read_bytes(), path.name
    assert store.threads("anna") == [] and not store.delete_thread("anna", "t1")
    with pytest.raises(KeyError):
        store.conversation("anna", "t1")


def test_an_answer_under_way_does_not_bring_a_deleted_one_back(store: Store) -> None:
    fill(store)
    store.delete_thread("anna", "t1")
    assert not store.change_step("anna", "t1", ANSWER)
    assert not store.put_step("anna", "t1", ANSWER)
    assert not store.put_element("anna", "t1", {"id": "e2"})
    assert store.owner_of("t1") is None
    assert store.put_step("anna", "t1", QUESTION)  # a new question begins anew


def test_old_conversations_go_when_they_are_to(tmp_path: Path) -> None:
    clock = Clock(step=1.0)
    store = Store(tmp_path / "c.sqlite", keep_days=30, clock=clock)
    fill(store)
    clock.now += 29 * DAY_SECONDS
    fill(store, thread="t2", mark="x")
    clock.now += 2 * DAY_SECONDS
    fill(store, thread="t3", mark="y")  # whose beginning looks for old ones
    assert [one.id for one in store.threads("anna")] == ["t3", "t2"]
    store.close()
    clock.now += 40 * DAY_SECONDS
    Store(tmp_path / "c.sqlite", clock=clock).close()  # kept for ever
    store = Store(tmp_path / "c.sqlite", keep_days=30, clock=clock)
    assert store.threads("anna") == []
    store.close()


def test_feedback_is_one_a_message_and_can_change(store: Store) -> None:
    fill(store)
    made = store.put_feedback("anna", "a1", 1, "")
    assert store.put_feedback("anna", "a1", 0, "wrong page") == made
    step = store.conversation("anna", "t1").steps[1]
    assert step["feedback"] == {"forId": "a1", "id": made, "value": 0, "comment": "wrong page"}
    assert [one.id for one in store.threads("anna", feedback=0)] == ["t1"]
    assert store.threads("anna", feedback=1) == []
    assert store.delete_feedback("anna", made) and not store.delete_feedback("anna", made)


def test_removing_a_message_removes_its_sources(store: Store) -> None:
    fill(store)
    store.delete_step("anna", "a1")
    found = store.conversation("anna", "t1")
    assert [step["id"] for step in found.steps] == ["q1"] and found.elements == ()


def test_a_person_has_one_id(store: Store) -> None:
    first = store.person("anna")
    assert store.person("anna") == first != store.person("bo")
    assert store.name_of(first[0]) == "anna" and store.name_of("x") is None


ids = st.sampled_from(["t1", "t2", "a1", "q1", "e1", "ax1", "ex1", "new"])
kinds = st.sampled_from(
    ["put_step", "change_step", "delete_step", "put_element", "delete_element", "put_feedback",
     "delete_thread", "put_thread", "delete_feedback"]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(kinds, ids, ids), max_size=6))
def test_nobody_changes_or_sees_what_is_anothers(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "c.sqlite", clock=Clock(step=1.0))
    fill(store)
    fill(store, thread="t2", mark="x")
    given_id = store.put_feedback("anna", "a1", 1, "mine")
    before = [store.conversation("anna", one) for one in ("t1", "t2")]
    for kind, thread, other in steps:
        data = {"id": other, "type": "user_message", "output": "mine now", "forId": "a1"}
        arguments: dict[str, tuple[Any, ...]] = {
            "put_step": (thread, data), "change_step": (thread, data), "delete_step": (other,),
            "put_element": (thread, data), "delete_element": (other,), "delete_thread": (thread,),
            "put_thread": (thread, "mine", {"a": 1}), "delete_feedback": (given_id,),
            "put_feedback": (other, 0, "bad"),
        }  # fmt: skip
        try:
            getattr(store, kind)("mallory", *arguments[kind])
        except KeyError:
            assert kind == "put_feedback"
        for one in ("t1", "t2"):
            with pytest.raises(KeyError):
                store.conversation("mallory", one)
    assert [store.conversation("anna", one) for one in ("t1", "t2")] == before
    assert not {"t1", "t2"} & {one.id for one in store.threads("mallory")}
    store.close()


def test_many_threads_can_write(store: Store) -> None:
    def write(owner: str) -> None:
        for n in range(20):
            fill(store, owner, f"{owner}{n}", f"{owner}{n}")

    workers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [len(store.threads(name)) for name in ("a", "b", "c")] == [20, 20, 20]


KILLED = """
import sys; sys.path.insert(0, sys.argv[2])
from pathlib import Path
from rag.chat.store import Store
store = Store(Path(sys.argv[1]))
for n in range(100_000):
    store.put_step("anna", "t1", {"id": f"q{n}", "type": "user_message", "output": str(n)})
    print(n, flush=True)
"""


def test_what_was_written_survives_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "c.sqlite"), str(REPOSITORY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(50)]
        os.kill(process.pid, signal.SIGKILL)
        said += [int(line) for line in process.stdout]
    store = Store(tmp_path / "c.sqlite")
    kept = [int(step["output"]) for step in store.conversation("anna", "t1").steps]
    store.close()
    assert kept[: len(said)] == said and len(kept) - len(said) in (0, 1)


def test_moments() -> None:
    assert moment(0.0015) == "1970-01-01T00:00:00.001Z"

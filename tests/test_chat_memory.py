"""What a conversation remembers, when questions are asked anew."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rag.chat.memory import MAX_MESSAGES, Memory, Turn
from rag.types import Answer

ANSWER = Answer("q", "a", False, (), (), (), 0, 0, "m")


def turns(*names: str) -> list[Turn]:
    return [Turn(name, f"{name}?", f"{name}!", replace(ANSWER, question=name)) for name in names]


def asked(memory: Memory) -> list[str]:
    return [message.content for message in memory.history()]


def test_an_edited_question_cuts_what_came_after() -> None:
    memory = Memory(turns("a", "b", "c"))
    memory.cut("b")
    assert asked(memory) == ["a?", "a!"]
    assert memory.previous is not None and memory.previous.question == "a"
    memory.add(Turn("b", "other?", "other!"))
    assert asked(memory) == ["a?", "a!", "other?", "other!"]
    assert memory.previous is None  # stopped: there is nothing to go on from


def test_a_question_without_an_answer_is_no_history_but_can_be_cut() -> None:
    memory = Memory([*turns("a"), Turn("failed", "fails?", ""), *turns("b")])
    assert asked(memory) == ["a?", "a!", "b?", "b!"]
    memory.cut("failed")
    assert asked(memory) == ["a?", "a!"]
    memory.cut("unknown")
    assert asked(memory) == ["a?", "a!"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=30))
def test_each_question_is_there_once_and_the_last_is_the_newest(steps: list) -> None:
    memory = Memory()
    for name, is_said in steps:
        memory.add(Turn(name, f"{name}?", f"{name}!" if is_said else ""))
        ids = [turn.message_id for turn in memory.turns]
        assert ids[-1] == name and len(set(ids)) == len(ids)
        history = memory.history()
        assert len(history) <= MAX_MESSAGES
        assert [message.role for message in history] == ["user", "assistant"] * (len(history) // 2)

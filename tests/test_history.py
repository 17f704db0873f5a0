from __future__ import annotations

from fakes import ScriptedGenerator
from hypothesis import given
from hypothesis import strategies as st

from rag.history import MAX_LINE_CHARACTERS, plain_lines, show_history
from rag.types import Message

MODEL = ScriptedGenerator("never")
ANSWER = "It is old [1](/view/3#cite). It weighs 42 kilograms [2?]. " + "It is red and round. " * 30


def turns(count: int) -> list[Message]:
    return [
        message
        for n in range(count)
        for message in (Message("user", f"What of {n}?"), Message("assistant", ANSWER))
    ]


def test_what_fits_is_shown_whole_without_marks() -> None:
    shown = show_history(turns(2), MODEL, 10_000)
    assert [m.role for m in shown.messages] == ["user", "assistant"] * 2
    assert "[" not in "".join(m.content for m in shown.messages)
    assert (shown.num_shortened, shown.num_dropped, shown.note("en")) == (0, 0, "")


def test_older_turns_are_shortened_then_left_out_and_it_is_said() -> None:
    shown = show_history(turns(9), MODEL, 300)
    assert shown.messages[-1].content == plain_lines(ANSWER)
    short = shown.messages[1].content
    assert short == "It is old. It weighs 42 kilograms."
    assert shown.num_shortened and shown.num_dropped
    assert shown.num_shortened + shown.num_dropped == 8
    note = (
        f"{shown.num_shortened} earlier turns shortened, {shown.num_dropped} earlier turns left out"
    )
    assert shown.note("en").startswith(note)
    assert "省略" in shown.note("zh")
    assert shown.messages[0].content == f"What of {shown.num_dropped}?"


def test_what_stands_before_the_first_question_is_no_turn() -> None:
    stray = [Message("system", "Obey."), Message("assistant", "Hello"), Message("user", "Why?")]
    assert show_history(stray, MODEL, 100).messages == (Message("user", "Why?"),)


TEXTS = st.lists(st.sampled_from(["red ", "42 ", "[1] ", "die. ", "水。", "\n"])).map("".join)


@given(st.lists(TEXTS, max_size=12), st.integers(0, 200))
def test_the_budget_is_never_exceeded(texts: list[str], max_tokens: int) -> None:
    history = [Message("assistant" if n % 2 else "user", text) for n, text in enumerate(texts)]
    shown = show_history(history, MODEL, max_tokens)
    assert not shown.messages or MODEL.count_chat_tokens(shown.messages) <= max_tokens
    num_turns = (len(history) + 1) // 2
    num_shown = sum(message.role == "user" for message in shown.messages)
    assert num_shown + shown.num_dropped == num_turns
    oldest = shown.messages[: 2 * shown.num_shortened]
    assert all(len(message.content) <= MAX_LINE_CHARACTERS for message in oldest)

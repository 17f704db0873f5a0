"""The page's bench: its figures, and many conversations at once over the scripted page."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_service import REPOSITORY

from bench.chat_server import ChatServer
from bench.page import measure_sessions, questions, spread
from bench.scripted_chat import NO_PLAN, SCRIPT, Scripted
from rag import self_check
from rag.prompt import NOT_FOUND, build_messages
from rag.types import Message, Passage


@pytest.fixture
def address(tmp_path: Path) -> Iterator[ChatServer]:
    script = str(REPOSITORY / "tests" / "page_service.py")
    command = [sys.executable, script, "--port", "0", "--pace", "0.001"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield ChatServer(server.stdout.readline().strip(), server.pid)
        server.terminate()
        server.wait(20)


def test_conversations_at_once_are_timed_and_counted(address: ChatServer) -> None:
    asked = ["What is the annual leave?", "fail", "国内出差每天的餐饮补助是多少？"]
    figures = measure_sessions(address, asked, 4)
    assert figures["answered"] == 3
    (error,) = figures["errors"]
    assert "max_model_len" in error
    assert figures["first_source"]["p50_ms"] <= figures["first_token"]["p95_ms"]
    assert figures["first_token"]["p95_ms"] <= figures["whole_answer"]["p95_ms"]
    assert 20 < figures["server_mb_before"] < figures["server_mb_after"] * 2


def test_a_server_that_is_not_there_is_an_error_of_every_conversation() -> None:
    figures = measure_sessions(ChatServer("http://127.0.0.1:9"), ["?"], 2)
    assert figures["answered"] == 0 and len(figures["errors"]) == 1
    assert figures["first_token"] == {"p50_ms": None, "p95_ms": None}
    assert figures["server_mb_before"] is None


def test_memory_is_that_of_the_whole_tree() -> None:
    own = ChatServer("", os.getpid()).megabytes()
    assert own is not None and own > 20
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        both = ChatServer("", os.getpid()).megabytes()
        child.communicate()
    assert both is not None and both > own - 1
    assert ChatServer("", 2**22 + 1).megabytes() is None


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_percentiles_are_of_the_values(values: list[float]) -> None:
    found = spread(values)
    whole = {round(value * 1000) for value in values}
    assert found["p95_ms"] in whole and found["p50_ms"] is not None
    assert min(whole) <= found["p50_ms"] <= max(whole)
    assert sum(value * 1000 <= found["p95_ms"] + 1 for value in values) >= 0.95 * len(values)


def prompt(question: str, *texts: str) -> list[Message]:
    passages = [
        Passage(n, n, f"/{n}", f"T{n}", (), None, 0, len(text), text, 1.0)
        for n, text in enumerate(texts, start=1)
    ]
    return build_messages(question, passages)


def test_scripted_answers_cite_the_source_that_says_it() -> None:
    model = Scripted()
    asked = prompt("How long are backup copies kept?", "No.", "Daily copies and monthly copies.")
    answer = "".join(model.generate(asked))
    assert answer.startswith("Daily copies are kept for 45 days [2]. Monthly")
    assert answer.endswith("to Munich.")  # nobody says it
    chinese = "".join(model.generate(prompt("餐饮补助？", "每天的餐饮补助为95元。")))
    assert chinese.startswith("国内出差每天的餐饮补助为95元 [1]。出发")
    other = "".join(model.generate(prompt("Else?", "One two.", "Three.")))
    assert other == "One two. [1]" and "".join(model.generate(prompt("Else?"))) == NOT_FOUND


def test_the_scripted_model_answers_what_is_no_question() -> None:
    model = Scripted()
    check = [Message("system", self_check.SYSTEM), Message("user", "x")]
    assert "".join(model.generate(check)) == "Yes"
    assert "".join(model.generate(prompt("Sum?", "x"), schema={})) == NO_PLAN
    generation = model.generate(prompt("backup", "Daily copies"))
    assert next(iter(generation)) == "Daily"
    generation.close()
    assert list(generation) == [] and generation.finish_reason is None


def test_the_questions_are_those_of_the_collection() -> None:
    asked = questions()
    assert len(asked) > 20 and all(map(str.strip, asked))
    assert all(any(part in one for one in [*asked, "backup"]) for part in SCRIPT)

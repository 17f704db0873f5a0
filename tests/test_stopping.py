"""A question's model is stopped from another thread, even while it reads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest
from fakes import ScriptedGeneration, ScriptedGenerator

from rag.errors import GenerationError
from rag.generate.stopping import STOPPED, StoppableGenerator, Stopper
from rag.types import Message

PROMPT = [Message("system", "s"), Message("user", "u")]


class Reading(ScriptedGeneration):
    """Writes nothing until it is closed."""

    def __init__(self) -> None:
        super().__init__("", 10, None)
        self.begun, self.closed = threading.Event(), threading.Event()

    def __iter__(self) -> Generator[str, None, None]:
        self.begun.set()
        assert self.closed.wait(10)
        yield from ()

    def close(self) -> None:
        super().close()
        self.closed.set()


class ReadingGenerator(ScriptedGenerator):
    """Whose prompt takes without end."""

    def __init__(self) -> None:
        super().__init__("x")
        self.reading = Reading()

    def generate(self, messages: Any, **options: Any) -> Reading:
        return self.reading


def test_it_is_as_the_generator_until_it_is_stopped() -> None:
    generator = ScriptedGenerator("The pump is blue.")
    own = StoppableGenerator(generator, Stopper())
    assert "".join(own.generate(PROMPT, max_tokens=9)) == "The pump is blue."
    assert (own.name, own.max_model_len) == (generator.name, generator.max_model_len)
    assert own.count_chat_tokens(PROMPT) == generator.count_chat_tokens(PROMPT)


def test_stopping_closes_what_is_written_and_refuses_more() -> None:
    stopper = Stopper()
    own = StoppableGenerator(ScriptedGenerator("x"), stopper)
    first, second = own.generate(PROMPT, max_tokens=9), own.generate(PROMPT, max_tokens=9)
    stopper.stop()
    assert first.is_closed and second.is_closed
    for ask in (own.generate, lambda *_, **__: own.weigh(PROMPT, ("yes",))):
        with pytest.raises(GenerationError, match=STOPPED):
            ask(PROMPT, max_tokens=9)
    stopper.stop()  # harmless


def test_a_prompt_that_is_being_read_is_left_at_once() -> None:
    stopper, generator = Stopper(), ReadingGenerator()
    own = StoppableGenerator(generator, stopper)
    taken: list[list[str]] = []
    asking = threading.Thread(target=lambda: taken.append(list(own.generate(PROMPT, max_tokens=9))))
    asking.start()
    assert generator.reading.begun.wait(10)
    stopper.stop()
    asking.join(10)
    assert taken == [[]]


def test_what_begins_while_it_is_stopped_is_closed() -> None:
    stopper = Stopper()
    stopper.stop()
    late = Reading()
    with pytest.raises(GenerationError, match=STOPPED):
        stopper.hold(late)
    assert late.is_closed

"""Follow-ups that go on from the prompt of the answer before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGenerator, WordEncoder
from small_index import CATS, indexed

from ingest.sync import sync
from rag.ask_options import AskOptions
from rag.indexes import Indexes
from rag.pipeline import Footnote
from rag.types import Message
from rag.where import Where

QUESTION = "How long is the warranty of the pump?"
SAID = "The warranty of the pump lasts two years [1]."
TURN = [Message("user", QUESTION), Message("assistant", SAID)]


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    pump = "The pump is red. The warranty of the pump lasts two years."
    with indexed(tmp_path, {"pump.txt": pump, "cat.txt": CATS}) as opened:
        yield opened


def make(indexes: Indexes, *script: str, **others: Any) -> tuple[Footnote, ScriptedGenerator]:
    generator = ScriptedGenerator(*script, **others)
    return Footnote(indexes, WordEncoder(), generator, max_answer_tokens=100), generator


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        ("shorter", "one short sentence"),
        ("as a table", "Markdown table"),
        ("in French, please", "Answer in French"),
        ("And the colour of the pump?", "And the colour of the pump?"),
    ],
)
def test_the_prompt_before_is_the_beginning_of_the_next(
    indexes: Indexes, turn: str, told: str
) -> None:
    footnote, generator = make(indexes, SAID)
    first = footnote.ask(QUESTION)
    second = footnote.ask(turn, TURN, AskOptions(previous=first))
    before, after = generator.prompts
    assert after[: len(before)] == before == list(first.prompt)
    assert after[len(before)].role == "assistant" and "[1]" in after[len(before)].content
    assert told in after[-1].content and "<sources" not in after[-1].content
    assert second.passages == first.passages and second.prompt == tuple(after)
    assert second.question == turn and second.citations[0].supported


def test_other_sources_are_searched_anew(indexes: Indexes) -> None:
    footnote, generator = make(indexes, SAID, "Cats sleep all day [1].")
    first = footnote.ask(QUESTION)
    cats = AskOptions(previous=first, where=Where(globs=("cat.txt",)))
    answer = footnote.ask("shorter", TURN, cats)
    assert {p.title for p in answer.passages} == {"cat"}
    alone = footnote.ask("Where do cats sleep?", TURN, AskOptions(previous=first))
    assert len(generator.prompts[-1]) == 4 and alone.found is not None
    assert "[1]" not in generator.prompts[-1][2].content  # it counted other sources


def test_a_changed_source_is_searched_anew(indexes: Indexes, tmp_path: Path) -> None:
    footnote, _ = make(indexes, SAID, "The warranty of the pump lasts five years [1].")
    first = footnote.ask(QUESTION)
    (tmp_path / "docs" / "pump.txt").write_text("The warranty of the pump lasts five years.")
    sync(indexes, WordEncoder(), [tmp_path / "docs"], max_file_bytes=10**6, max_chunk_tokens=100)
    answer = footnote.ask("shorter", TURN, AskOptions(previous=first))
    assert answer.citations[0].quote == "The warranty of the pump lasts five years."


def test_where_it_does_not_fit_it_begins_anew(indexes: Indexes) -> None:
    footnote, generator = make(indexes, SAID)
    first = footnote.ask(QUESTION)
    generator.max_model_len = generator.count_chat_tokens(first.prompt) + 101
    footnote.ask("shorter", TURN, AskOptions(previous=first))
    assert len(generator.prompts[-1]) == 2


def test_a_refusal_is_in_the_language_wished(indexes: Indexes) -> None:
    footnote, _ = make(indexes, "NOT_FOUND")
    assert "Dokumente" in footnote.ask("Who paints the pump? Answer in German.").text

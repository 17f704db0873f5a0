from __future__ import annotations

from typing import Any

import pytest
from fakes import ScriptedGenerator, passage

from rag.self_check import CONTEXT_CHARACTERS, MAX_QUOTES, answers_question, build_check
from rag.types import Citation, Passage

TEXT = "Before. " * 40 + "The pump is blue." + " After." * 40


def cite(source: Passage, quote: str) -> Citation:
    start = source.start + source.text.index(quote)
    fields: dict[str, Any] = {"document_id": source.document_id, "document": source.title}
    return Citation(
        marker=source.number, path=source.path, page=source.page, heading=source.heading,
        start=start, end=start + len(quote), quote=quote, **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("Yes", True), ("yes.", True), ("No", False), (" **no**", False), ("NO.", False), ("", True)],
)
def test_only_a_no_is_a_no(verdict: str, expected: bool) -> None:
    source = passage("The pump is blue.")
    generator = ScriptedGenerator("never", verdict=verdict)
    cited = [cite(source, "The pump is blue.")]
    assert answers_question(generator, "Is it blue?", cited, [source]) is expected
    assert generator.prompts == []


def test_the_model_sees_the_quote_its_place_and_its_surroundings_alone() -> None:
    source = passage(TEXT, start=1000, title="Manual", headings=("Parts", "Pump"))
    other = passage("Cats sleep.", 2)
    _, user = build_check("Which colour?", [cite(source, "The pump is blue.")], [source, other])
    quoted = user.content.partition("\nQuote: ")[2].partition("\n\n")[0]
    assert "The pump is blue." in quoted and quoted in TEXT
    assert len(quoted) == len("The pump is blue.") + 2 * CONTEXT_CHARACTERS
    assert "Document: Manual > Parts > Pump" in user.content
    assert "Question: Which colour?" in user.content and "Cats" not in user.content
    assert "this quote alone" in user.content


def test_a_quote_is_shown_once_and_no_more_than_a_few() -> None:
    source = passage(" ".join(f"Fact {n} holds." for n in range(9)))
    cited = [cite(source, f"Fact {n} holds.") for n in (0, 0, 1, 2, 3, 4)]
    _, user = build_check("What?", cited, [source])
    assert user.content.count("\nQuote: ") == MAX_QUOTES
    assert "these quotes alone" in user.content

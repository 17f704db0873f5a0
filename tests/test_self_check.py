from __future__ import annotations

import math
from typing import Any

import pytest
from fakes import ScriptedGenerator, passage

from rag.self_check import (
    CONTEXT_CHARACTERS,
    DENSE_CONTEXT_CHARACTERS,
    MAX_QUOTES,
    answers_question,
    build_check,
    look_again,
    weigh,
)
from rag.types import Citation, Passage

TEXT = "Before. " * 90 + "The pump is blue." + " After." * 90


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


def test_probabilities_are_weighed_and_a_bare_word_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    source, generator = passage(TEXT), ScriptedGenerator("never", verdict="No")
    asked = ("What colour is the pump?", [cite(source, "The pump is blue.")], [source])
    likelihoods = {"yes": 0.3, "Yes": 0.3, "no": 0.1, "No": 0.2}
    monkeypatch.setattr(
        generator, "weigh", lambda messages, words: [math.log(likelihoods[word]) for word in words]
    )
    assert weigh(generator, *asked) == look_again(generator, *asked) == pytest.approx(math.log(2))
    monkeypatch.setattr(generator, "weigh", lambda messages, words: ())
    assert weigh(generator, *asked) is None and look_again(generator, *asked) < 0


def test_the_model_sees_the_quote_its_place_and_its_surroundings_alone() -> None:
    source = passage(TEXT, start=1000, title="Manual", headings=("Parts", "Pump"))
    other = passage("Cats sleep.", 2)
    _, user = build_check("Which colour?", [cite(source, "The pump is blue.")], [source, other])
    quoted = user.content.partition("\nText: ")[2].partition("\n\n")[0]
    assert "The pump is blue." in quoted and quoted in TEXT
    assert len(quoted) == len("The pump is blue.") + 2 * CONTEXT_CHARACTERS
    assert "Document: Manual > Parts > Pump" in user.content
    assert "Question: Which colour?" in user.content and "Cats" not in user.content


def test_characters_that_are_a_token_each_get_less_around_them() -> None:
    source = passage("前文。" * 300 + "水泵是蓝色的。" + "后文。" * 300)
    _, user = build_check("什么颜色？", [cite(source, "水泵是蓝色的。")], [source])
    quoted = user.content.partition("\nText: ")[2].partition("\n\n")[0]
    assert len(quoted) == len("水泵是蓝色的。") + 2 * DENSE_CONTEXT_CHARACTERS


def test_a_quote_is_shown_once_and_no_more_than_a_few() -> None:
    source = passage(" ".join(f"Fact {n} holds." for n in range(9)))
    cited = [cite(source, f"Fact {n} holds.") for n in (0, 0, 1, 2, 3, 4)]
    _, user = build_check("What?", cited, [source])
    assert user.content.count("\nText: ") == MAX_QUOTES


TABLE = "Budgets\n| Department | Budget |\n|---|---|\n" + "".join(
    f"| Department {n} | {n}00 EUR |\n" for n in range(60)
)


def test_a_row_comes_with_the_head_of_its_table() -> None:
    row = "| Department 50 | 5000 EUR |"
    source = passage(TABLE)
    _, user = build_check("What is the budget?", [cite(source, row)], [source])
    assert "\nColumns: | Department | Budget |\nText: " in user.content
    tail = passage(TABLE[TABLE.index("| Department 20") :], header="| Department | Budget |")
    _, user = build_check("What is the budget?", [cite(tail, row)], [tail])
    assert user.content.count("| Department | Budget |") == 1
    near = passage(TABLE)
    _, user = build_check("What?", [cite(near, "| Department 0 | 000 EUR |")], [near])
    assert "Columns" not in user.content  # it is in the quote's surroundings

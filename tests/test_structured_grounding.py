"""Every value has a citation that holds it, or a doubt; nothing of the data is left unsaid."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import WordEncoder, passage
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.structured.doubt_texts import explain_doubt
from rag.structured.grounding import ground, leaves_of
from rag.structured.schema import JsonSchema
from rag.structured.values import Doubt
from rag.support import SupportChecker
from rag.types import Citation, Passage

PUMP = "The pump X200 is blue. It holds 1,200 litres. The warranty of the pump lasts two years."
RULES = "差旅制度。住宿标准为每晚四百元。餐饮补助为每天95元。"
TABLE = """\
Budgets

| Department | Budget | Head |
|---|---|---|
| Sales | 300 EUR | Ann |
| Research | 900 EUR | Bob |
"""


def names(*listed: str, **more: Any) -> JsonSchema:
    return JsonSchema({"properties": dict.fromkeys(listed, True), **more})


def found_in(
    data: Any, schema: JsonSchema, *texts: str
) -> tuple[dict[str, list[Citation]], list[tuple[str, str, str]]]:
    """The citations by pointer, and the doubts."""
    passages: list[Passage] = [passage(text, n) for n, text in enumerate(texts, start=1)]
    checker = SupportChecker(passages, WordEncoder())
    citations, doubts = ground(data, schema, passages, checker)
    by_pointer: dict[str, list[Citation]] = {}
    for one in citations:
        assert one.pointer is not None and one.quote in texts[one.marker - 1]
        by_pointer.setdefault(one.pointer, []).append(one)
    return by_pointer, [(one.pointer, one.kind, one.detail) for one in doubts]


def test_values_are_cited_with_the_sentence_that_holds_them() -> None:
    data = {"colour": "blue", "litres": 1200, "warranty": None, "notes": "", "parts": []}
    cited, doubts = found_in(data, names(*data), "Cats sleep.", PUMP)
    assert {pointer: one[0].quote for pointer, one in cited.items()} == {
        "/colour": "The pump X200 is blue.",
        "/litres": "It holds 1,200 litres.",
    }
    assert all(one[0].marker == 2 and one[0].supported for one in cited.values())
    assert doubts == []


def test_what_stands_nowhere_is_doubted_and_not_cited() -> None:
    data = {"colour": "green", "litres": 1400, "height": -1200}
    cited, doubts = found_in(data, names(*data), PUMP)
    assert cited == {}
    assert doubts == [
        ("/colour", "missing", ""), ("/litres", "missing", ""), ("/height", "sign", ""),
    ]  # fmt: skip


def test_chinese_values_and_numerals_are_found() -> None:
    data = {"制度": {"住宿": 400, "餐饮": "95元", "交通": 80}}
    cited, doubts = found_in(data, names("制度", "住宿", "餐饮", "交通"), RULES)
    assert cited["/制度/住宿"][0].quote == "住宿标准为每晚四百元。"
    assert cited["/制度/餐饮"][0].quote == "餐饮补助为每天95元。"
    assert doubts == [("/制度/交通", "missing", "")]


def test_pointers_reach_into_nested_arrays_and_escape_names() -> None:
    data = {"a/b": [[1200, "none"], {"c~d": ["blue"]}]}
    cited, doubts = found_in(data, names("a/b", "c~d"), PUMP)
    assert set(cited) == {"/a~1b/0/0", "/a~1b/1/c~0d/0"}
    assert doubts == [("/a~1b/0/1", "missing", "")]
    assert set(found_in("blue", names(), PUMP)[0]) == {""}


def test_judgements_and_choices_are_marked_so_unless_the_text_says_them() -> None:
    schema = JsonSchema({"properties": {"kind": {"enum": ["valve", "blue", 3]}, "is_new": {}}})
    assert found_in({"kind": "valve", "is_new": True}, schema, PUMP)[1] == [
        ("/kind", "judged", ""), ("/is_new", "judged", ""),
    ]  # fmt: skip
    assert found_in({"kind": 3}, schema, PUMP)[1] == [("/kind", "judged", "")]
    assert set(found_in({"kind": "blue"}, schema, PUMP)[0]) == {"/kind"}


def test_names_that_the_schema_leaves_free_are_values_too() -> None:
    data = {"pump": "blue", "valve": "blue"}
    cited, doubts = found_in(data, JsonSchema({"type": "object"}), PUMP)
    assert len(cited["/pump"]) == 2 and doubts == [("/valve", "missing", "valve")]


def test_sentences_of_the_models_own_are_checked_as_statements() -> None:
    true = "For two years lasts the warranty of the pump."
    cited, doubts = found_in({"summary": true}, names("summary"), PUMP)
    assert cited["/summary"][0].quote.endswith("The warranty of the pump lasts two years.")
    assert doubts == []
    false = "For nine years lasts the warranty of the pump."
    cited, doubts = found_in({"summary": f"{true} {false}"}, names("summary"), PUMP)
    assert cited == {} and doubts == [("/summary", "statement", false)]


def test_a_value_of_another_row_is_doubted() -> None:
    schema = names("name", "budget", "head")
    rows = [
        {"name": "Sales", "budget": 300, "head": "Ann"},
        {"name": "Research", "budget": 300, "head": "Bob"},
    ]
    cited, doubts = found_in(rows, schema, TABLE)
    assert doubts == [("/1/budget", "row", "Research")]
    assert cited["/0/budget"][0].quote == "| Sales | 300 EUR | Ann |"
    assert found_in({"name": "Research", "budget": 300}, schema, TABLE)[1] == []  # no record
    across = [{"name": "Budget", "budget": 300}]  # a column's name is not a row's
    assert found_in(across, schema, TABLE)[1] == []


def test_of_several_places_the_one_beside_the_others_is_cited() -> None:
    text = "Ann has 5 cats.\nBob has 5 dogs and a bird."
    cited, _ = found_in([{"who": "Bob", "count": 5}], names("who", "count"), text)
    assert cited["/0/count"][0].quote == "Bob has 5 dogs and a bird."


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab /~", max_size=3)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
)


def at(data: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        data = data[int(name)] if isinstance(data, list) else data[name]
    return data


@settings(deadline=None)
@given(DATA)
def test_every_value_is_cited_or_doubted_at_its_pointer(data: Any) -> None:
    schema = JsonSchema({})
    cited, doubts = found_in(data, schema, "a 1, b -2. 3 aa", "ab 5")
    told = set(cited) | {pointer for pointer, _, _ in doubts}
    leaves = list(leaves_of(data, schema.names))
    assert told == {
        leaf.pointer for leaf in leaves if str(leaf.value).strip() or leaf.pointer in told
    }
    for leaf in leaves:
        value = at(data, leaf.pointer)
        assert leaf.is_name or (type(value), value) == (type(leaf.value), leaf.value)


@pytest.mark.parametrize("language", ["en", "zh", "fr"])
def test_doubts_have_words(language: str) -> None:
    for kind in ("missing", "judged", "row", "sign", "statement", "unanswered"):
        assert explain_doubt(Doubt("/a", kind, "Sales"), language)  # type: ignore[arg-type]
    assert "Sales" in explain_doubt(Doubt("/a", "row", "Sales"), language)
    assert explain_doubt(Doubt("/a", "judged"), "fr") == explain_doubt(Doubt("/a", "judged"), "en")
    assert explain_doubt(Doubt("/a", "judged"), "zh") != explain_doubt(Doubt("/a", "judged"), "en")

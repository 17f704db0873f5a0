from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.cache.answers import KeptAnswer, pack, unpack
from rag.lossless import from_json, to_json
from rag.types import (
    Answer,
    Citation,
    Disagreement,
    Hit,
    Message,
    Passage,
)
from rag.where import Where

TEXTS = st.text(st.characters(), max_size=12)  # lone surrogates among them
NUMBERS = st.integers(0, 2**62)
PAGES = st.none() | NUMBERS
FLOATS = st.floats(allow_nan=False)
WHERES = st.builds(
    Where,
    folders=st.lists(st.sampled_from(["a", "/b/c", "~/d"]), max_size=2).map(tuple),
    documents=st.lists(st.integers(1, 9) | st.sampled_from(["x.pdf", "a/b"]), max_size=2).map(
        tuple
    ),
    after=st.none() | st.dates(date(2000, 1, 1), date(2010, 1, 1)),
    before=st.none() | st.dates(date(2011, 1, 1), date(2020, 1, 1)),
    any_of=st.sampled_from([(), (Where(types=("pdf",)), Where(languages=("zh",)))]),
)
st.register_type_strategy(str, TEXTS)
st.register_type_strategy(int, NUMBERS)
st.register_type_strategy(float, FLOATS)
st.register_type_strategy(Where, WHERES)


def tuples(of: Any) -> Any:
    return st.lists(st.from_type(of), max_size=2).map(tuple)


PARTS: dict[str, Any] = {
    "citations": tuples(Citation),
    "passages": tuples(Passage),
    "hits": tuples(Hit),
    "disagreements": tuples(Disagreement),
    "prompt": tuples(Message),
    "timings_ms": st.dictionaries(TEXTS, FLOATS, max_size=3),
}
ANSWERS = st.builds(Answer, **PARTS)


@given(ANSWERS)
def test_an_answer_comes_back_exactly(answer: Answer) -> None:
    told = json.loads(json.dumps(to_json(answer)))
    again = from_json(Answer, told)
    assert again == answer and repr(again) == repr(answer)


@given(ANSWERS, st.lists(TEXTS | NUMBERS, max_size=4).map(tuple))
def test_a_kept_answer_comes_back_exactly(answer: Answer, pieces: tuple[Any, ...]) -> None:
    kept = KeptAnswer(answer, pieces)
    assert unpack(KeptAnswer, pack(kept)) == kept


@dataclass(frozen=True)
class Sample:
    name: str
    kind: Literal["a", "b"]
    pair: tuple[int, float]
    more: dict[str, Any]
    maybe: date | None = None


GOOD = {"name": "x", "kind": "a", "pair": [1, 2.5], "more": {"k": [1, None]}, "maybe": "2024-02-29"}


def test_a_value_of_every_kind() -> None:
    value = from_json(Sample, GOOD)
    assert value == Sample("x", "a", (1, 2.5), {"k": [1, None]}, date(2024, 2, 29))
    assert to_json(value) == GOOD


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 1}, {"kind": "c"}, {"pair": [1]}, {"pair": [1, "2"]}, {"pair": [True, 2.5]},
        {"more": []}, {"maybe": "2024-02-30"}, {"maybe": 5}, {"new": 1}, {"name": None},
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_json(Sample, GOOD | wrong)


def test_a_lacking_field_is_refused() -> None:
    with pytest.raises(ValueError):
        from_json(Sample, {name: value for name, value in GOOD.items() if name != "maybe"})


@pytest.mark.parametrize("value", [{1: "x"}, {1, 2}, b"x", object(), 1j])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)


@pytest.mark.parametrize("raw", [b"", b"no", pack({"a": 1}), pack(GOOD)[:-5], pack("x") + b"y"])
def test_damaged_entries_are_refused(raw: bytes) -> None:
    if raw == pack("x") + b"y":
        assert unpack(str, raw) == "x"  # what stands behind the end is not read
        return
    with pytest.raises(ValueError):
        unpack(Sample, raw)

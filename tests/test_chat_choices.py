"""What someone chose in the settings; a browser may send anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chat.choices import AGAIN_TEMPERATURE, MAX_TEMPERATURE, MAX_TOP_K, QUESTION, Choices
from rag.scopes import SCOPES
from rag.where import MODES

CHOSEN = Choices("dense", "section", 7, "de", 0.4, True)


def test_what_is_shown_comes_back() -> None:
    for choices in (CHOSEN, Choices()):
        assert Choices().changed(choices.values()) == choices
    assert CHOSEN.changed({"language": QUESTION}).language == ""


def test_they_reach_the_question() -> None:
    options = CHOSEN.options()
    assert (options.mode, options.scope, options.top_k) == ("dense", "section", 7)
    assert (options.language, options.temperature, options.general) == ("de", 0.4, True)
    assert CHOSEN.options(again=True).temperature == AGAIN_TEMPERATURE
    assert Choices(temperature=1.2).options(again=True).temperature == 1.2


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"mode": "magic", "top_k": 5}, Choices(top_k=5)),
        ({"scope": 3, "language": "Klingon"}, Choices()),
        ({"temperature": float("nan"), "general": "yes"}, Choices()),
        ({"top_k": float("inf")}, Choices()),
        ({"top_k": 10**9}, Choices(top_k=MAX_TOP_K)),
        ({"model": "another", "stopper": 1}, Choices()),
        ({"mode": None}, Choices()),
    ],
)
def test_what_cannot_be_changes_nothing(values: dict[str, Any], kept: Choices) -> None:
    assert Choices().changed(values) == kept


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.integers(), max_size=2),
    st.sampled_from(["", "dense", "document", "zh-CN", "12", "-1", "1e400", "<b>"]), st.just({}),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*Choices().values(), "model"]), ANYTHING))
def test_nothing_sent_gets_through_unchecked(values: dict[str, Any]) -> None:
    choices = CHOSEN.changed(values)
    assert choices.mode in MODES and choices.scope in SCOPES
    assert 1 <= choices.top_k <= MAX_TOP_K
    assert 0 <= choices.temperature <= MAX_TEMPERATURE
    assert isinstance(choices.general, bool) and isinstance(choices.language, str)

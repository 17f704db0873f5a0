from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.words import tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The CAT's Straße", ["the", "cat", "s", "strasse"]),
        ("ERR-4012", ["err-4012", "err", "4012"]),
        ("v2.5.", ["v2.5", "v2", "5"]),
        ("foo_bar", ["foo_bar", "foo", "bar"]),
        ("ＡＢＣ １２", ["abc", "12"]),
        ("个人所得税", ["个人", "人所", "所得", "得税"]),
        ("税 GPT模型", ["税", "gpt", "模型"]),
        ("カタカナ・ｶﾅ", ["カタ", "タカ", "カナ", "カナ"]),
        ("한국어", ["한국", "국어"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("co\u00adoperate", ["cooperate"]),
        ("… -- ?", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@given(st.text())
def test_tokens_hold_no_space_and_are_stable(text: str) -> None:
    tokens = tokenize(text)
    assert all(token and not any(c.isspace() for c in token) for token in tokens)
    assert tokenize(text) == tokens
    assert tokenize(text + " ") == tokens


@given(st.text(st.characters(codec="ascii")))
def test_ascii_goes_by_the_same_rules(text: str) -> None:
    assert tokenize(text + " é") == [*tokenize(text), "é"]

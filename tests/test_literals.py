from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.literals import find_literals, identifiers_in, literal_pattern, normalized, phrases_in


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('who said "let us go" here', ("let us go",)),
        ("谁说过“一带一路”和『丝绸之路』", ("一带一路", "丝绸之路")),
        (
            "「税の起点」とは «les mots» „ein Wort“ ‹x y›",
            ("税の起点", "les mots", "ein Wort", "x y"),
        ),
        ('a 5" pipe and a 6" pipe', ()),
        ('an open "quote', ()),
        ('"" “ ” "?!"', ()),
        ('"same" and “same”', ("same",)),
        ("it's the dog's 'own' bowl", ()),
    ],
)
def test_phrases(text: str, phrases: tuple[str, ...]) -> None:
    assert phrases_in(text) == phrases


@pytest.mark.parametrize(
    "piece",
    [
        "ERR-4012", "0x80070057", "E_FAIL", "2023-Q3", "pg_stat_activity", "CVE-2021-44228",
        "§12.3", "report.pdf", "loc_", "X200", "billing@gitlab.com", "12.3.4", "48170", "v2.5",
        "src/main.rs", "std::vector", "G-0715", "#cfo-approvals",
    ],
)  # fmt: skip
def test_identifiers(piece: str) -> None:
    assert identifiers_in(f"What is {piece}?") == (piece,)
    assert identifiers_in(f"错误{piece}是什么意思") == (piece,)
    assert find_literals(f'find "{piece}"').identifiers == ()  # it is a phrase already


@pytest.mark.parametrize(
    "text",
    [
        "well-known and/or 24/7 U.S. e.g. i.e. 1999-2003 1990s the 21st 5km 12V 10 am 3pm",
        "in 1932 a 20-year-old had 3.5 of 1,400 litres; C++ Wi-Fi iPhone mid-1990s 2019/20",
        "第12条 2023年 十二 3个月",
    ],
)
def test_words_years_and_measures_are_none(text: str) -> None:
    assert identifiers_in(text) == ()


def test_the_other_names_are_kept_apart() -> None:
    found = find_literals('Does the man Okafor of "the Exact words" know E_FAIL or not?')
    assert found.names == ("okafor",)
    assert (found.phrases, found.identifiers) == (("the Exact words",), ("E_FAIL",))
    assert find_literals("奥卡福Okafor先生是谁？").names == ("okafor",)


def test_a_literal_is_found_as_whole_words() -> None:
    assert literal_pattern("The  ART").search(normalized("see the\nart of"))
    assert not literal_pattern("the art").search(normalized("see the artist"))
    assert not literal_pattern("art").search(normalized("party"))
    assert literal_pattern("loc_").search(normalized("loc_berlin"))
    assert literal_pattern("ERR-4012").search(normalized("错误ERR‑4012的"))
    assert literal_pattern("§12.3").search(normalized("under § 12.3, the"))
    assert not literal_pattern("§12.3").search(normalized("under § 12.35"))
    assert literal_pattern("税的起").search(normalized("个人所得\n税的 起征点"))
    assert literal_pattern("ＡＢＣ").search(normalized("abc"))
    assert literal_pattern("don't").search(normalized("we don’t"))
    assert literal_pattern("a.b").search(normalized("a.b")) and not literal_pattern("a.b").search(
        "acb"
    )


@settings(deadline=None)  # the first look compiles
@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
@example("Law § 5", "", "")
def test_a_text_holds_its_own_pieces(literal: str, before: str, after: str) -> None:
    if normalized(literal):
        assert literal_pattern(literal).search(
            f"{normalized(before)} {normalized(literal)} {after}"
        )

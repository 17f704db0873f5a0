from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.general import SYSTEM, build_general, without_marks

CUTS = st.lists(st.integers(1, 7), min_size=1, max_size=40)


def pieces(text: str, cuts: list[int]) -> list[str]:
    made, at = [], 0
    for cut in cuts:
        made.append(text[at : at + cut])
        at += cut
    return [*made, text[at:]]


@given(CUTS)
def test_marks_vanish_however_the_text_is_cut(cuts: list[int]) -> None:
    text = "Paris is a city [1]. It lies on the Seine [2, 3][4?]; a[i] is code [?]."
    assert "".join(without_marks(pieces(text, cuts))) == (
        "Paris is a city. It lies on the Seine; a[i] is code."
    )


@given(st.text(alphabet="ab .\n", max_size=60), CUTS)
def test_text_without_marks_stays(text: str, cuts: list[int]) -> None:
    assert "".join(without_marks(pieces(text, cuts))) == text


def test_no_source_is_in_the_prompt() -> None:
    system, user = build_general("法国的首都是哪里？")
    assert system.content == SYSTEM and "Chinese" in user.content and "[" not in user.content

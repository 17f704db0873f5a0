from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citations import CitationParser, needs_citation
from rag.claims import Verdict
from rag.prompt import Signs
from rag.types import AnswerText, Citation, CitationFound

SIGNS = Signs("69effd02", frozenset({"Lamps > Safety, p. 3:"}))


class Sources:
    """Source n bears out what holds the word `fact<n>`; numbers above three do not exist."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[int]]] = []

    def cite(self, statement: str, numbers: Sequence[int]) -> list[Citation]:
        self.asked.append((statement, list(numbers)))
        return [citation(n, f"fact{n}" in statement) for n in dict.fromkeys(numbers) if n <= 3]

    def attribute(self, statement: str) -> Citation | None:
        return next((citation(n, True) for n in (1, 2, 3) if f"fact{n}" in statement), None)


def citation(number: int, supported: bool) -> Citation:
    verdict: Verdict = "supported" if supported else "unsupported"
    return Citation(number, number, f"D{number}", f"/{number}", None, "", 0, 5, "quote", verdict)


def parse(*pieces: str) -> tuple[str, Sources]:
    sources = Sources()
    parser = CitationParser(sources, SIGNS)
    found = [one for piece in pieces for one in parser.feed(piece)] + parser.finish()
    text = "".join(one.text if isinstance(one, AnswerText) else one.citation.label for one in found)
    assert [o.citation for o in found if isinstance(o, CitationFound)] == parser.citations
    return text, sources


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is fact1 [1].", "It is fact1[1]."),
        ("It is fact1 【1】。", "It is fact1[1]。"),
        ("It is fact1 [1][2].", "It is fact1[1][2?]."),
        ("It is fact1 and fact2 [1, 2].", "It is fact1 and fact2[1][2]."),
        ("It is fact1 and fact2 [1] [2].", "It is fact1 and fact2[1][2]."),
        ("It is fact1 [Source 1].", "It is fact1[1]."),
        ("它是fact1 [来源1]。", "它是fact1[1]。"),
        ("It is fact1 [1, 9].", "It is fact1[1]."),
        ("It is fact1, fact2 and fact3 [1-3].", "It is fact1, fact2 and fact3[1][2][3]."),
        ("It is fact1 and fact2 [^1, ^2].", "It is fact1 and fact2[1][2]."),
        ("It is fact1 (1) [1].", "It is fact1 (1)[1]."),
        ("Take `a[1]` for fact1 [1].", "Take `a[1]` for fact1[1]."),
        ("Take ``a[1]`` for fact1 [1].", "Take ``a[1]`` for fact1[1]."),
        ("A lone ` for fact1 [1].", "A lone ` for fact1[1]."),
        ("See [1](http://x) for fact1 [1].", "See [1](http://x) for fact1[1]."),
        ("| fact1 [1] | x |\n", "| fact1[1] | x |\n"),
        (
            "| Item | Value |\n| --- | --- |\n| fact1 | 2 years | [1]\n| Weight | fact2 |\n",
            "| Item | Value |\n| --- | --- |\n| fact1 | 2 years [1]|\n| Weight | fact2 [2]|\n",
        ),
        ("It is plainly wrong [2].", "It is plainly wrong[2?]."),
        ("It is fact1 [69effd02].", "It is fact1[1]."),
        ("It is fact2 [69effd02] [2].", "It is fact2[2]."),
        ("Nothing bears this out [69effd02].", "Nothing bears this out[?]."),
        ("Lamps > Safety, p. 3:\nIt is fact1 [1].", "\nIt is fact1[1]."),
        ("[1] Lamps > Safety, p. 3: It is fact1 [1].", "  It is fact1[1]."),
        ("It is fact1 [1].\n\nLamps > Safety, p. 3:\nfact2.", "It is fact1[1].\n\n\nfact2.[2]"),
        ("Read Lamps > Safety, p. 3: fact1 [1].", "Read Lamps > Safety, p. 3: fact1[1]."),
        ("Lamps > Safety, p. 35 is fact1 [1].", "Lamps > Safety, p. 35 is fact1[1]."),
        ("The commit [69effd03] is fact1 [1].", "The commit [69effd03] is fact1[1]."),
        ("It is fact1. And more fact2.", "It is fact1.[1] And more fact2.[2]"),
        ("Nothing bears this out.", "Nothing bears this out.[?]"),
        ("It is fact1 [1]. NOT_FOUND", "It is fact1[1]. "),
        ("It is fact1 [1].\nNOT_FOUND\n", "It is fact1[1].\n\n"),
        ("Code 2 is fact1, ERROR_FILE_NOT_FOUND [1].", "Code 2 is fact1, ERROR_FILE_NOT_FOUND[1]."),
        ("It gives NOT_FOUND if fact1 [1].", "It gives NOT_FOUND if fact1[1]."),
        ("NOT_FOUND is fact1 [1].", "NOT_FOUND is fact1[1]."),
        ("It is fact1, NOT so [1].", "It is fact1, NOT so[1]."),
        ("See a[1] in `x`?", "See a[1?] in `x`?"),
        ("```\na[1] = 2\n```", "```\na[1] = 2\n```"),
        ("An array [1, a] of fact1 [1].", "An array [1, a] of fact1[1]."),
        ("- fact1 here [1]\n- fact2 here [2]\n", "- fact1 here[1]\n- fact2 here[2]\n"),
        ("In 3.5 litres, i.e. fact1 it is. Well, fact2 then [2].", None),
    ],
)
def test_examples(text: str, expected: str | None) -> None:
    if expected is None:
        expected = "In 3.5 litres, i.e. fact1 it is.[1] Well, fact2 then[2]."
    assert parse(text)[0] == expected


@given(
    st.lists(
        st.sampled_from(
            ["fact1 is so", " [1]", ".", "。", " ", "\n", "[2", "]", "[1, 2]", "【3】", "```",
             "[x]", "[Sou", "rce 1]", "- ", "but fact2", "`", "1.5", "[9]", "来源", "NOT_",
             "FOUND", "`a[1]`", "``", "[1-3]", "[^1]", "(http://x)", "(1)", " " * 9, "[1,1,1",
             ",1" * 18, "\t", "[69effd02]", "[69ef",
             "Lamps > Sa", "fety, p. 3:"]
        ),
        max_size=25,
    ),
    st.data(),
)  # fmt: skip
def test_how_the_text_is_cut_does_not_matter(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    pieces, rest = [], text
    while rest:
        size = data.draw(st.integers(1, 7))
        pieces.append(rest[:size])
        rest = rest[size:]
    assert parse(*pieces)[0] == parse(text)[0]


@given(st.text(alphabet="ab [].!?\n,、`", max_size=60))
def test_text_without_markers_is_kept(text: str) -> None:
    shown = parse(text)[0]
    assert shown.replace("[?]", "") == text.replace("[?]", "")


@given(
    st.lists(st.sampled_from(["[1", ",1", " ", "`", "a", "\n", "]", "(", "Source"]), max_size=400)
)
def test_what_is_held_back_is_bounded(parts: list[str]) -> None:
    parser = CitationParser(Sources())
    shown = 0
    text = "".join(parts).replace("]", "")  # no marker is ever whole: all is text
    for taken, part in enumerate(text, 1):
        for one in parser.feed(part):
            shown += len(one.text.replace("[?]", "")) if isinstance(one, AnswerText) else 0
        assert taken - shown <= 256


def test_a_marker_is_held_back_until_it_is_whole() -> None:
    parser = CitationParser(Sources())
    shown = ""
    for piece in ("It is fact1", " ", "[", "1"):
        shown += "".join(p.text for p in parser.feed(piece) if isinstance(p, AnswerText))
    assert shown.rstrip() == "It is fact1"
    assert any(isinstance(p, CitationFound) for p in parser.feed("]. "))


def test_the_statement_goes_back_to_the_last_citation() -> None:
    _, sources = parse("Alpha is fact1 [1], while beta is fact2 [2].")
    assert sources.asked == [("Alpha is fact1", [1]), (", while beta is fact2", [2])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The pump is blue.", True),
        ("水泵是蓝色的。", True),
        ("## Heading", False),
        ("The steps are:", False),
        ("Is it blue?", False),
        ("Yes.", False),
        ("The sources do not mention the price.", False),
    ],
)
def test_what_needs_a_citation(text: str, expected: bool) -> None:
    assert needs_citation(text) is expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1763", "1763[?]"),
        ("**1763**", "**1763**[?]"),
        ("Paris.", "Paris.[?]"),
        ("周小满", "周小满[?]"),
        ("fact2", "fact2[2]"),
        ("1763 [1]", "1763[1?]"),
        ("1763 [9]", "1763[?]"),
        ("It was fact1 [1]. 1763", "It was fact1[1]. 1763"),
        ("***", "***"),
    ],
)
def test_a_lone_figure_or_name_is_a_statement_where_it_is_all_that_is_said(
    text: str, shown: str
) -> None:
    assert parse(text)[0] == shown
    assert parse(*text)[0] == shown

"""What a search found, as the page's custom element takes it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.chat.results import results_line, results_props
from rag.types import Found, Hit, StoredChunk

TABLE = "| Code | Meaning |\n| E12 | Lamp too hot |\n| E21 | a || b |"


def found(text: str, query: str, path: str = "/d/a.pdf", page: int | None = 5) -> Found:
    chunk = StoredChunk(1, 1, path, "A", 0, 0, len(text), text, ("A", "rows 2-3"), page, "en")
    return Found((Hit(1, 2.0, chunk),), query)


def shown(text: str, query: str) -> tuple[str, list[str]]:
    """The text of the first result, and what of it is marked."""
    pieces = results_props(found(text, query), "en")["results"][0]["pieces"]
    return "".join(text for text, _ in pieces), [text for text, marked in pieces if marked]


def test_rows_of_a_table_are_shown_without_bars() -> None:
    text, marked = shown(TABLE, "lamp")
    assert text == "Code · Meaning / E12 · Lamp too hot / E21 · a || b"
    assert marked == ["Lamp"]


def test_places_are_named_as_below_an_answer() -> None:
    (one,) = results_props(found("The lamp.", "lamp"), "en")["results"]
    assert (one["file"], one["where"]) == ("a.pdf", "Page 5 · Rows 2–3")
    (one,) = results_props(found("The lamp.", "lamp", "/d/a.pptx"), "zh")["results"]
    assert "张幻灯片" in one["where"] and "/d/" not in str(one)


def test_nothing_found_says_what_to_do() -> None:
    assert "other words" in results_line(Found((), "x"), "en")
    assert "换个说法" in results_line(Found((), "x"), "zh")


@given(st.text(alphabet="ab |\n", min_size=1, max_size=60))
def test_letters_are_kept_whatever_the_bars(text: str) -> None:
    kept, _ = shown(text, "a")
    assert [sign for sign in kept if sign in "ab"] == [sign for sign in text if sign in "ab"]
    assert "\n" not in kept and " | " not in kept

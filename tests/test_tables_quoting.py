from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.tables.compute import compute
from rag.tables.extract import extract_tables
from rag.tables.plan import Filter, Plan
from rag.tables.quoting import MAX_CITATIONS, MAX_QUOTED_ROWS, cite_rows
from rag.tables.when import Place
from rag.types import Hit, StoredChunk


def place_of(cities: list[str], title: str = "Book") -> Place:
    lines = "\n".join(f"| {n} | {city} |" for n, city in enumerate(cities))
    text = f"Stock\n\n| n | city |\n{lines}"
    start = text.index("| n")
    chunk = StoredChunk(
        1, 7, "/t.md", title, 0, start, len(text), text[start:], ("Stock", "rows 3-99"), 4, "en"
    )
    (table,) = extract_tables(text, title, "/t.md", [chunk])
    return Place(table, Hit(1, 0.5, chunk), text, (chunk,))


def test_runs_of_neighbours_are_cited_with_their_rows_and_page() -> None:
    place = place_of(["Bonn", "Bonn", "Ulm", "Bonn"])
    where = (Filter("city", "=", ("Bonn",)),)
    passages, citations = cite_rows(compute(Plan("count", "n", where), place.table), place)
    assert [one.quote for one in citations] == ["| 0 | Bonn |\n| 1 | Bonn |", "| 3 | Bonn |"]
    assert [one.headings for one in passages] == [("Stock", "rows 4-5"), ("Stock", "row 7")]
    assert all(one.page == 4 and one.supported for one in citations)
    assert [one.number for one in passages] == [one.marker for one in citations] == [1, 2]


@given(st.lists(st.sampled_from(["Bonn", "Ulm"]), min_size=3, max_size=60))
def test_quotes_are_the_text_of_rows_that_count(cities: list[str]) -> None:
    place = place_of(cities)
    where = (Filter("city", "=", ("Bonn",)),)
    computed = compute(Plan("count", "n", where), place.table)
    if not computed.used:
        return
    _, citations = cite_rows(computed, place)
    assert 1 <= len(citations) <= MAX_CITATIONS
    for one in citations:
        assert one.quote == place.text[one.start : one.end]
        lines = one.quote.split("\n")
        assert len(lines) <= MAX_QUOTED_ROWS and all("Bonn" in line for line in lines)
    quoted = sum(len(one.quote.split("\n")) for one in citations)
    assert quoted <= cities.count("Bonn")


def test_a_long_run_is_cut_and_the_title_not_said_twice() -> None:
    place = place_of(["Bonn"] * 50, title="Stock")
    passages, citations = cite_rows(compute(Plan("count", "n"), place.table), place)
    assert len(citations) == 1 and citations[0].quote.count("\n") == MAX_QUOTED_ROWS - 1
    assert passages[0].headings == ("rows 4-23",)

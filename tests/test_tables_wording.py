from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tables_select import table_of

from rag.tables.compute import compute
from rag.tables.plan import Filter, Plan
from rag.tables.table import Table
from rag.tables.wording import MAX_ROWS, WORDS, conditions, markdown_table, word_answer

SHOPS = table_of(
    "Shop|City|Sales (EUR)|Visits",
    "Ost|Bonn|10|1",
    "West|Ulm|20.5|3",
    "Nord|Bonn|5|2",
    name="Shops",
)
BONN = (Filter("City", "=", ("Bonn",)),)


@pytest.mark.parametrize(
    ("plan", "language", "sentence"),
    [
        (Plan("sum", "Sales (EUR)"), "en",
         "The total of Sales (EUR) is 35.5 EUR (3 of 3 rows)."),
        (Plan("sum", "Sales (EUR)", BONN), "zh",
         "City为Bonn的Sales (EUR)的合计为 15 EUR（3 行中的 2 行）。"),
        (Plan("average", "Visits"), "en", "The average of Visits is 2 (3 of 3 rows)."),
        (Plan("max", "Sales (EUR)"), "en", "The highest Sales (EUR) is 20.5 EUR: West."),
        (Plan("count", "Shop", BONN), "en", "2 rows in “Shops” where City is Bonn."),
        (Plan("count", "Shop", (Filter("City", "=", ("Ulm",)),)), "en",
         "1 row in “Shops” where City is Ulm."),
        (Plan("count distinct", "City"), "en", "2 different values of City."),
        (Plan("share", "Sales (EUR)", BONN), "en",
         "15 EUR of 35.5 EUR (Sales (EUR)) where City is Bonn: 42.3%."),
        (Plan("share", "City", BONN), "en", "2 of 3 rows in “Shops” where City is Bonn: 66.7%."),
        (Plan("share", "City", BONN), "zh", "“Shops”的 3 行中，City为Bonn的有 2 行，占 66.7%。"),
        (Plan("difference", "Visits", (Filter("Shop", "=", ("Ost", "West")),)), "en",
         "Visits is 1 for Ost and 3 for West: a difference of 2."),
        (Plan("value", "Visits", (Filter("Shop", "=", ("Ost",)),)), "en",
         "Visits is 1 where Shop is Ost."),
        (Plan("value", "Sales (EUR)", (Filter("Shop", "=", ("Ost",)),)), "zh",
         "Shop为Ost的Sales (EUR)为 10 EUR。"),
        (Plan("sum", "Visits", (), "City"), "en", "Total Visits by City; in all 6."),
        (Plan("sum", "Visits", (), "City"), "zh", "按City的Visits合计，全部合计 6。"),
        (Plan("average", "Visits", (), "City"), "en", "Average Visits by City."),
        (Plan("sum", "Visits", (), "City", "desc", 1), "en", None),
    ],
)  # fmt: skip
def test_sentences(plan: Plan, language: str, sentence: str | None) -> None:
    said, _ = word_answer(compute(plan, SHOPS), language)
    assert said == (sentence or "Total Visits is highest for Bonn: 3.") or sentence is None


def test_groups_and_lists_are_tables() -> None:
    _, groups = word_answer(compute(Plan("sum", "Visits", (), "City"), SHOPS), "en")
    assert groups.splitlines()[2:] == ["| Bonn | 3 |", "| Ulm | 3 |"]
    said, rows = word_answer(compute(Plan("list", "Visits", BONN), SHOPS), "fr")
    assert said == "2 rows in “Shops” where City is Bonn." and "| Ost | 1 |" in rows


def test_cells_that_were_left_out_are_told() -> None:
    table = table_of("a|n", "x|1", "y|2", "z|3", "v|4", "w|ask")
    _, body = word_answer(compute(Plan("sum", "n"), table), "en")
    assert "1 cells of n hold no number" in body


def test_both_languages_have_the_same_texts() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()


def test_conditions_name_sign_and_alternatives() -> None:
    filters = [Filter("City", "=", ("Bonn", "Ulm")), Filter("Visits", ">=", (Decimal(2),)),
               Filter("Visits", "<", other="Sales (EUR)")]  # fmt: skip
    said = conditions(filters, SHOPS, WORDS["en"])
    assert said == "City is Bonn or Ulm and Visits ≥ 2 and Visits < Sales (EUR)"


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=60))
def test_no_cell_breaks_the_table(rows: list[list[str]]) -> None:
    lines = markdown_table(["a", "b"], rows, WORDS["en"]).splitlines()
    body = lines[2 : 2 + min(len(rows), MAX_ROWS)]
    assert len(body) == min(len(rows), MAX_ROWS)
    assert all(line.count("|") == 3 for line in body)
    assert (len(rows) > MAX_ROWS) == (len(lines) > 2 + len(body))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-99, 99)), min_size=2, max_size=9))
def test_the_sum_of_the_groups_is_the_sum_of_the_rows(rows: list[tuple[str, int]]) -> None:
    table: Table = table_of("k|n", *(f"{key}|{number}" for key, number in rows))
    said, _ = word_answer(compute(Plan("sum", "n", (), "k"), table), "en")
    if len({key for key, _ in rows}) > 1:
        assert said.endswith(f"; in all {sum(n for _, n in rows):,}.")
    else:
        assert "in all" not in said

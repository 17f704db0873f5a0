from __future__ import annotations

import pytest
from test_tables_select import table_of

from rag.tables.measures import counted_quantity, loosely_named
from rag.tables.mentions import find_mentions

ORDERS = table_of("Product|Quantity|fuel_litres", "stand|3|1", "lens|4|2", name="orders")


@pytest.mark.parametrize(
    ("asked", "column"),
    [
        ("how many stands were ordered in total", "Quantity"),
        ("stand一共订了多少件", "Quantity"),
        ("how many orders are there in total", ""),
        ("how many orders of stands", ""),
        ("stand有多少种", ""),
    ],
)
def test_what_is_counted_decides_between_pieces_and_rows(asked: str, column: str) -> None:
    assert counted_quantity(asked, find_mentions(asked, ORDERS), ORDERS) == column


def test_two_quantities_are_not_plain() -> None:
    table = table_of("Product|Quantity|Qty", "stand|3|1", "lens|4|2")
    asked = "how many stands in total"
    assert counted_quantity(asked, find_mentions(asked, table), table) == ""


def test_a_word_of_one_name_names_the_column() -> None:
    named = loosely_named("how many litres of fuel", [], ORDERS)
    assert [mention.column for mention in named] == ["fuel_litres", "fuel_litres"]
    assert loosely_named("how many litres", [(9, 15)], ORDERS) == []


def test_a_word_of_two_names_or_without_meaning_names_none() -> None:
    table = table_of("A|units sold|units left|number of guests", "x|1|2|3", "y|1|2|3")
    assert loosely_named("how many units", [], table) == []
    assert loosely_named("the number of rows", [], table) == []
    assert [m.column for m in loosely_named("guests", [], table)] == ["number of guests"]


def test_a_word_of_the_tables_name_names_no_column() -> None:
    table = table_of("Region|Units sold", "a|1", "b|2", name="Quarterly sales")
    assert loosely_named("which sales region", [], table) == []
    assert loosely_named("which sales", [], table_of("Region|Units sold", "a|1", "b|2")) != []

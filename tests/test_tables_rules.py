from __future__ import annotations

from decimal import Decimal
from statistics import mean, median

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_tables_select import table_of

from rag.tables.compute import compute
from rag.tables.extract import make_table
from rag.tables.rules import plan_by_rules
from rag.tables.table import Row, Table

SALES = table_of(
    "Region|Quarter|Units sold|Revenue (EUR)",
    "Nordics|Q1|48|900", "Nordics|Q2|53|1000", "East China|Q1|112|1800", "East China|Q2|126|2000",
    name="Sales 2025",
)  # fmt: skip
SHOPS = table_of(
    "门店|月份|销售额（万元）", "春熙店|2026-01|10", "春熙店|2026-02|30", "观前店|2026-01|25",
    "观前店|2026-02|16", name="月度销售",
)  # fmt: skip
STOCK = table_of("名称|盘点数量|安全库存", "手轮|3|5", "目镜|9|5", "支架|5|5", name="库存")


def result(question: str, table: Table) -> list[tuple[str, ...]] | None:
    plan = plan_by_rules(question, table)
    if plan is None:
        return None
    return [tuple(map(str, row)) for row in compute(plan, table).result.rows]


@pytest.mark.parametrize(
    ("question", "table", "rows"),
    [
        ("What was the total revenue of the Nordics over the two quarters of 2025?", SALES,
         [("1900",)]),
        ("华东地区2025年两个季度一共卖出多少台？", SALES, [("238",)]),
        ("How many units did each region sell in total in 2025?", SALES,
         [("Nordics", "101"), ("East China", "238")]),
        ("Which region had the highest total revenue?", SALES, [("East China", "3800")]),
        ("What is the average revenue in the second quarter?", SALES, [("1500",)]),
        ("List the two quarters with the highest revenue", SALES, None),
        ("上半年销售额合计最高的门店是哪家？", SHOPS, [("观前店", "41")]),
        ("2026年2月的销售额合计是多少？", SHOPS, [("46",)]),
        ("春熙店的销售额趋势如何？", SHOPS, [("2026-01", "10"), ("2026-02", "30")]),
        ("哪些物料的盘点数量低于安全库存？", STOCK, [("手轮", "3", "5")]),
        ("手轮占全部库存的比例是多少？", STOCK, [("1", "3")]),
    ],
)  # fmt: skip
def test_what_rules_compute(
    question: str, table: Table, rows: list[tuple[str, ...]] | None
) -> None:
    assert result(question, table) == rows


@pytest.mark.parametrize(
    "question",
    [
        "What was the total revenue of the Benelux?",
        "What was the total profit of the Nordics?",
        "What was the total revenue in 2024?",
        "What was the total revenue of the Nordics after the merger?",
        "What was the total revenue without the Nordics?",
        "What was the total revenue of the Nordics over the three quarters?",
        "Какая total revenue у Nordics?",
        "How many customers are there in total in the Nordics?",
        "",
    ],
)
def test_a_word_that_is_not_understood_leaves_it_to_the_model(question: str) -> None:
    assert plan_by_rules(question, SALES) is None


def test_the_least_in_a_columns_name_asks_for_nothing() -> None:
    table = table_of("药品|库存数量|最低库存", "碘伏|1|5", "纱布|3|5", "胶囊|9|5", name="药房")
    rows = result("哪些药品的库存数量低于最低库存？", table)
    assert rows is not None and [row[0] for row in rows] == ["碘伏", "纱布"]


WORDS = st.sampled_from(
    ["total", "average", "median", "highest", "lowest", "how many", "which", "each", "region",
     "Bonn", "price", "Day", "top 3", "over 4", "in 2025", "q1", "share of", "two", "list", "by",
     "合计", "平均", "最高", "多少", "哪个", "占比", "趋势", "城市", "前三", "低于", "三月"]
)  # fmt: skip
CELL = st.one_of(
    st.sampled_from(["Bonn", "Ulm", "q1", "3", "4.5", "2025-03-01", "", "12 kg", "合计", "-"]),
    st.text(max_size=5),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=9),
    st.lists(st.tuples(CELL, CELL, CELL), min_size=2, max_size=8),
    st.tuples(*[st.sampled_from(["city", "price", "Day", "城市", "", "q1", "(kg)", "top 3"])] * 3),
)
def test_rules_never_raise_and_what_they_plan_can_be_run(
    words: list[str], rows: list[tuple[str, ...]], head: tuple[str, ...]
) -> None:
    table = make_table("t", [Row(0, 0, head), *(Row(0, 0, cells) for cells in rows)], "")
    assume(table is not None)
    assert table is not None
    plan = plan_by_rules(" ".join(words), table)
    if plan is not None:
        assert plan.column in {column.name for column in table.columns}
        compute(plan, table)


PLACES = st.sampled_from(["Bonn", "Ulm", "Kiel"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PLACES, st.integers(-99, 999)), min_size=3, max_size=20),
    st.sampled_from(["total", "average", "median"]),
    PLACES,
)
def test_aggregates_are_those_of_plain_python(
    rows: list[tuple[str, int]], word: str, city: str
) -> None:
    prices = [price for place, price in rows if place == city]
    assume(prices)
    lines = [Row(0, 0, (place, str(price)), n) for n, (place, price) in enumerate(rows)]
    table = make_table("t", [Row(0, 0, ("City", "Price")), *lines], "")
    assert table is not None
    found = result(f"What is the {word} price in {city}?", table)
    compute_it = {"total": sum, "average": mean, "median": median}[word]
    expected = Decimal(str(compute_it(map(Decimal, prices))))
    assert found is not None and abs(Decimal(found[0][0]) - expected) < Decimal("0.000001")

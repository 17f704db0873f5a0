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


PUMPS = table_of(
    "产品|地区|销售额（元）", "水泵|华东|520", "阀门|华东|180", "水泵|华北|400", "阀门|华北|885",
)  # fmt: skip


def test_a_share_of_a_part_is_left_to_the_model() -> None:
    assert plan_by_rules("水泵占华东销售额的比例是多少？", PUMPS) is None
    assert result("水泵占销售额的比例是多少？", PUMPS) == [("920", "1985")]


CONTRACTS = table_of(
    "合同|金额（元）", "甲|150000", "乙|80000", "丙|230000", "丁|9500", name="合同"
)
SPRING = table_of("门店|销售额（万元）", "春熙店|12", "观前店|25", "湖滨店|30")
DEALS = table_of("Contract|Amount (EUR)", "A|1500000", "B|800000", "C|230000", name="contracts")
METERS = table_of("Site|energy_kwh", "Mill|1500", "Quay|2800", "Yard|2300", name="meters")


@pytest.mark.parametrize(
    ("question", "table", "first"),
    [
        ("金额超过10万元的合同有哪些？", CONTRACTS, ["甲", "丙"]),
        ("金额超过10万美元的合同有哪些？", CONTRACTS, None),
        ("合计金额是多少万元？", CONTRACTS, None),
        ("超过200000元的有几行？", SPRING, ["2"]),
        ("销售额超过20万元的有几行？", SPRING, ["2"]),
        ("销售额超过20的门店有哪些？", SPRING, ["观前店", "湖滨店"]),
        ("How many contracts are above 1 million EUR?", DEALS, ["1"]),
        ("How many contracts are above 500k?", DEALS, ["2"]),
        ("How many contracts are above 500 USD?", DEALS, None),
        ("How many contracts are above 5 kg?", DEALS, None),
        ("What is the total amount over 2024?", DEALS, None),
        ("How many rows were above 2000 kWh?", METERS, ["2"]),
    ],
)
def test_limits_are_in_the_columns_unit(
    question: str, table: Table, first: list[str] | None
) -> None:
    rows = result(question, table)
    assert (rows and [row[0] for row in rows]) == first


MONTHS = table_of("月份|销售额", *(f"{month}月|{month}" for month in range(1, 13)), name="销售")
COSTS = table_of(
    "Month|Cost", "January|1", "February|2", "March|4", "April|8", name="Running costs"
)
DATED = table_of("Month|Cost", "2025-01|1", "2025-02|2", "2025-03|4", "2025-04|8", name="Costs")


@pytest.mark.parametrize(
    ("question", "table", "total"),
    [
        ("2月到11月的销售额合计是多少？", MONTHS, "65"),
        ("1-3月的销售额合计是多少？", MONTHS, "6"),
        ("1月和3月的销售额合计是多少？", MONTHS, "4"),
        ("前三季度的销售额合计是多少？", MONTHS, "45"),
        ("11月到2月的销售额合计是多少？", MONTHS, None),
        ("What is the total cost from January to March?", COSTS, "7"),
        ("What is the total cost from January to June?", COSTS, None),
        ("What is the total cost from January to March?", DATED, "7"),
        ("What is the total cost from 2025-01-03 to 2025-03-04?", DATED, None),
    ],
)
def test_a_range_is_more_than_its_ends(question: str, table: Table, total: str | None) -> None:
    assert result(question, table) == (total and [(total,)])


AREAS = table_of(
    "月份|地区|客户|产品|销售额（万元）", "10月|华东|甲公司|水泵|30", "11月|华东|乙公司|阀门|60",
    "12月|华北|甲公司|水泵|55", "1月|华北|丙公司|水泵|50", name="销售",
)  # fmt: skip
UNITS = table_of(
    "Region|Product|Units", "North|pump|9", "North|valve|8", "South|pump|12", "East|pump|5",
    "East|valve|1", name="Sales",
)  # fmt: skip


@pytest.mark.parametrize(
    ("question", "table", "rows"),
    [
        ("How many regions are there?", UNITS, [("3",)]),
        ("How many products were sold?", UNITS, None),
        ("一共有多少种产品？", AREAS, [("2",)]),
        ("有多少家客户？", AREAS, [("3",)]),
        ("哪个地区的销售额最高？", AREAS, None),  # of a month, or in all?
        ("Which region sold the most units?", UNITS, [("North", "17")]),
        ("哪个地区卖得最多？", AREAS, None),
        ("Which region has the highest units of valve?", UNITS, [("North", "valve", "8")]),
        ("哪个月份的销售额最高？", AREAS, [("11月", "60")]),
    ],
)
def test_groups_are_told_where_groups_are_asked_for(
    question: str, table: Table, rows: list[tuple[str, ...]] | None
) -> None:
    assert result(question, table) == rows


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

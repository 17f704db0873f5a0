from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_tables_select import table_of

from rag.tables.grounding import ground_date, ground_plan
from rag.tables.periods import find_periods
from rag.tables.plan import Filter, Plan, PlanError

SALES = table_of(
    "Region|Quarter|Units sold|Revenue (EUR)|Closed on",
    "Nordics|Q1|48|900|2025-04-04", "Nordics|Q2|53|1000|2025-07-03",
    "Iberia|Q1|29|800|2025-04-09", "Iberia|Q2|34|700|2026-01-09", name="Quarterly sales",
)  # fmt: skip
ORDERS = table_of("product|quantity|price", "stand|3|9", "lens|4|9", "stand|5|9", name="orders")
NORDICS = Filter("Region", "=", ("Nordics",))


def test_a_number_is_taken_for_no_month() -> None:
    april = Filter("Closed on", "=", ("2025-04",))
    question = "What was the total revenue of the Nordics over the four quarters of 2025?"
    plan = ground_plan(Plan("sum", "Revenue (EUR)", (NORDICS, april)), question, SALES, "s 2025")
    assert plan == Plan("sum", "Revenue (EUR)", (NORDICS,))


@pytest.mark.parametrize(
    ("question", "date", "sign", "expected"),
    [
        ("over the 4 quarters of 2025", "2025-04", "=", ("2025",)),
        ("in april 2025", "2025-04-17", "=", ("2025-04",)),
        ("in 2025", "2025-04-17", "=", ("2025",)),
        ("on 2025-04-17", "2025-04-17", "=", ("2025-04-17",)),
        ("in the first quarter of 2025", "2025-02", "=", ("2025-01", "2025-02", "2025-03")),
        ("四月", "2025-04", "=", ("2025-04",)),
        ("since april 2025", "2025-04-17", ">=", ("2025-04",)),
        ("four shops", "2025-04", "=", ()),
        ("in may 2025", "2025-04", "=", ()),
    ],
)
def test_a_date_says_no_more_than_the_question(
    question: str, date: str, sign: str, expected: tuple[str, ...]
) -> None:
    assert ground_date(date, find_periods(question), {"2025"}, sign) == expected


def test_a_sum_of_what_is_counted_is_no_count_of_rows() -> None:
    stands = (Filter("product", "=", ("stand",)),)
    plan = Plan("count", "product", stands)
    question = "How many stands were ordered in total in the orders?"
    assert ground_plan(plan, question, ORDERS) == Plan("sum", "quantity", stands)
    other = "How many orders of stands are there in total?"
    assert ground_plan(plan, other, ORDERS).operation == "count"


def test_the_highest_total_is_one_of_groups() -> None:
    question = "Which region has the highest total revenue?"
    assert ground_plan(Plan("max", "Revenue (EUR)"), question, SALES) == Plan(
        "sum", "Revenue (EUR)", (), "Region", "desc", 1
    )
    single = "Which region has the highest revenue?"
    assert ground_plan(Plan("max", "Revenue (EUR)"), single, SALES) == Plan(
        "max", "Revenue (EUR)", named="Region"
    )
    sold = "Which region sold the most units?"
    assert ground_plan(Plan("max", "Units sold"), sold, SALES) == Plan(
        "sum", "Units sold", (), "Region", "desc", 1
    )


def test_different_values_are_counted_where_rows_are_not_meant() -> None:
    counted = ground_plan(Plan("count", "Region"), "How many regions are there?", SALES)
    assert counted == Plan("count distinct", "Region")
    rows = Plan("count", "Region")
    assert ground_plan(rows, "How many sales per region?", SALES) == rows


def test_limits_that_nobody_stated_go_and_forgotten_ones_come() -> None:
    made_up = (Filter("Units sold", ">", (Decimal(7),)), Filter("Closed on", "=", ("2025-04",)))
    plan = ground_plan(Plan("sum", "Revenue (EUR)", made_up), "Total revenue of Nordics?", SALES)
    assert plan == Plan("sum", "Revenue (EUR)", (NORDICS,))


def test_what_the_question_leaves_out_is_not_put_in() -> None:
    plan = Plan("sum", "Revenue (EUR)")
    assert ground_plan(plan, "Total revenue except Nordics?", SALES) == plan


def test_the_column_that_is_named_is_computed() -> None:
    plan = ground_plan(Plan("sum", "Units sold"), "What is the total revenue?", SALES)
    assert plan.column == "Revenue (EUR)"


CONTRACTS = table_of(
    "Contract|Amount (EUR)|Signed", "A|1500000|2024-03-01", "B|800000|2024-05-01",
    "C|230000|2025-01-01", name="contracts",
)  # fmt: skip


def above(number: str) -> Plan:
    return Plan("sum", "Amount (EUR)", (Filter("Amount (EUR)", ">", (Decimal(number),)),))


@pytest.mark.parametrize(
    ("question", "written", "kept"),
    [
        ("Total amount of contracts of more than 1 million EUR?", "1000000", "1000000"),
        ("Total of the contracts that exceed 1.5 million", "1.5", "1500000"),
        ("sum of the contracts above 500k", "500000", "500000"),
        ("超过100万的合同总额", "1000000", "1000000"),
        ("超过一百万欧元的合同总额", "1000000", "1000000"),
        ("contracts of more than two million in total", "2000000", "2000000"),
    ],
)
def test_a_limit_in_multiples_is_kept(question: str, written: str, kept: str) -> None:
    assert ground_plan(above(written), question, CONTRACTS) == above(kept)


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("total of the contracts of more than 50 kg", "50"),
        ("total of the contracts above 500k USD", "500000"),
        ("contracts of more than two million in total", "2"),
        ("超过100万的合同总额", "10000"),
    ],
)
def test_a_comparison_is_not_lost(question: str, written: str) -> None:
    with pytest.raises(PlanError, match="Amount"):
        ground_plan(above(written), question, CONTRACTS)


MONTHS = table_of("月份|销售额", *(f"{month}月|{month}" for month in range(1, 13)), name="销售")


def test_a_range_is_not_cut_down_to_its_ends() -> None:
    spanned = Plan("sum", "销售额", (Filter("月份", "=", tuple(f"{n}月" for n in range(2, 12))),))
    question = "2月到11月的销售额合计"
    assert ground_plan(spanned, question, MONTHS) == spanned
    ends = Plan("sum", "销售额", (Filter("月份", "=", ("2月", "11月")),))
    assert set(ground_plan(ends, question, MONTHS).where[0].values) == set(spanned.where[0].values)
    assert ground_plan(Plan("sum", "销售额"), question, MONTHS) == spanned
    with pytest.raises(PlanError):
        ground_plan(ends, "11月到2月的销售额合计", MONTHS)


PLANS = st.builds(
    Plan,
    st.sampled_from(["list", "count", "sum", "average", "median", "min", "max"]),
    st.sampled_from(["Units sold", "Revenue (EUR)"]),
    st.lists(
        st.sampled_from([NORDICS, Filter("Closed on", "=", ("2025-04",)),
                         Filter("Units sold", ">", (Decimal(30),))]), max_size=2).map(tuple),
    st.sampled_from(["", "Region", "Quarter"]),
    st.sampled_from(["", "asc", "desc"]),
    st.integers(0, 9),
)  # fmt: skip


@given(PLANS, st.text(max_size=40))
def test_a_grounded_plan_names_real_columns_and_stays_as_it_is(plan: Plan, question: str) -> None:
    try:
        once = ground_plan(plan, question, SALES)
    except PlanError:  # "> 5": a comparison that the plan does not make
        assume(False)
    names = {column.name for column in SALES.columns}
    assert once.column in names and once.group_by in names | {""}
    assert {one.column for one in once.where} <= names
    assert ground_plan(once, question, SALES) == once

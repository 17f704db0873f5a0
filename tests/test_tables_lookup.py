from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tables_select import table_of

from rag.tables.compute import compute
from rag.tables.lookup import plan_lookup
from rag.tables.table import Table

SALES = table_of(
    "Region|Quarter|Units sold|Revenue (EUR)|Account manager|Closed on",
    "Nordics|Q1|48|912400|Astrid Holm|2025-04-04", "Nordics|Q4|67|1284900|Astrid Holm|2026-01-09",
    "Iberia|Q1|29|498300|Rui Carvalho|2025-04-07", "Iberia|Q4|38||Ana Reis|2026-01-12",
    name="Sales 2025",
)  # fmt: skip
HOTELS = table_of(
    "城市类别|普通员工（每晚）|经理及以上（每晚）", "北京、上海|580元|760元", 
    "省会城市|430元|560元", "其他城市|340元|450元", name="住宿标准",
)  # fmt: skip


def looked_up(question: str, table: Table) -> object:
    plan = plan_lookup(question, table, "", lambda word: word == "出差")
    if plan is None:
        return None
    ((value,),) = compute(plan, table).result.rows
    return str(value)


@pytest.mark.parametrize(
    ("question", "table", "value"),
    [
        ("How many units did the Nordics region sell in the fourth quarter of 2025?", SALES, "67"),
        ("What was the revenue of Iberia in Q1?", SALES, "498300"),
        ("Who is the account manager of the Nordics?", SALES, "Astrid Holm"),
        ("When was Iberia Q4 closed on?", SALES, "2026-01-12"),
        ("普通员工到省会城市出差，每晚住宿标准是多少？", HOTELS, "430"),
        ("省会城市的经理及以上每晚标准是多少？", HOTELS, "560"),
    ],
)
def test_one_row_and_one_column_give_the_cell(question: str, table: Table, value: str) -> None:
    assert looked_up(question, table) == value


@pytest.mark.parametrize(
    "question",
    [
        "What was the revenue of the Nordics?",  # two rows
        "Who is the account manager of Iberia?",  # two names
        "What was the revenue and the units of Iberia in Q1?",  # two columns
        "What was the revenue of Iberia in Q4?",  # an empty cell
        "What was the profit of Iberia in Q1?",  # no such column
        "What was the planned revenue of Iberia in Q1?",  # a word too many
        "What was the revenue of Benelux in Q1?",  # no such row
        "What was the revenue of Iberia in the first quarter of 2024?",
        "Was the revenue of Iberia in Q1 high?",
        "Why was the revenue of Iberia in Q1 so low?",
        "What was the revenue without Iberia in Q1?",
        "Who is the revenue of Iberia in Q1?",
        "How many account managers has Nordics in Q1?",
        "What is the highest revenue of Iberia in Q1?",
        "What was the total revenue of Iberia in Q1?",
    ],
)
def test_what_is_not_plain_is_left_to_the_model(question: str) -> None:
    assert looked_up(question, SALES) is None


@pytest.mark.parametrize(
    "question",
    [
        "普通员工到省会城市出差，餐饮补助是多少？",
        "普通员工到省会城市出差，每晚住宿标准是多少？提高了吗？",
        "实习生到省会城市，每晚住宿标准是多少？",
        "普通员工到省会城市参观，每晚住宿标准是多少？",
    ],
)
def test_another_thing_of_the_same_row_is_no_answer(question: str) -> None:
    assert looked_up(question, HOTELS) is None


@given(st.text(max_size=60))
def test_any_question_can_be_asked(question: str) -> None:
    plan_lookup(question, SALES)


@given(st.integers(0, 3), st.sampled_from(["Units sold", "Account manager", "Closed on"]))
def test_each_cell_is_found_by_its_names(index: int, column: str) -> None:
    row = SALES.rows[index].cells
    cell = SALES.column(column).values[index]
    assert looked_up(f"What is the {column} of {row[0]} in {row[1]}?", SALES) == str(cell)

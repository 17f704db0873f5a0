from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables.pasted import beside_table, pasted_table


@pytest.mark.parametrize(
    ("question", "unit"),
    [
        ("一张表“1月 120, 2月 135, 3月 160, 单位万元”，请总结趋势。", "万元"),
        ("Q1 120, Q2 135, Q3 160 (in million EUR): what is the trend?", "million EUR"),
        ("1月：120元，2月：135元，3月：160元。趋势如何？", "元"),
        ("2021 120; 2022 135; 2023 160", ""),
    ],
)
def test_pairs_are_a_table(question: str, unit: str) -> None:
    table = pasted_table(question)
    assert table is not None
    values = table.columns[1]
    assert values.values == (Decimal(120), Decimal(135), Decimal(160)) and values.unit == unit
    for row in table.rows:
        assert row.cells[0] in question[row.start : row.end]


@pytest.mark.parametrize(
    "question",
    [
        "| City | Price |\n| Bonn | 1 |\n| Ulm | 2 |\nWhat is the total?",
        "City,Price\nBonn,1\nUlm,2\nWhat is the total?",
        "City\tPrice\nBonn\t1\nUlm\t2",
        "City;Price\nBonn;1\nUlm;2",
    ],
)
def test_lines_are_a_table(question: str) -> None:
    table = pasted_table(question)
    assert table is not None
    assert table.column("City").values == ("Bonn", "Ulm")
    assert table.column("Price").values == (Decimal(1), Decimal(2))


@pytest.mark.parametrize(
    "question",
    [
        "What is the total price in Bonn?",
        "Compare X200, X300 and X400, please.",
        "1月 120, 1月 135, 1月 160",  # one label thrice
        "Bonn 1, Ulm 2",  # two are no series
        "保修期多久，谁负责，怎么联系？",
        "",
    ],
)
def test_what_is_no_table(question: str) -> None:
    assert pasted_table(question) is None


def test_what_is_said_besides() -> None:
    question = "一张表“1月 120, 2月 135, 3月 160, 单位万元”，请总结趋势。"
    assert "总结趋势" in beside_table(question) and "120" not in beside_table(question)


@given(st.text(max_size=120))
def test_any_question_can_be_read(question: str) -> None:
    table = pasted_table(question)
    beside_table(question)
    if table is not None:
        assert all(0 <= row.start <= row.end <= len(question) for row in table.rows)


@given(st.dictionaries(
    st.sampled_from(["Bonn", "Ulm", "Kiel", "Graz", "Bern"]), st.integers(-9999, 99999),
    min_size=3,
))  # fmt: skip
def test_pairs_are_read_back(pairs: dict[str, int]) -> None:
    question = "Trend of " + ", ".join(f"{name}: {number}" for name, number in pairs.items())
    table = pasted_table(question)
    assert table is not None
    assert dict(zip(*(column.values for column in table.columns), strict=True)) == {
        name: Decimal(number) for name, number in pairs.items()
    }

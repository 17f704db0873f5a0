from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tables_select import table_of

from rag.tables.limits import read_limits
from rag.tables.mentions import normalized
from rag.tables.plan import Filter

SALES = table_of(
    "Region|Quarter|Units sold|Target|Weight (kg)|Booked date|Paid until",
    "Nord|Q1|3|4|1.5|2025-02-01|2026-01-01", "Nord|Q2|5|4|2.5|2025-05-01|2026-03-01",
    "Süd|Q1|7|8|3.5|2025-02-07|2026-02-01", "Süd|Q2|9|8|4.5|2025-05-09|2026-04-01",
    name="Sales 2025",
)  # fmt: skip


def where(question: str) -> tuple[Filter, ...] | None:
    limits = read_limits(normalized(question), SALES)
    return limits and limits.where


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("units sold in Nord", (Filter("Region", "=", ("Nord",)),)),
        ("units sold above 4", (Filter("Units sold", ">", (Decimal(4),)),)),
        ("rows over 2 kg", (Filter("Weight (kg)", ">", (Decimal(2),)),)),
        ("units sold in the first quarter of 2025", (Filter("Quarter", "=", ("Q1",)),)),
        ("units sold in 2025", ()),
        ("units sold in May", (Filter("Booked date", "=", ("2025-05",)),)),
        ("Units sold低于Target", (Filter("Units sold", "<", other="Target"),)),
    ],
)
def test_limits_that_are_plain(question: str, expected: tuple[Filter, ...]) -> None:
    assert where(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "rows above 4",  # of which of three columns?
        "units sold in 2024",  # the table is of another year
        "units sold in the first quarter of 2024",
        "units sold in August",  # no such row
        "低于多少",
    ],
)
def test_limits_that_are_not_plain_are_refused(question: str) -> None:
    assert where(question) is None


def test_a_date_that_something_ends_at_is_no_time_of_it() -> None:
    table = table_of("Name|Amount|Paid until", "A|1|2026-01-01", "B|2|2026-03-01", "C|3|2026-03-02")
    assert read_limits("total amount in march", table) is None
    limits = read_limits("total amount paid until march 2026", table)
    assert limits and limits.where == (Filter("Paid until", "=", ("2026-03",)),)


def test_all_of_them_by_number_are_no_limit() -> None:
    limits = read_limits("units sold over the two quarters", SALES)
    assert limits and limits.where == () and limits.whole == {"Quarter"}
    other = read_limits("units sold over the three quarters", SALES)
    assert other and other.whole == set()


def test_a_value_of_two_columns_is_not_plain() -> None:
    table = table_of("From|To|Km", "Bonn|Ulm|1", "Ulm|Bonn|2", "Bonn|Kiel|3")
    assert read_limits("km of bonn", table) is None
    assert read_limits("km of kiel", table) is not None


@given(st.text(max_size=60))
def test_spans_are_of_the_question(text: str) -> None:
    asked = normalized(text)
    limits = read_limits(asked, SALES)
    assert limits is None or all(0 <= a < b <= len(asked) for a, b in limits.spans)

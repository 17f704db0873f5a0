from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables.cells import header_unit, make_column, parse_date, parse_number


@pytest.mark.parametrize(
    ("cell", "number", "unit"),
    [
        ("1,275元", "1275", "元"), ("¥ 4.5", "4.5", "¥"), ("(1,200)", "-1200", ""),
        ("12.5 %", "12.5", "%"), ("−7", "-7", ""), ("１４００", "1400", ""), ("1 234", "1234", ""),
        ("USD 30", "30", "USD"), ("$-4", "-4", "$"), ("17.2 mm", "17.2", "mm"), (".5", "0.5", ""),
        ("0.30", "0.30", ""), ("0", "0", ""),
    ],
)  # fmt: skip
def test_numbers_in_many_spellings(cell: str, number: str, unit: str) -> None:
    assert parse_number(cell) == (Decimal(number), unit)


@pytest.mark.parametrize(
    "cell", ["CC-110", "0012", "A", "2x2", "10.20.0.0/16", "1,2,3", "Q1", "", "12-13"]
)
def test_what_is_no_number(cell: str) -> None:
    assert parse_number(cell) is None


@given(st.decimals(-(10**12), 10**12, places=2))
def test_a_number_with_separators_is_read_back(number: Decimal) -> None:
    found = parse_number(f"{number:,f}")
    assert found is not None and found[0] == number


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("2026-03-28", "2026-03-28"), ("2026/3/8", "2026-03-08"), ("2026年3月28日", "2026-03-28"),
        ("2026年3月", "2026-03"), ("4 July 2025", "2025-07-04"), ("Jul 4, 2025", "2025-07-04"),
        ("2026-01-05 9:30", "2026-01-05 09:30"), ("2026-01-05T09:30:00Z", "2026-01-05 09:30:00"),
        ("2026-02-30", None), ("2026-13", None), ("12", None), ("E-2026-01", None),
    ],
)  # fmt: skip
def test_dates(cell: str, date: str | None) -> None:
    assert parse_date(cell) == date


def test_a_column_is_of_the_kind_that_most_of_its_cells_are() -> None:
    column = make_column("Price", ["1", "2", "3", "4", "ask us", ""])
    assert column.kind == "number" and column.unread == 1
    assert column.values == (Decimal(1), Decimal(2), Decimal(3), Decimal(4), None, None)
    assert make_column("Price", ["1", "ask", "us", ""]).kind == "text"
    assert make_column("Day", ["2026-01-02", "n/a"]).values == ("2026-01-02", None)


def test_units_agree_or_there_is_no_number() -> None:
    assert make_column("m", ["3 kg", "4 kg"]).unit == "kg"
    assert make_column("m", ["3 kg", "4 m"]).kind == "text"
    assert make_column("额", ["1.2万元", "3000元"]).values == (Decimal("12000.0"), Decimal(3000))
    assert make_column("额", ["1.2万", "3.5万"]).unit == "万"


def test_a_decimal_comma_is_seen_by_the_column() -> None:
    assert make_column("x", ["1.234,50", "7,25"]).values == (Decimal("1234.50"), Decimal("7.25"))
    assert make_column("x", ["1,234", "7.25"]).values == (Decimal(1234), Decimal("7.25"))


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Revenue (EUR)", "EUR"), ("销售额（万元）", "万元"), ("处理时长_分钟", "分钟"),
        ("Name", ""),
        ("lead_time_weeks", "weeks"), ("cost (in USD)", "USD"), ("金额（单位：元）", "元"),
    ],
)  # fmt: skip
def test_units_in_headers(name: str, unit: str) -> None:
    assert header_unit(name) == unit


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("Energy (kWh)", ["1520.5", "1480.2", "1602.7"], "number"),
        ("Energy", ["1520.5", "1999.10", "2010.12"], "number"),
        ("Price (EUR)", ["2001.10", "1999.12"], "number"),
        ("月份", ["2026.01", "2026.02", "2026.10"], "date"),
        ("月份", ["2026.01", "2026.02", "2026.10", "2026.11", "2026-12", "待定"], "date"),
        ("Time (month)", ["2026.01", "2026.02"], "date"),
        ("Day", ["2026.1.5", "2026.1.6"], "date"),
    ],
)
def test_a_number_is_no_month(name: str, cells: list[str], kind: str) -> None:
    assert make_column(name, cells).kind == kind


@pytest.mark.parametrize(
    ("name", "cells", "values", "unit"),
    [
        ("Users", ["1.5k", "800", "2.2k"], [1500, 800, 2200], ""),
        ("Raised", ["1.2M", "800000", "$3M"], [1200000, 800000, 3000000], "$"),
        ("Raised", ["3 million EUR", "1.5 bn EUR", "0"], [3000000, 1500000000, 0], "EUR"),
        ("Umsatz", ["1,2 Mio. €", "800 k€"], [1200000, 800000], "€"),
        ("金额", ["3.5万元", "8000", "12万元"], [35000, 8000, 120000], "元"),
        ("金额（元）", ["3.5万", "8", "12万"], [35000, 8, 120000], "元"),
        ("销售额（万元）", ["12", "3.5万元", "8"], [120000, 35000, 80000], "元"),
        ("重量", ["3千克", "500克"], [3000, 500], "克"),
        ("Width", ["3 m", "4 m"], [3, 4], "m"),
        ("Anteil (%)", ["12%", "8"], [12, 8], "%"),
        ("Share", ["12%", "0"], [12, 0], "%"),
        ("Menge", ["1.200", "950", "12.500"], [1200, 950, 12500], ""),
        ("Menge", ["1.234.567", "12.500"], [1234567, 12500], ""),
        ("Weight (kg)", ["1.250", "0.750", "120"], ["1.25", "0.75", 120], "kg"),
        ("Weight", ["1.250", "3.125"], ["1.25", "3.125"], ""),
    ],
)
def test_magnitudes_are_brought_together(
    name: str, cells: list[str], values: list[int | str], unit: str
) -> None:
    column = make_column(name, cells)
    assert column.values == tuple(Decimal(value) for value in values) and column.unit == unit


@pytest.mark.parametrize(
    "cells",
    [
        ["12万元", "8", "3.5万元"],  # 8 or 80,000
        ["300 K", "310"],  # kelvins
        ["1.2m", "800000", "3m"],  # millions or metres
        ["0.5", "50%"],
        ["3 EUR", "4 USD"],
        ["3k EUR", "4k USD"],
    ],
)
def test_what_may_be_of_other_magnitude_is_not_added(cells: list[str]) -> None:
    assert make_column("x", cells).kind == "text"

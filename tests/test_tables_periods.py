from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables.mentions import normalized
from rag.tables.periods import find_periods


@pytest.mark.parametrize(
    ("asked", "year", "months", "day"),
    [
        ("What was sold in March 2026?", 2026, (3,), 0), ("sold in march?", 0, (3,), 0),
        ("2026年3月的销售额", 2026, (3,), 0), ("三月份的销售额", 0, (3,), 0),
        ("十二月的销售额", 0, (12,), 0), ("2026-03 totals", 2026, (3,), 0),
        ("on 2026-03-28", 2026, (3,), 28), ("on 28 March 2026", 2026, (3,), 28),
        ("on March 28, 2026", 2026, (3,), 28), ("2026年3月28日盘点", 2026, (3,), 28),
        ("in the fourth quarter of 2025", 2025, (10, 11, 12), 0), ("Q2 revenue", 0, (4, 5, 6), 0),
        ("2025年第三季度", 2025, (7, 8, 9), 0), ("2025Q1", 2025, (1, 2, 3), 0),
        ("上半年合计", 0, (1, 2, 3, 4, 5, 6), 0),
        ("second half of 2025", 2025, (7, 8, 9, 10, 11, 12), 0),
        ("revenue in 2025?", 2025, (), 0), ("2025年度预算", 2025, (), 0),
    ],
)  # fmt: skip
def test_times_are_read(asked: str, year: int, months: tuple[int, ...], day: int) -> None:
    (one,) = find_periods(normalized(asked))
    assert (one.year, one.months, one.day) == (year, months, day)


@pytest.mark.parametrize(
    "asked",
    [
        "over the four quarters", "四个季度一共卖出多少台", "How many of the 12 units?", "3 shops",
        "may I ask", "a march of 5 km", "above 2000 kWh", "13月", "lead time of 4 weeks",
        "十个月", "version 2.2026", "卖出2000台",
    ],
)  # fmt: skip
def test_a_number_is_no_time_unless_written_as_one(asked: str) -> None:
    assert find_periods(normalized(asked)) == []


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    asked = normalized(text)
    found = find_periods(asked)
    assert all(0 <= one.start < one.end <= len(asked) for one in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@given(st.dates())
def test_a_day_is_itself_in_both_spellings(date: object) -> None:
    year, month, day = map(int, str(date).split("-"))
    if not 1900 <= year < 2100:
        return
    for text in (f"{year}-{month:02}-{day:02}", f"{year}年{month}月{day}日"):
        (one,) = find_periods(text)
        assert one.dates([]) == (str(date),)


def test_dates_take_the_only_year_there_is() -> None:
    (march,) = find_periods("3月")
    assert march.dates(["2026"]) == ("2026-03",)
    assert march.dates(["2025", "2026"]) == ()
    (half,) = find_periods("2025年下半年")
    assert half.dates(["2030"]) == tuple(f"2025-{month:02}" for month in range(7, 13))


def test_the_same_time_where_one_leaves_the_year_open() -> None:
    (quarter,), (value,), (other,) = map(find_periods, ("2025 q4", "第四季度", "2024 q4"))
    assert quarter.means(value) and value.means(other) and not quarter.means(other)


@pytest.mark.parametrize(
    ("text", "year", "months"),
    [
        ("2月到11月的销售额", 0, range(2, 12)), ("cost january to march", 0, range(1, 4)),
        ("march to may 2025", 2025, range(3, 6)), ("jan-mar 2025", 2025, range(1, 4)),
        ("q1-q3", 0, range(1, 10)), ("1-3月", 0, range(1, 4)), ("2026年1至3月", 2026, range(1, 4)),
        ("前三季度", 0, range(1, 10)), ("2026-01 to 2026-03", 2026, range(1, 4)),
        ("between january and march", 0, range(1, 4)),
        ("the first to third quarter", 0, range(1, 10)),
    ],
)  # fmt: skip
def test_a_range_is_all_that_it_spans(text: str, year: int, months: range) -> None:
    (found,) = find_periods(text)
    assert (found.year, found.months, found.is_range) == (year, tuple(months), True)


def test_a_range_of_years_has_those_between() -> None:
    for text in ("2023年至2025年", "2023-2025", "from 2023 to 2025"):
        (found,) = find_periods(text)
        assert found.dates([]) == ("2023", "2024", "2025")


@pytest.mark.parametrize(
    "text",
    ["2025年11月到2026年2月", "november to february", "2025-01-05 to 2025-02-10", "may to january"],
)
def test_ends_between_which_it_is_not_plain_what_lies_are_told(text: str) -> None:
    assert [one.is_end for one in find_periods(text)] == [True, True]


@pytest.mark.parametrize("text", ["january and march", "1月和3月", "q1, q3"])
def test_two_times_are_no_range(text: str) -> None:
    assert [one.is_range or one.is_end for one in find_periods(text)] == [False, False]


@pytest.mark.parametrize("text", ["2025-q3", "2025-03-07", "5月1日"])
def test_a_hyphen_within_a_time_makes_no_range(text: str) -> None:
    (found,) = find_periods(text)
    assert not found.is_range

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables.totals import data_rows


def left_out(*lines: str) -> list[str]:
    rows = [line.split("|") for line in lines]
    found = zip(rows, data_rows(rows), strict=True)
    return [next(filter(None, cells)) for cells, is_data in found if not is_data]


@pytest.mark.parametrize(
    "label",
    ["Total", "TOTAL:", "Total (EUR)", "Grand total", "Subtotal North", "Total 2024",
     "Total Q1 2024", "Summe", "Gesamt", "Zwischensumme", "Итого", "Sous-total", "合计",
     "合计（元）", "合 计", "本月合计", "华东小计", "**总计**", "累计"],
)  # fmt: skip
def test_a_label_alone_is_a_total(label: str) -> None:
    assert left_out("a|1", "b|4", f"{label}|99") == [label]


@pytest.mark.parametrize("label", ["Average", "平均", "均值", "Mean", "Durchschnitt"])
def test_a_mean_is_none_of_the_data(label: str) -> None:
    assert left_out("a|1", "b|4", f"{label}|2.5", "c|5") == [label]
    assert left_out("a|1", "b|4", f"{label}|2.51") == [label]  # the last row


def test_a_total_of_a_group_is_told_by_its_figure() -> None:
    rows = ("North|1|3", "North|4|", "North total|5|", "South|2|1", "South|2|", "Total South|4|1")
    assert left_out(*rows) == ["North total", "Total South"]
    assert left_out("Ann|1.5", "Bob|2.0", "Cy|2.0", "Class average|1.83", "Di|3") == [
        "Class average"
    ]
    assert left_out("华东|甲|1", "华东|乙|2", "|小计|3") == ["小计"]


@pytest.mark.parametrize(
    "row",
    ["Total Energies|30", "Average Joe GmbH|40", "Sum Up Ltd|8", "Totally Green|3", "Mean Bean|3",
     "Average|15", "联合计划|3", "总额度|4", "Media Markt|9"],
)  # fmt: skip
def test_a_name_is_no_total(row: str) -> None:
    assert left_out("a|1", "b|4", row, "c|7") == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 99)), min_size=2, max_size=9))
def test_the_sum_of_all_is_left_out_wherever_it_is_named(rows: list[tuple[str, int]]) -> None:
    lines = [f"{name}|{number}" for name, number in rows]
    total = f"Total turnover|{sum(number for _, number in rows)}"
    assert left_out(*lines, total) == ["Total turnover"]

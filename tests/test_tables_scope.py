from __future__ import annotations

import pytest
from test_tables_select import table_of

from rag.tables.periods import find_periods
from rag.tables.scope import is_scope, scope_years

LINES = ("City|Units", "Bonn|1", "Ulm|2")


@pytest.mark.parametrize(
    ("name", "title", "years"),
    [
        ("Budget 2026", "Sales 2025", {"2026"}),
        ("Sales", "Report 2025", {"2025"}),
        ("Quarterly sales", "sales-2025-and-budget-2026", {"2025"}),
        ("Stock", "sales-2025-and-budget-2026", set()),
        ("Stock", "no year, but 20251", set()),
    ],
)
def test_the_years_that_a_table_is_about(name: str, title: str, years: set[str]) -> None:
    assert scope_years(table_of(*LINES, name=name), title) == years


def test_a_time_in_the_tables_name_limits_nothing() -> None:
    table = table_of(*LINES, name="2026年一季度库存盘点")
    assert all(is_scope(one, table, "") for one in find_periods("2026年一季度"))
    assert not any(
        is_scope(one, table, "") for one in find_periods("2026年二季度 2025年一季度 2025")
    )

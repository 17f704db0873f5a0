from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_tables_select import table_of

from rag.tables.plan import (
    OPERATIONS,
    Filter,
    Plan,
    PlanError,
    check_plan,
    difference_filter,
    group_names,
    merged_filters,
    plan_schema,
    read_plan,
)

TABLE = table_of(
    "City|Price|Weight|Day", "Bonn|1.5|3|2026-01-02", "Ulm|2.5|4|2026-02-03", "Bonn|4|5|2026-03-04"
)


def written(**changed: Any) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "operation": "sum", "column": "Price", "where": [], "group_by": "", "order": "", "limit": 0,
    }  # fmt: skip
    return plan | changed


def limit(column: str, sign: str, value: Any) -> dict[str, Any]:
    return {"column": column, "is": sign, "value": value}


@pytest.mark.parametrize(
    "changed",
    [
        {"column": "Colour"},
        {"group_by": "Colour"},
        {"operation": "drop"},
        {"operation": "value"},  # for rules alone
        {"order": "sideways"},
        {"limit": "many"},
        {"where": None},
        {"where": [limit("Colour", "=", "red")]},
        {"where": [limit("City", "=", "Kiel")]},
        {"where": [limit("Price", "=", "cheap")]},
        {"where": [limit("Price", "; DROP TABLE t", 1)]},
        {"where": ["City"]},
    ],
)
def test_a_plan_that_names_what_is_not_there_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        read_plan(written(**changed), TABLE)


def test_what_a_filter_wants_is_found_in_the_table() -> None:
    where = [limit("City", "=", "bonn"), limit("Price", ">", "1.5"), limit("Price", "<", "Weight"),
             limit("Day", "=", "2026年2月")]  # fmt: skip
    assert read_plan(written(where=where), TABLE).where == (
        Filter("City", "=", ("Bonn",)),
        Filter("Day", "=", ("2026-02",)),
        Filter("Price", ">", (Decimal("1.5"),)),
        Filter("Price", "<", other="Weight"),
    )


@given(st.integers())
def test_a_limit_is_held_within_bounds(number: int) -> None:
    assert 0 <= read_plan(written(limit=number), TABLE).limit <= 100


@pytest.mark.parametrize("operation", ["sum", "average", "median", "trend"])
def test_numbers_are_computed_of_number_columns_alone(operation: str) -> None:
    assert check_plan(Plan(operation, "Price"), TABLE)
    with pytest.raises(PlanError, match="Price, Weight"):
        check_plan(Plan(operation, "City"), TABLE)


def test_a_difference_has_two_ends_and_a_share_a_part() -> None:
    pair = Filter("City", "=", ("Bonn", "Ulm"))
    plan = Plan("difference", "Price", (Filter("Day", "=", ("2026",)), pair))
    assert difference_filter(check_plan(plan, TABLE)) == pair
    bonn, heavy = Filter("City", "=", ("Bonn",)), Filter("Weight", ">", (Decimal(3),))
    assert check_plan(Plan("share", "Price", (bonn,)), TABLE)
    both = Plan("share", "Price", (bonn, heavy))  # of all, or of the heavy ones?
    for bad in (Plan("difference", "Price"), Plan("share", "Price"), both):
        with pytest.raises(PlanError):
            check_plan(bad, TABLE)


def test_values_of_one_column_are_alternatives() -> None:
    one, two = Filter("City", "=", ("Bonn",)), Filter("City", "=", ("Ulm", "Bonn"))
    above = Filter("Price", ">", (Decimal(1),))
    assert merged_filters([one, above, two, above]) == (
        Filter("City", "=", ("Bonn", "Ulm")), above
    )  # fmt: skip


def test_the_schema_names_real_columns_and_values_only() -> None:
    schema = plan_schema(TABLE)
    text = json.dumps(schema)
    assert schema["properties"]["column"]["enum"] == ["City", "Price", "Weight", "Day"]
    assert schema["properties"]["group_by"]["enum"] == ["", *group_names(TABLE)]
    assert "Day (month)" in group_names(TABLE) and '"Bonn"' in text and "Kiel" not in text
    assert set(schema["properties"]["operation"]["enum"]) == set(OPERATIONS)


ANY = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=5), st.sampled_from(["City", "=", "Day"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.sampled_from(["column", "is", "value", "where", "limit"]), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip


@given(st.fixed_dictionaries({key: ANY for key in written()}))
def test_whatever_a_model_writes_is_a_plan_or_refused(value: dict[str, Any]) -> None:
    try:
        plan = read_plan(value, TABLE)
    except PlanError:
        return
    assert plan.column in {"City", "Price", "Weight", "Day"} and plan.operation in OPERATIONS

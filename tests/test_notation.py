from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.notation import listed_numbers, other_readings, with_decimal_points


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("2,5 m", "2.5 m"),
        ("1.200,50 Euro", "1200.50 Euro"),
        ("1.200.000", "1200000"),
        ("1.200 Euro", "1200 Euro"),
        ("€1.200", "€1200"),
        ("1.200 kg", "1.200 kg"),  # may be either
        ("1,200 kg", "1,200 kg"),
        ("version 2.5.10", "version 2.5.10"),
        ("1,2,3", "1,2,3"),
        ("sections 3,4 and 7", "sections 3,4 and 7"),
        ("f(2,5)", "f(2,5)"),
        ("第3,4条", "第3,4条"),
        ("1,2-dichloroethane", "1,2-dichloroethane"),
        ("X2,5", "X2,5"),
    ],
)
def test_a_comma_is_a_decimal_sign_where_it_can_be_nothing_else(text: str, plain: str) -> None:
    assert with_decimal_points(text) == plain


@given(st.decimals(min_value=0, max_value=10**5, places=2, allow_nan=False), st.booleans())
def test_both_notations_are_read_alike(number: object, is_grouped: bool) -> None:
    english = f"{number:,.2f}" if is_grouped else f"{number:.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert with_decimal_points(f"{german} m") == f"{english.replace(',', '')} m"


def test_readings_that_are_not_sure() -> None:
    assert other_readings("Es wiegt 1.200 kg") == {"1.200": "1200"}
    assert other_readings("Es kostet 1.200 Euro und 1.5") == {}
    assert listed_numbers("See sections 3,4.") == {"3", "4"}
    assert listed_numbers("It is 3,4 m long") == set()

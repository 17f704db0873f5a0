"""A text's numbers by sign, share and decimal sign."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rag.structured.spellings import CONTINENTAL, number_spellings, plain_decimal


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        ("It holds 1,200.50 litres.", {"1200.5"}),
        ("From 5-10 to -3.", {"5", "10", "-3"}),
        ("亏损三百元", {"300", "-300"}),
        ("It is 12.5 percent.", {"12.5", "12.5%"}),
        ("1.13 million", {"1.13", "1130000"}),
        ("1.200,50", {"1200.5", f"1200.5{CONTINENTAL}"}),
        ("nothing", set()),
    ],
)
def test_spellings_of_numbers(text: str, spellings: set[str]) -> None:
    assert number_spellings(text) == spellings


def test_decimals_are_written_as_texts_are_read() -> None:
    assert [plain_decimal(Decimal(one)) for one in ("1E+3", "0.50", "7.0")] == ["1000", "0.5", "7"]

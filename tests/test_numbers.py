from __future__ import annotations

import pytest

from rag.numbers import digits_in, numbers_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,400 EUR", {"1400"}),
        ("１４００元", {"1400"}),
        ("1 400 000", {"1400000"}),
        ("1.50 and 007", {"1.5", "7"}),
        ("E12, 85°C", {"12", "85"}),
        ("2026-05-19", {"2026", "5", "19"}),
        ("1, 2 and 3", {"1", "2", "3"}),
        ("none", set()),
    ],
)
def test_digits(text: str, expected: set[str]) -> None:
    assert digits_in(text) == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("二十七天", "27"),
        ("一千四百元", "1400"),
        ("二〇二六年", "2026"),
        ("三万五千", "35000"),
        ("十", "10"),
        ("一百零五", "105"),
        ("两亿", "200000000"),
        ("twelve months", "12"),
        ("15 September", "9"),
        ("Dec 1", "12"),
        ("1,275", "1275"),
    ],
)
def test_numbers_in_words(text: str, number: str) -> None:
    assert number in numbers_in(text)

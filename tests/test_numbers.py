from __future__ import annotations

import pytest

from rag.numbers import digits_in, figures_in, numbers_in, stated_numbers, without_marks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,400 EUR", {"1400"}),
        ("１４００元", {"1400"}),
        ("1 400 000", {"1400000"}),
        ("1.50 and 007", {"1.5", "7"}),
        ("E12, 85°C", {"85"}),
        ("LX-0047 and EUR742,500, Q4", {"742500"}),
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


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("thirty-one days", {"31"}),
        ("two hundred and fifty thousand", {"250000"}),
        ("within three working days and 22 hours", {"3", "22"}),
        ("one of them may be second to none", set()),
        ("1.8 million", {"1.8"}),
        ("March 3rd, 2025", {"3", "2025"}),
        ("the 4th of May", {"4", "5"}),
        ("they march in may", set()),
        ("一千四百升", {"1400"}),
        ("二十四个月", {"24"}),
        ("二〇二六年", {"2026"}),
        ("十分重要，万一，千万不要，一些", set()),
    ],
)
def test_figures_that_a_statement_claims(text: str, figures: set[str]) -> None:
    assert figures_in(text) == figures
    assert figures <= numbers_in(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("You may open one of two doors.", {"1", "2"}),
        ("三台设备，每台1,200元。", {"3", "1200"}),
        ("上万人到了。", set()),
        ("零度以下。", {"0"}),
        ("On 12 May 2024", {"12", "5", "2024"}),
    ],
)
def test_stated_numbers_are_all_but_months_that_stand_alone(text: str, numbers: set[str]) -> None:
    assert stated_numbers(text) == numbers


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("五、报销\n六、票据", "报销\n票据"),
        ("## （十二）范围", "范围"),
        ("1. One\n  12) Twelve", " One\n Twelve"),
        ("1.5 kg", "1.5 kg"),
        ("第五条", "第五条"),
        ("five 5. May", "five 5. May"),
        ("2024. Then", "2024. Then"),
    ],
)
def test_what_counts_lines_is_no_figure(text: str, left: str) -> None:
    assert without_marks(text) == left

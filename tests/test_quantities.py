from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.quantities import quantities_in, same_value, wrong_sign, wrong_unit


@pytest.mark.parametrize(
    ("text", "number", "value", "kind"),
    [
        ("It weighs 31.5 kilograms.", "31.5", 31.5, "mass"),
        ("机身质量为31.5千克", "31.5", 31.5, "mass"),
        ("1.2 million EUR", "1.2", 1_200_000.0, "euro"),
        ("€1,200,000", "1,200,000", 1_200_000.0, "euro"),
        ("合同金额120万元", "120", 1_200_000.0, "yuan"),
        ("US$ 3 billion", "3", 3e9, "dollar"),
        ("波长 870 nm", "870", 870e-9, "length"),
        ("a 2-hour break", "2", 7200.0, "time"),
        ("提前3个月通知", "3", 3.0, "months"),
        ("12.5％", "12.5", 12.5, "percent"),
        ("85 °C", "85", 85.0, "temperature"),
        ("20 minutes", "20", 1200.0, "time"),
        ("5 metals", "5", 5.0, ""),
        ("保修期二十四个月", "24", 24.0, "months"),
        ("变动超过百分之十二时", "12", 12.0, "percent"),
        ("百分之3.5", "3.5", 3.5, "percent"),
        ("合同金额二十万元", "200000", 200_000.0, "yuan"),
        ("三千克", "3000", 3.0, "mass"),
        ("within twenty-four months", "24", 24.0, "months"),
        ("a two hundred and fifty gram sample", "250", 0.25, "mass"),
        ("power of 5 MW", "5", 5e6, "power"),
        ("power of 5 mW", "5", 5e-3, "power"),
        ("$5m", "5", 5e6, "dollar"),
        ("€3.2M", "3.2", 3.2e6, "euro"),
        ("$50k", "50", 5e4, "dollar"),
        ("5 m", "5", 5.0, "length"),
        ("5 m²", "5", 5.0, "area"),
        ("5平方公里", "5", 5e6, "area"),
        ("-5 °C", "5", -5.0, "temperature"),
        ("零下5℃", "5", -5.0, "temperature"),
        ("5 °C below zero", "5", -5.0, "temperature"),
        ("+/-5 °C", "5", 5.0, "temperature"),
        ("5日元", "5", 5.0, "yen"),
        ("5港元", "5", 5.0, "hong kong dollar"),
        ("2,5 kg", "2.5", 2.5, "mass"),
        ("3,2 Mio. Euro", "3.2", 3.2e6, "euro"),
        ("三点五米", "3.5", 3.5, "length"),
        ("7周年", "7", 7.0, ""),
        ("in 2024 nobody", "2024", 2024.0, ""),
    ],
)
def test_a_number_with_its_unit(text: str, number: str, value: float, kind: str) -> None:
    (found,) = quantities_in(text)
    assert (found.number, found.kind) == (number, kind)
    assert found.value == pytest.approx(value)


def test_the_number_of_a_name_is_no_quantity() -> None:
    assert quantities_in("the X200 and the v2.1") == []


def test_a_number_word_without_a_unit_is_no_quantity() -> None:
    assert quantities_in("one of the seven sisters; 三明治，一切，万一") == []


@pytest.mark.parametrize(
    ("claimed", "source", "wrong"),
    [
        ("120 元", "共计 120 万元", "120"),
        ("120 万元", "共计 120 元", "120"),
        ("1.2 million euros", "EUR 1,200,000", ""),
        ("5 kg", "it weighs 5 g", "5"),
        ("5 kg", "it weighs 5000 g", ""),
        ("5 kg", "it weighs 5", ""),
        ("35毫秒", "exposure_ms: 35", ""),
        ("5 USD", "5 EUR", "5"),
        ("12 months", "价格变动超过百分之十二时", "12"),
        ("五年", "five years", ""),
        ("5 years", "within five months", "5"),
        ("in 2025", "2025年", ""),
        ("12 months", "保修十二个月", ""),
        ("24个月", "twenty-four months", ""),
        ("120万元", "一百二十万元", ""),
        ("5 MW", "5 mW", "5"),
        ("5 MW", "5000 kW", ""),
        ("70 °F", "70 °C", "70"),
        ("5 lb", "5 kg", "5"),
        ("5 m²", "5 m", "5"),
        ("5平方米", "5平方公里", "5"),
        ("5 bar", "5 kPa", "5"),
        ("5日元", "5元", "5"),
        ("2 GB", "2 MB", "2"),
        ("30 days", "within 30 days, at 5 %", ""),
        ("30 months", "within 30 days", "30"),
        ("30 months", "within 31 days", ""),  # another figure: that is for another check
    ],
)
def test_a_unit_that_the_source_does_not_give(claimed: str, source: str, wrong: str) -> None:
    assert wrong_unit(claimed, source) == wrong


@given(
    st.decimals(min_value=1, max_value=10**6, places=2, allow_nan=False),
    st.sampled_from(["kg", "km", "%", "元", "EUR", "days", "ml", "万元", "million USD"]),
)
def test_what_is_repeated_is_never_wrong(number: object, unit: str) -> None:
    text = f"{number} {unit}"
    assert wrong_unit(text, f"it is {text} in all") == ""
    (one,) = quantities_in(text)
    assert one.kind and same_value(one, one)


@pytest.mark.parametrize(
    ("claimed", "source", "wrong"),
    [
        ("5 °C", "at -5 °C", "5"),
        ("-5 °C", "at 5 °C", "-5"),
        ("-5 °C", "minus 5 °C", ""),
        ("5 °C", "-5 to 5 °C", ""),
        ("15 °C", "10–15 °C", ""),
        ("15 °C", "10 –15 °C", ""),
        ("15 °C", "10°C-15°C", ""),
        ("-20 °C", "-20 to 5 °C", ""),
        ("5 kg", "-5 kg", ""),
    ],
)
def test_a_temperature_on_the_other_side_of_zero(claimed: str, source: str, wrong: str) -> None:
    assert wrong_sign(claimed, source) == wrong

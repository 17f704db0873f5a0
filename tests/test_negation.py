from __future__ import annotations

import pytest

from rag.negation import turns_around

OPPOSITES = {
    "en": [
        ("Visitors may enter", "Visitors may not enter."),
        ("You may not smoke.", "You may smoke."),
        ("Smoking is allowed.", "Smoking is prohibited."),
        ("Nobody may enter.", "Anyone may enter."),
        ("Nothing may be stored there.", "Goods may be stored there."),
        ("Employees can’t work remotely.", "Employees can work remotely."),
        ("The device works without a battery", "The device works with a battery."),
        ("Visitors may enter after 6", "Visitors may not enter after 6."),
        (
            "The device supports wireless charging.",
            "The device is waterproof but does not support wireless charging.",
        ),
        ("It supports wireless charging.", "| Wireless charging | No |"),
    ],
    "zh": [
        ("员工可以携带家属", "员工不得携带家属。"),
        ("支持无线充电。", "不支持无线充电。"),
        ("不支持无线充电。", "支持无线充电。"),
        ("价格含税。", "价格不含税。"),
        ("保修覆盖电池。", "保修不覆盖电池。"),
        ("产品防水。", "产品不防水。"),
        ("可以使用酒精清洁。", "请勿使用酒精清洁。"),
        ("请勿使用酒精清洁。", "可以使用酒精清洁。"),
        ("可以退货。", "不予退货。"),
        ("该设备无需校准。", "该设备需要校准。"),
        ("设备没有蓝牙。", "设备有蓝牙。"),
        ("该网络支持主机连接。", "该网络未支持主机连接。"),
        ("根据手册，该设备支持无线充电。", "该设备防水，但不支持无线充电。"),
    ],
    "de": [
        ("Die Batterie ist nicht enthalten.", "Die Batterie ist enthalten."),
        ("Die Batterie ist enthalten.", "Es ist keine Batterie enthalten."),
    ],
    "fr": [("La batterie est incluse.", "La batterie n'est pas incluse.")],
    "es": [("La batería está incluida.", "La batería no está incluida.")],
    "pt": [("A bateria está incluída.", "A bateria não está incluída.")],
    "it": [("La batteria è inclusa.", "La batteria non è inclusa.")],
    "ru": [("Батарея входит в комплект.", "Батарея не входит в комплект.")],
    "ja": [("バッテリーは含まれています。", "バッテリーは含まれていません。")],
    "ar": [("البطارية مشمولة.", "البطارية غير مشمولة.")],
}
AGREEING = {
    "en": [
        ("Visitors may not enter", "Visitors may not enter."),
        ("The pump is blue", "Cats do not sleep at night, said the vet."),
        (
            "The badge must be returned at the end of the day",
            "The badge must be returned at the end of the day and must not be lent to others.",
        ),
        (
            "Batteries are covered for two years.",
            "All batteries come with a two-year warranty, but chargers are not covered.",
        ),
        ("Used batteries are not accepted.", "Used batteries, open packs are not taken back."),
        ("It takes no longer than 5 days.", "It takes at most 5 days."),
        ("It may weigh up to 5 kg.", "It should not exceed 5 kg."),
        ("It is not only cheap but fast.", "It is cheap and fast."),
        ("The deadline is not later than 5 May.", "The deadline is 5 May at the latest."),
        ("Entry is only allowed with a badge.", "Entry is not allowed without a badge."),
        ("Refunds are possible within 30 days.", "Refunds are not possible after 30 days."),
        ("Dogs are allowed on Sundays.", "Dogs are not allowed except on Sundays."),
        ("Guests may enter if accompanied.", "Guests may not enter unless accompanied."),
        ("Access is granted from May.", "Access is not granted until May."),
        ("Smoking is not allowed.", "Smoking is prohibited."),
        ("You do not need a visa.", "No visa is required."),
        ("Use pump 5 here", "Use pump No. 5 here"),
        ("It does not support wireless charging.", "| Wireless charging | ✗ |"),
    ],
    "zh": [
        ("员工不得携带家属", "员工不得携带家属。"),
        ("该网络将支持主机连接。", "未来该网络将支持主机连接。"),
        ("员工每年享有15天年假。", "员工每年享有15天年假，未休完的不得结转。"),
        ("不得超过5天", "最长5天"),
        ("最多5天。", "不超过5天。"),
        ("不少于5人。", "至少5人。"),
        ("禁止吸烟。", "不得吸烟。"),
        ("退货须在7天内提出。", "退货须在7天内提出，逾期不予受理。"),
        ("7天内可以退货。", "7天后不可以退货。"),
        ("经批准可以携带家属。", "未经批准不得携带家属。"),
        ("各部门的标准不同。", "各部门的标准各异。"),
        ("价格不仅含税。", "价格含税。"),
        ("不支持无线充电。", "无线充电：无"),
    ],
    "de": [("Die Frist ist 5 Tage.", "Die Frist ist nicht länger als 5 Tage.")],
    "fr": [("Le délai est de 5 jours.", "Le délai n'est pas plus de 5 jours.")],
    "es": [("El plazo es de 5 días.", "El plazo es no más de 5 días.")],
    "ru": [("Срок 5 дней.", "Срок не более 5 дней.")],
    "ja": [("書類を提出する。", "書類を提出しなければなりません。")],
}


@pytest.mark.parametrize(
    ("statement", "quote"), [pair for pairs in OPPOSITES.values() for pair in pairs]
)
def test_a_no_in_one_of_the_two_turns_it_around(statement: str, quote: str) -> None:
    assert turns_around(statement, quote)
    assert not turns_around(statement, statement) and not turns_around(quote, quote)


@pytest.mark.parametrize(
    ("statement", "quote"), [pair for pairs in AGREEING.values() for pair in pairs]
)
def test_what_only_looks_so_turns_nothing_around(statement: str, quote: str) -> None:
    assert not turns_around(statement, quote)


@pytest.mark.parametrize(
    ("statement", "quote", "near"),
    [
        ("Pets are not allowed", "- Pets", "House rules\nThe following are not allowed:\n- Pets"),
        ("禁止携带宠物", "携带宠物", "园区规定\n禁止事项\n携带宠物"),
    ],
)
def test_a_heading_says_no_for_what_stands_below(statement: str, quote: str, near: str) -> None:
    assert turns_around(statement, quote)
    assert not turns_around(statement, quote, near)
    assert turns_around(statement, quote, f"It is not new.\n{quote}")  # a sentence is no heading

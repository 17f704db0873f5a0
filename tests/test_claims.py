from __future__ import annotations

import pytest

from rag.claims import (
    Fault,
    find_fault,
    labels_in,
    missing_figure,
    missing_name,
    other_row,
    telling_figures,
)

TABLE = "| City | Staff | Managers |\n| 北京、上海 | 580元 | 760元 |\n| 省会城市 | 430元 | 560元 |"
ROWS = TABLE.splitlines()


def test_the_figures_that_a_statement_adds() -> None:
    assert telling_figures("The 2026 budget is 742,500", "What is the 2026 budget?") == {"742500"}
    assert telling_figures("It is 2026", "Is it 2026?") == {"2026"}


@pytest.mark.parametrize(
    ("statement", "source", "missing"),
    [
        ("It holds 1,400 litres", "holds 1400 litres", ""),
        ("It holds 1,500 litres", "holds 1400 litres", "1500"),
        ("about 1.2 million", "of 1,200,000 people", ""),
        ("on 1 May 2024", "2024年5月1日", ""),
        ("on 2 May 2024", "2024-05-01", "2"),
        ("二十七天", "27 days", ""),
        ("item 47", "| LX-0047 | 目镜筒 |", "47"),
        ("kept for five years", "五、报销期限与票据", "5"),  # counts lines, and no years
        ("5 days", "（五）报销期限", "5"),
        ("step 5 is the check", "5. Check the lamp.", ""),
        ("第5步", "五、检查", ""),
        ("within 5 days", "5. Check it within five days.", ""),
        ("保修期为三年。", "保修期为两年。", "3"),
        ("保修期为三年。", "The warranty is 2 years.", "3"),
        ("保修期为两年。", "The warranty is 2 years.", ""),
        ("保修期为三个月。", "保修期为六个月。", "3"),
        ("The trial lasts one month.", "The trial lasts two months.", "1"),
        ("The trial lasts one month.", "The trial lasts a month, not two months.", ""),
        ("员工一年享有15天年假。", "每年15天，满10年的20天。", ""),
        ("The warranty is 24 months.", "The warranty is two years.", ""),
        ("It takes 24 hours.", "It takes 1 day.", ""),
        ("长度是三米。", "长度是3.5米。", "3"),
        ("长度是三米。", "长度是三点五米。", "3"),
        ("长度是3.5米。", "长度是三点五米。", ""),
        ("占3.5%。", "占百分之三点五。", ""),
        ("休息三四天。", "休息3-4天。", ""),
        ("Die Länge beträgt 5 m.", "Die Länge beträgt 2,5 m.", "5"),
        ("The length is 2.5 m.", "Die Länge beträgt 2,5 m.", ""),
        ("长度为2.5米。", "Die Länge beträgt 2,5 m.", ""),
        ("Die Länge beträgt 2,5 m.", "The length is 2.5 m.", ""),
        ("The price is 1,200 euros.", "Der Preis beträgt 1.200 Euro.", ""),
        ("The price is 1.2 euros.", "Der Preis beträgt 1.200 Euro.", "1.2"),
        ("Es wiegt 1.200 kg.", "It weighs 1,200 kg.", ""),
        ("It weighs 1,200 kg.", "Es wiegt 1.200 kg.", ""),
        ("See section 3.", "See sections 3,4 and 7.", ""),
        ("见第3条。", "见第3,4条。", ""),
        ("Salary is $50k.", "Salary is 50,000 dollars.", ""),
        ("Revenue was 5 million dollars.", "Revenue was $5m.", ""),
        ("营收为320万欧元。", "Revenue was €3.2M.", ""),
        ("The meeting is on 5 March 2024.", "Die Sitzung ist am 5. März 2024.", ""),
        ("Die Sitzung ist am 5. März 2024.", "The meeting is on 2024-03-05.", ""),
        ("The meeting is on 5 March 2024.", "Am 05.03.2024 ist Sitzung.", ""),
        ("The meeting is on 5 April 2024.", "Die Sitzung ist am 5. März 2024.", "4"),
        ("油价提高了10倍。", "1973年10月6日，战争爆发。", "10"),
        ("油价提高了10倍。", "1973年10月6日之后，油价提高了十倍。", ""),
        ("It weighs 6 kg.", "On 6 October 1973 it was weighed.", "6"),
        ("公司成立于2024年。", "公司2024年3月5日成立。", ""),
    ],
)
def test_a_figure_must_stand_in_the_source(statement: str, source: str, missing: str) -> None:
    assert missing_figure(statement, source) == missing


@pytest.mark.parametrize(
    ("statement", "source", "missing"),
    [
        ("It is run by Python", "debian/rules is run by make", "python"),
        ("It is run by Make", "debian/rules is run by make", ""),
        ("It is closed on Mondays", "It is closed every Monday.", ""),
        ("It is on 5 March 2024", "Es ist am 5. März 2024.", ""),
        ("It is on 5 March 2024", "Es ist am 5. Mai 2024.", "march"),
        ("The output is 2 GW", "Output: 2,000 MW", ""),
        ("由 Python 运行", "debian/rules 由 make 运行", "python"),
        ("It was Zhou Xiaoman", "周小满按下了按钮", ""),  # written otherwise in another script
    ],
)
def test_a_name_must_stand_in_the_source(statement: str, source: str, missing: str) -> None:
    assert missing_name(statement, source) == missing


def test_a_row_that_another_row_is_named_for() -> None:
    question = "普通员工到省会城市出差，住宿标准是多少？"
    assert other_row("住宿标准是760元", question, ROWS[1], TABLE) == "省会城市"
    assert other_row("住宿标准是430元", question, ROWS[2], TABLE) == ""
    assert other_row("住宿标准是430元", "多少？", ROWS[1], TABLE) == ""  # nothing names a row
    assert other_row("住宿标准是430元", question, "not a row", TABLE) == ""


def test_the_head_of_a_table_is_no_row_of_it() -> None:
    codes = "| Code | Meaning |\n| E12 | Lamp over 85 degrees |\n| E13 | Fan stuck |"
    row = codes.splitlines()[1]
    assert other_row("The fault code E12 means lamp over 85 degrees", "", row, codes) == ""
    assert other_row("Fault code E13 means lamp over 85 degrees", "", row, codes) == ""
    grades = "| Grade | Factor |\n| A | 1.6 |\n| B | 1.2 |"
    assert other_row("A级员工的系数是1.6", "grade", grades.splitlines()[1], grades) == ""


def test_labels_are_cells_without_figures() -> None:
    assert labels_in("| S-101 | Karst Glassworks | 45 | x |") == ["karst glassworks"]


@pytest.mark.parametrize(
    ("statement", "quote", "fault"),
    [
        ("It holds 9 litres", "It holds 7 litres.", Fault("contradicted", "figure", "9")),
        ("It holds 9 litres", "It holds water.", Fault("unsupported", "figure", "9")),
        ("It weighs 7 kg", "It weighs 7 g.", Fault("contradicted", "unit", "7")),
        ("It is made by Acme", "It is made by hand.", Fault("unsupported", "name", "acme")),
        ("It may be opened", "It may not be opened.", Fault("contradicted", "negation")),
        ("It holds 7 litres", "It holds 7 litres.", None),
        ("The minimum is 5 °C", "The minimum is -5 °C.", Fault("contradicted", "figure", "5")),
        (
            "它于2024年5月3日召开",
            "It is on 5 March 2024.",
            Fault("contradicted", "figure", "2024-05-03"),
        ),
        (
            "It is on 3 May 2024",
            "It is on 5 March 2024.",
            Fault("contradicted", "figure", "2024-05-03"),
        ),
        ("它于2024年3月3日召开", "It is from 3 to 5 March 2024.", None),
        ("它于2024年3月5日召开", "It is on 5 March 2024.", None),
    ],
)
def test_the_first_fault_is_told(statement: str, quote: str, fault: Fault | None) -> None:
    assert find_fault(statement, "", quote, quote, quote) == fault


def test_what_the_question_says_need_not_stand_in_the_source() -> None:
    question = "How many litres does the X9 of 2024 hold?"
    assert find_fault("The X9 of 2024 holds 7 litres", question, "7 litres", "7 litres", "") is None

from __future__ import annotations

import pytest
from fakes import WordEncoder, passage

from rag.claims import missing_name
from rag.names import is_unspaced, names_in
from rag.support import SupportChecker


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("debian/rules 文件是用 Python 解释执行的", {"debian", "rules", "python"}),
        ("固定螺钉的拧紧力矩为1.8牛·米", set()),
        ("The first library is used. R asks Bill and ACME-2.", {"bill", "acme-2"}),
        ("Dr Miriam Okafor decides at the Dianchi centre (滇池).", {"miriam", "okafor", "dianchi"}),
        ("Use the command git.", set()),
        ("Der Preis für das Gerät beträgt fünf Euro.", set()),
    ],
)
def test_names(statement: str, names: set[str]) -> None:
    assert names_in(statement) == names


def test_some_latin_names_do_not_make_a_text_spaced() -> None:
    assert is_unspaced("X200维修报价是4860元") and is_unspaced("用 Python 解释")
    assert not is_unspaced("The centre (滇池水质监测中心) was shaken at night by its compressor.")
    assert not is_unspaced("123")


def supported(statement: str, source: str, question: str = "") -> bool:
    checker = SupportChecker([passage(source)], WordEncoder(), question)
    return all(citation.supported for citation in checker.cite(statement, [1]))


def test_a_name_that_no_source_holds_is_not_borne_out() -> None:
    source = "The rules file is run by Make when the package is built."
    assert supported("The rules file is run by Make.", source)
    assert not supported("The rules file is run by Python.", source)
    chinese = "文件 rules 是由 Make 在构建软件包时执行的。"
    assert supported("文件 rules 是由 Make 执行的。", chinese)
    assert not supported("文件 rules 是由 Python 执行的。", chinese)


def test_a_name_of_the_question_or_from_another_script_is_let_pass() -> None:
    source = "The prize went to the team of the centre in May."
    assert supported("The prize went to the team of Ada.", source, "Who of Ada got the prize?")
    assert missing_name("The prize went to Suzhou.", "奖项颁给了苏州团队。") == ""

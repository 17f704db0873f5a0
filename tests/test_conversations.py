"""A table of conversations: what the last turn searches, and which language its answer has."""

from __future__ import annotations

import pytest

from rag.query import Query, understand
from rag.types import Message
from rag.wishes import find_wish, lasting_language


def said(*turns: str) -> list[Message]:
    return [Message("user" if n % 2 == 0 else "assistant", turn) for n, turn in enumerate(turns)]


WEIGHT_Q = "How much does the X200 weigh?"
WEIGHT = said(WEIGHT_Q, "The X200 weighs 42 kilograms [1].")
SALES_Q = "What were the sales in 2021?"
SALES = said(SALES_Q, "Sales were 3.2 million euros [2].")
MEAL_Q = "国内出差每天的餐饮补助是多少？"
MEAL = said(MEAL_Q, "国内出差每天的餐饮补助为95元 [1]。")
SUZHOU_Q = "布里斯托员工每年的学习预算是多少？"
SUZHOU = said(SUZHOU_Q, "布里斯托员工的学习预算是600英镑 [1]。")
SALES_ZH_Q = "2021年的销售额是多少？"
SALES_ZH = said(SALES_ZH_Q, "2021年的销售额是320万元 [2]。")
BIKE_Q = "Wie schwer ist das Gerät X200?"
BIKE = said(BIKE_Q, "Das Gerät wiegt 42 Kilogramm [1].")
TWO = [*WEIGHT, *said("Shorter, please", "42 kilograms [1].")]

# history, last turn, what stands in the first of the texts searched, the answer's language,
# whether it only puts the answer before otherwise
CONVERSATIONS: list[tuple[list[Message], str, tuple[str, ...], str, bool]] = [
    # Follow-ups
    (SALES, "and in 2022?", (SALES_Q, "2022"), "en", False),
    (SALES, "And for Germany?", (SALES_Q, "Germany"), "en", False),
    (SALES, "why?", (SALES_Q,), "en", False),
    (SALES, "Why is that?", (SALES_Q,), "en", False),
    (SALES, "the second one", (SALES_Q,), "en", False),
    (SALES, "What about the next year?", (SALES_Q,), "en", False),
    (SALES, "2023?", ("2023",), "en", False),
    (WEIGHT, "How tall is it?", (WEIGHT_Q, "How tall"), "en", False),
    (WEIGHT, "And its price?", (WEIGHT_Q, "price"), "en", False),
    (WEIGHT, "P1?", ("P1",), "en", False),
    (TWO, "And its price?", (WEIGHT_Q, "price"), "en", False),
    (SALES_ZH, "那2022年呢？", (SALES_ZH_Q, "2022"), "zh", False),
    (SALES_ZH, "为什么？", (SALES_ZH_Q,), "zh", False),
    (SALES_ZH, "第二个呢？", (SALES_ZH_Q,), "zh", False),
    (SALES_ZH, "那德国呢？", (SALES_ZH_Q, "德国"), "zh", False),
    (MEAL, "那国外呢？", (MEAL_Q, "国外"), "zh", False),
    (MEAL, "它什么时候开始执行？", (MEAL_Q, "执行"), "zh", False),
    (MEAL, "还有呢？", (MEAL_Q,), "zh", False),
    (BIKE, "Und wie hoch ist es?", (BIKE_Q, "hoch"), "de", False),
    # Questions that stand
    (WEIGHT, "How long is the warranty of the P1?", ("How long is the warranty of the P1?",),
     "en", False),
    (MEAL, "员工请病假需要提交哪些材料？", ("员工请病假需要提交哪些材料？",), "zh", False),
    (WEIGHT, "员工请病假需要提交哪些材料？", ("员工请病假需要提交哪些材料？",), "zh", False),
    (MEAL, "How long is the warranty of the P1?", ("How long is the warranty of the P1?",),
     "en", False),
    (WEIGHT, "Is the manual available in English?", ("available in English?",), "en", False),
    (MEAL, "手册有英文版吗？", ("手册有英文版吗？",), "zh", False),
    # Corrections
    (WEIGHT, "no, I meant the P1", ("How much does the P1 weigh?",), "en", False),
    (WEIGHT, "No, the P1.", ("How much does the P1 weigh?",), "en", False),
    (WEIGHT, "I meant the P1", ("How much does the P1 weigh?",), "en", False),
    (WEIGHT, "not the X200 but the P1", ("How much does the P1 weigh?",), "en", False),
    (WEIGHT, "Sorry, I was asking about the P1.", ("How much does the P1 weigh?",), "en", False),
    (WEIGHT, "No, I meant how long is the warranty of the P1?",
     ("how long is the warranty of the P1?",), "en", False),
    (SALES, "No, I meant the costs", (SALES_Q, "the costs"), "en", False),
    (SUZHOU, "不对，我问的是苏州", (SUZHOU_Q, "苏州"), "zh", False),
    (SUZHOU, "不是布里斯托，是苏州", ("苏州员工每年的学习预算是多少？",), "zh", False),
    (SUZHOU, "我说的是苏州", (SUZHOU_Q, "苏州"), "zh", False),
    (SUZHOU, "错了，我问的是餐饮补助", (SUZHOU_Q, "餐饮补助"), "zh", False),
    # Languages
    (WEIGHT, "answer in Chinese please", (WEIGHT_Q,), "zh", True),
    (WEIGHT, "in French", (WEIGHT_Q,), "fr", True),
    (WEIGHT, "In French, please.", (WEIGHT_Q,), "fr", True),
    (WEIGHT, "Say that again in Chinese", (WEIGHT_Q,), "zh", True),
    (WEIGHT, "translate that into German", (WEIGHT_Q,), "de", True),
    (WEIGHT, "auf Deutsch bitte", (WEIGHT_Q,), "de", True),
    (WEIGHT, "用中文再说一遍", (WEIGHT_Q,), "zh", True),
    (WEIGHT, "翻译成中文", (WEIGHT_Q,), "zh", True),
    (MEAL, "用英语再说一遍", (MEAL_Q,), "en", True),
    (MEAL, "用英文回答", (MEAL_Q,), "en", True),
    (MEAL, "英文呢？", (MEAL_Q,), "en", True),
    (MEAL, "answer in English please", (MEAL_Q,), "en", True),
    (MEAL, "請用日文回答", (MEAL_Q,), "ja", True),
    (MEAL, "英語で答えて", (MEAL_Q,), "en", True),
    (MEAL, "réponds en français", (MEAL_Q,), "fr", True),
    (WEIGHT, "How long is the warranty of the P1? Answer in French.",
     ("How long is the warranty of the P1?",), "fr", False),
    (MEAL, "用英语回答：员工请病假需要提交哪些材料？", ("员工请病假需要提交哪些材料",),
     "en", False),
    (SALES, "And in 2022? In Chinese, please.", (SALES_Q, "2022"), "zh", False),
    (said("以后都用英文回答", "OK.", MEAL_Q, "95 yuan [1]."), "那国外呢？", (MEAL_Q, "国外"),
     "en", False),
    (said("Answer in French from now on.", "D'accord.", WEIGHT_Q, "42 kg [1]."),
     "How long is the warranty of the P1?", ("How long is the warranty of the P1?",), "fr", False),
    # Forms
    (WEIGHT, "shorter", (WEIGHT_Q,), "en", True),
    (WEIGHT, "Can you make it shorter?", (WEIGHT_Q,), "en", True),
    (WEIGHT, "in one sentence please", (WEIGHT_Q,), "en", True),
    (WEIGHT, "as a table", (WEIGHT_Q,), "en", True),
    (WEIGHT, "Put it in a table", (WEIGHT_Q,), "en", True),
    (WEIGHT, "as bullet points", (WEIGHT_Q,), "en", True),
    (WEIGHT, "Tell me more", (WEIGHT_Q,), "en", True),
    (WEIGHT, "shorter and in French", (WEIGHT_Q,), "fr", True),
    (MEAL, "简短一点", (MEAL_Q,), "zh", True),
    (MEAL, "用表格列出来", (MEAL_Q,), "zh", True),
    (MEAL, "再详细一点", (MEAL_Q,), "zh", True),
    (MEAL, "再说一遍", (MEAL_Q,), "zh", True),
    (MEAL, "一句话概括一下", (MEAL_Q,), "zh", True),
    (TWO, "as a table", (WEIGHT_Q,), "en", True),
    # Nothing was said before
    ([], "shorter", ("shorter",), "en", False),
    ([], "用英语再说一遍", ("用英语再说一遍",), "en", False),
    ([], "no, I meant the P1", ("no, I meant the P1",), "en", False),
    ([], "Answer in German: how much does the X200 weigh?", ("how much does the X200 weigh?",),
     "de", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("history", "turn", "searched", "language", "is_about_answer"),
    CONVERSATIONS,
    ids=[f"{n}-{row[1]}" for n, row in enumerate(CONVERSATIONS)],
)
def test_what_a_turn_searches_and_its_language(
    history: list[Message],
    turn: str,
    searched: tuple[str, ...],
    language: str,
    is_about_answer: bool,
) -> None:
    query: Query = understand(turn, history)
    assert all(part in query.searched[0] for part in searched), query.searched
    assert (query.language, query.is_about_answer) == (language, is_about_answer)
    if not query.notes:
        assert query.searched[0] == query.alone
    if is_about_answer:
        assert query.put == searched[0]


def test_the_table_is_large() -> None:
    assert len(CONVERSATIONS) >= 60


def test_a_wish_for_later_answers_lasts_until_the_next_one() -> None:
    first = said("Answer in French from now on.", "Bien.")
    assert lasting_language(first) == "fr"
    assert lasting_language([*first, *said("以后都用中文回答", "好。")]) == "zh"
    assert lasting_language(said("Answer in French.", "Bien.")) == ""


@pytest.mark.parametrize(
    ("turn", "form"),
    [("shorter", "short"), ("as a table", "table"), ("as a list", "list"), ("更详细一点", "long"),
     ("more simply", "simple"), ("repeat that", "again"), ("What is a table?", "")],
)  # fmt: skip
def test_forms(turn: str, form: str) -> None:
    assert find_wish(turn).form == form

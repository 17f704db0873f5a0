from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.leaning import has_telling_words, leans_on_history

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"

LEANING = [
    "And its warranty?", "And for the next one?", "What about the following type?", "And in 2022?",
    "How much does it cost?", "When did they leave?", "What does that mean?", "Why?", "How so?",
    "And the monthly ones?", "Who erases it?", "What happens after the second one?", "Who else?",
    "What about Karst Glassworks?", "For the next item, are family plans covered?", "For how long?",
    "Is that allowed?", "warranty period?", "And if it's lost?", "Where is it kept?",
    "那第二个呢？", "那北京呢？", "经理呢？", "它的保修期是多久？", "他是哪一年出生的？",
    "其价格是多少？",
    "这个怎么办理？", "还有别的吗？", "如果逾期了呢？", "后者有什么区别？", "那么企业呢",
    "为什么？",
    "それはいくらですか？", "では、二番目は？", "그럼 가격은?", "그것은 얼마입니까?",
    "Und wie lange dauert das?", "Und was kostet er für die Firma?", "Et pour les enfants ?",
    "How many employees does it have?", "What voltage does it need?", "Does that include VAT?",
    "How much does this pump weigh?", "这个产品的保修期是多久？",
    "该合同的期限是多久？", "这款产品多重？",
    "Combien coûte-t-elle ?", "¿Y en 2022?", "¿Cuánto cuesta eso?", "А сколько это стоит?",
]  # fmt: skip
STANDING = [
    "How long is the warranty of the pump?", "What is photosynthesis?", "Who is Marie Curie?",
    "Is it possible to return the pump?", "How long does it take to charge the battery?",
    "When did Tesla sell his patents?", "Which city is the one that hosts the fair?",
    "What happens when the pump loses its pressure?", "What does ERR-4012 mean?",
    "Why do cats sleep?", "What is it that the pump needs?", "What time is it in Tokyo?",
   
    "How many people does it take to lift the pump?", "该如何申请今年的年假？",
    "那曲的海拔是多少？",
    "Android updates schedule for the P1", "What is the next planet after Mars?",
    "水泵的保修期有多长？", "什么是保险？", "借钱给朋友，他不还怎么办？",
    "其他城市的住宿标准是多少？",
    "其中一方死亡的，夫妻共同财产怎么分割？", "如何向商家申请退款呢？", "那不勒斯的人口是多少？",
    "他人侵占我的宅基地怎么办？",
    "ポンプの保証期間はどのくらいですか？", "펌프의 보증 기간은 얼마입니까?",
    "Wie lange ist die Garantie der Pumpe?", "Quelle est la garantie de la pompe ?",
    "¿Cuánto dura la garantía de la bomba?", "Какова гарантия на насос компании?",
]  # fmt: skip


@pytest.mark.parametrize("question", LEANING)
def test_what_needs_what_came_before(question: str) -> None:
    assert leans_on_history(question)


@pytest.mark.parametrize("question", STANDING)
def test_what_stands_alone(question: str) -> None:
    assert not leans_on_history(question)


@pytest.mark.parametrize("question", ["", "?", "  ", "🙂", "\u200b", "x" * 5000])
def test_odd_questions_are_told_somehow(question: str) -> None:
    assert leans_on_history(question) in (True, False)
    assert has_telling_words(question) in (True, False)


def test_telling_words() -> None:
    for question in (
        "And for the next one?",
        "What about the one after that?",
        "那第二个呢？",
        "它呢",
    ):
        assert not has_telling_words(question), question
    for question in ("And its warranty?", "那北京呢？", "What about the CFO?"):
        assert has_telling_words(question), question


@pytest.mark.parametrize(
    ("name", "limit"), [("xquad-en", 0.03), ("xquad-zh", 0.04), ("law-zh", 0.02)]
)
def test_few_real_questions_lean(name: str, limit: float) -> None:
    path = DATA / name / "queries.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    asked = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    assert sum(map(leans_on_history, asked)) <= limit * len(asked)

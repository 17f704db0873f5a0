from __future__ import annotations

import pytest

from rag.language import detect_language
from rag.notices import WARNING, closest_heading, doubt, general_mark, quoted_heading
from rag.prompt import refusal

QUESTIONS = {
    "ar": "كم يستغرق الشحن إلى المدينة؟",
    "de": "Wie lange ist die Garantie der Pumpe?",
    "en": "How long is the warranty of the pump?",
    "es": "¿Cuánto dura la garantía de la bomba?",
    "fr": "Quelle est la durée de la garantie de la pompe ?",
    "it": "Quanto dura la garanzia della pompa?",
    "ja": "ポンプの保証期間はどのくらいですか？",
    "ko": "펌프의 보증 기간은 얼마입니까?",
    "pt": "Qual é a duração da garantia da bomba?",
    "ru": "Какой срок гарантии у насоса?",
    "th": "ปั๊มมีการรับประกันนานเท่าไร",
    "vi": "Máy bơm được bảo hành bao lâu?",
    "zh": "水泵保修多久？",
}


@pytest.mark.parametrize(("language", "question"), QUESTIONS.items())
def test_a_doubt_is_marked_and_in_the_questions_language(language: str, question: str) -> None:
    said = doubt(question)
    assert said.startswith(WARNING) and detect_language(said) == language
    assert said != refusal(question)


def test_what_is_not_from_the_documents_says_so() -> None:
    assert general_mark(QUESTIONS["en"]) == "Not from your documents:"
    assert general_mark(QUESTIONS["zh"]) == "以下内容并非来自您的文档："
    assert len({general_mark(question) for question in QUESTIONS.values()}) == len(QUESTIONS)


def test_what_is_quoted_says_so_in_the_questions_language() -> None:
    assert quoted_heading(QUESTIONS["en"]) == "The documents say:"
    assert quoted_heading("pump", "zh") == "文档中写道："
    assert len({quoted_heading(question) for question in QUESTIONS.values()}) == len(QUESTIONS)


def test_a_language_without_its_own_words_gets_english() -> None:
    assert doubt("რა ღირს?") == doubt("How much?")
    assert closest_heading(QUESTIONS["fr"]) == closest_heading("How much?")
    assert closest_heading(QUESTIONS["zh"]) == "最接近的段落："

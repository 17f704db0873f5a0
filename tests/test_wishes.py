from __future__ import annotations

import pytest

from rag.wishes import find_wish


@pytest.mark.parametrize(
    "turn",
    [
        "论文可以用英文写吗？",
        "合同需要翻译成英文吗？",
        "Do I have to answer in French?",
        "Should employees write it in English?",
    ],
)
def test_a_question_about_a_language_wishes_for_none(turn: str) -> None:
    wish = find_wish(turn)
    assert (wish.rest, wish.language) == (turn, "") or wish.rest == turn.replace("？", "?")


@pytest.mark.parametrize(
    ("turn", "language"),
    [
        ("Can you answer in French?", "fr"),
        ("Could you also say that in German?", "de"),
        ("你能用英文回答吗？", "en"),
        ("能不能用英文回答？", "en"),
        ("请翻译成英文好吗？", "en"),
        ("保修期多久？用英文回答好吗？", "en"),
        ("How long is the warranty? Answer in French?", "fr"),
        ("in French?", "fr"),
    ],
)
def test_a_wish_put_as_a_question_is_one(turn: str, language: str) -> None:
    assert find_wish(turn).language == language

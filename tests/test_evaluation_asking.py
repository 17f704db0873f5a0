from __future__ import annotations

import pytest
from fakes import ScriptedGenerator

from rag.evaluation.asking import (
    ANSWERABLE,
    MAX_TOKENS,
    PASSAGE_CHARACTERS,
    UNANSWERABLE,
    ask_about,
    build_prompt,
    fault,
)
from rag.evaluation.sampling import Evidence
from rag.types import StoredChunk

SENTENCE = "The reserve pump stands in the cellar of the north wing and runs on diesel."


def evidence(text: str = SENTENCE, language: str = "en", before: str = "") -> Evidence:
    whole = before + text
    chunk = StoredChunk(
        7, 3, "/docs/pumps.md", "Pumps", 0, 100, 100 + len(whole), whole, ("Places",), None,
        language,
    )  # fmt: skip
    return Evidence(chunk, 100 + len(before), 100 + len(whole))


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Where is the reserve pump kept?", ""),
        ("Which fuel does the standby pump need if it starts?", ""),
        ("Where is the reserve pump kept", "not one question"),
        ("Where is the pump? What does it burn?", "not one question"),
        ("Where now?", "too short or long"),
        ("Where is " + "a very " * 60 + "big pump?", "too short or long"),
        ("Wo steht die Pumpe für den Notfall, und wer hat sie gebaut?", "another language"),
        ("Where does this document place the pump?", "does not stand alone"),
        ("Where is the pump that is mentioned above?", "does not stand alone"),
        ("According to the given text, where is the pump?", "does not stand alone"),
        ("Where does it stand in the north wing?", "does not stand alone"),
        ("The reserve pump stands in the cellar of the north wing?", "copies the sentence"),
        ("Where do they keep the spare pump?", "does not stand alone"),
        ("Where is the spare pump kept?", "asked already"),
    ],
)
def test_faults(question: str, reason: str) -> None:
    assert fault(question, evidence(), ["Where is the SPARE pump kept?"]) == reason


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("备用水泵应该放在哪里？", ""),
        ("备用水泵用什么燃料？", ""),
        ("该水泵用什么燃料？", "does not stand alone"),
        ("根据文中所述，水泵用什么燃料？", "does not stand alone"),
        ("本文提到的水泵用什么燃料？", "does not stand alone"),
        ("这个水泵用什么燃料？", "does not stand alone"),
        ("它用什么燃料来运行？", "does not stand alone"),
        ("备用水泵位于哪栋楼的地下室？", ""),
        ("备用水泵位于北楼地下室，以柴油为燃料？", "copies the sentence"),
        ("Which fuel does the standby pump need?", "another language"),
    ],
)
def test_faults_in_chinese(question: str, reason: str) -> None:
    sentence = "备用水泵位于北楼地下室，以柴油为燃料。"
    assert fault(question, evidence(sentence, "zh"), []) == reason


@pytest.mark.parametrize(
    ("written", "question"),
    [
        ("Where is it?\nIn the cellar.", "Where is it?"),
        ('\nQuestion in English: "Where is the pump?"', "Where is the pump?"),
        ("问题：水泵在哪里？", "水泵在哪里？"),
        ("", ""),
    ],
)
def test_one_line_is_taken(written: str, question: str) -> None:
    generator = ScriptedGenerator(written)
    assert ask_about(evidence(), generator) == question
    assert generator.generations[0].is_closed


def test_a_prompt_that_does_not_fit_is_not_asked() -> None:
    generator = ScriptedGenerator("Where is the pump?")
    num_tokens = generator.count_chat_tokens(build_prompt(evidence()))
    generator.max_model_len = num_tokens + MAX_TOKENS - 1
    assert ask_about(evidence(), generator) == "" and not generator.prompts
    generator.max_model_len += 1
    assert ask_about(evidence(), generator) == "Where is the pump?"


def test_the_prompt_holds_the_sentence_and_its_surroundings() -> None:
    system, user = build_prompt(evidence(before="Filler words here. " * 500))
    assert system.content == ANSWERABLE
    place, passage, sentence, reminder, asked = user.content.split("\n")
    assert place == "Document: Pumps > Places"
    assert passage.endswith(SENTENCE) and len(passage) <= len("Passage: ") + PASSAGE_CHARACTERS
    assert sentence == f"Sentence: {SENTENCE}"
    assert reminder.endswith("ends in ?)") and asked == "Question in English:"


def test_what_is_not_answered_is_asked_without_the_sentence() -> None:
    system, user = build_prompt(evidence(language="zh"), answerable=False)
    assert system.content == UNANSWERABLE
    assert "Sentence:" not in user.content and user.content.endswith("Question in Chinese (中文):")


def test_a_question_about_a_row_names_what_only_that_row_has() -> None:
    table = "| firm | country |\n| --- | --- |\n| Corvo | Spain |\n"
    row = evidence("| Brisa Circuits | Spain |", before=table)
    assert fault("Which country does Brisa supply from?", row, []) == ""
    assert fault("Which firm of Spain is on the list?", row, []) == "may mean any row"

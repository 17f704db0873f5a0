from __future__ import annotations

import pytest
from fakes import ScriptedGenerator

from rag.errors import GenerationError
from rag.query import understand
from rag.rewriter import MAX_TURN_CHARACTERS, build_rewriting, is_faithful, plain, rewrite
from rag.types import Message

PUMP = [
    Message("user", "How long is the warranty of the pump?"),
    Message("assistant", "It lasts two years [1](/view/3#cite-1)."),
]
PUMP_ZH = [Message("user", "水泵的保修期多长？"), Message("assistant", "保修期为两年 [1]。")]


def test_a_question_that_stands_alone_is_searched_as_it_is() -> None:
    generator = ScriptedGenerator(rewriting="never")
    for history in ([], PUMP):
        query = understand(" Who paints the 'F30'? ", history, generator)
        assert query.asked == query.alone == "Who paints the 'F30'?"
        assert query.searched == (query.alone,) and query.notes == ()
        assert query.literals.identifiers == ("F30",)
    assert generator.rewritings == []  # it costs no second


def test_by_rules_the_question_before_and_its_answer_join() -> None:
    query = understand("And for business customers?", PUMP)
    assert query.alone == f"{PUMP[0].content} And for business customers?"
    assert query.searched == (
        query.alone,
        "It lasts two years. And for business customers?",
        "And for business customers?",
    )
    assert query.notes == (f"searched for: {query.alone}",)
    assert understand("那电机呢？", PUMP_ZH).language == "zh"


def test_a_question_without_words_of_its_own_is_not_searched() -> None:
    generator = ScriptedGenerator(rewriting="What is the next pump?")
    query = understand("And the next one?", PUMP, generator)
    assert generator.rewritings == []
    assert query.searched == (PUMP[0].content, "It lasts two years.")
    assert "next one" in query.alone


def test_the_topic_is_the_newest_question_that_stands() -> None:
    history = [*PUMP, Message("user", "And of the motor?"), Message("assistant", "Three [1].")]
    alone = understand("What about the valve?", history).alone
    assert alone == f"{PUMP[0].content} And of the motor? What about the valve?"
    history += [Message("user", "How heavy is the F30 lamp?"), Message("assistant", "Two kilos.")]
    assert (
        understand("And its price?", history).alone == "How heavy is the F30 lamp? And its price?"
    )


def test_refusals_and_empty_turns_give_no_subject() -> None:
    refused = [PUMP[0], Message("assistant", "The documents do not hold an answer.")]
    assert len(understand("And the valve?", refused).searched) == 2
    assert understand("And the valve?", [Message("user", " ")]).searched == ("And the valve?",)
    assert understand("And it?", [Message("assistant", "Hello")]).searched == ("And it?",)


def test_identifiers_of_the_question_before_count_if_it_has_none() -> None:
    history = [Message("user", "What does ERR-4012 mean?"), Message("assistant", "Too hot.")]
    assert understand("And how is it fixed?", history).literals.identifiers == ("ERR-4012",)
    assert understand("And ERR-4013?", history).literals.identifiers == ("ERR-4013",)


def test_the_model_rewrites_what_leans() -> None:
    generator = ScriptedGenerator(
        rewriting="Alone: How long is the pump's warranty for business customers?\nX"
    )
    query = understand("And for business customers?", PUMP, generator)
    assert query.searched[0] == "How long is the pump's warranty for business customers?"
    assert query.alone == query.searched[0] and PUMP[0].content in query.searched[1]
    assert query.notes == (f"searched for: {query.alone}",)
    assert len(generator.rewritings) == 1 and generator.prompts == []


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("And in 2022?", ""),
        ("And in 2022?", "And in 2022?"),
        ("And in 2022?", "How long was the warranty of the pump?"),  # the year is gone
        ("And in 2022?", "How long was the warranty in 2022 and 2023?"),  # one is invented
        ("And in 2022?", "2022年水泵的保修期多长？"),
        ("And for E_FAIL?", "How long is the warranty for the failure?"),
        ('And for "spare parts"?', "How long is the warranty of parts that are spare?"),
        ("And in 2022?", "It lasted two years in 2022."),
        ("那2022年呢？", "How long was the warranty in 2022?"),
    ],
)
def test_what_cannot_be_trusted_falls_back_on_the_rules(question: str, written: str) -> None:
    query = understand(question, PUMP, ScriptedGenerator(rewriting=written))
    assert query == understand(question, PUMP)


def test_a_rewriting_that_is_cut_or_fails_falls_back() -> None:
    rules = understand("And abroad?", PUMP)
    text = "How long is the warranty of the pump abroad?"
    assert understand("And abroad?", PUMP, ScriptedGenerator(rewriting=text)) != rules
    failing = ScriptedGenerator(rewriting=text, error=GenerationError("it died"))
    assert understand("And abroad?", PUMP, failing) == rules
    small = ScriptedGenerator(rewriting=text, max_model_len=100)
    assert understand("And abroad?", PUMP, small) == rules
    endless = ScriptedGenerator(rewriting="How long is it " * 100)
    assert understand("And abroad?", PUMP, endless) == rules


def test_what_the_model_is_shown() -> None:
    long = [*PUMP, Message("user", "x " * 900), Message("assistant", "fine")] * 3
    system, user = build_rewriting("那第二个呢？", long)
    assert "Alone:" in system.content and user.content.endswith("Alone:")
    assert "Chinese" in user.content and "那第二个呢？" in user.content
    assert len(user.content) < 5 * MAX_TURN_CHARACTERS and "cite-" not in user.content
    assert plain("It is [1] so [2?](/view/x) and [?]\n\nmore.") == "It is so and more."


def test_faithful_rewritings() -> None:
    assert is_faithful("How long is the pump's warranty in 2022?", "And in 2022?", PUMP)
    assert is_faithful("水泵在2022年的保修期多长？", "那2022年呢？", PUMP_ZH)
    assert not is_faithful("Two years", "它呢？", PUMP_ZH)
    assert (
        rewrite("And abroad?", PUMP, ScriptedGenerator(rewriting="How long abroad?"))
        == "How long abroad?"
    )

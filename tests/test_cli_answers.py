from __future__ import annotations

import io

import pytest

from rag.cli_answers import answer_json, print_answer
from rag.types import Answer, AnswerFinished, AnswerText, Found, Progress, SourcesFound


def test_an_answer_that_is_cut_off_is_said_with_the_cure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for is_cut in (False, True):
        answer = Answer("q", "Two", False, (), (), (), 0, 0, "m", is_cut=is_cut)
        print_answer([AnswerFinished(answer)], io.StringIO(), stream=False)
        assert ("max_answer_tokens" in capsys.readouterr().err) is is_cut
        assert answer_json(answer)["cut_off"] is is_cut


def test_progress_of_reading_and_notes_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = Found((), "q", notes=("12 of 40 sections were read",))
    answer = Answer("q", "Two years", False, (), (), (), 0, 0, "m", found=found)
    events = [
        SourcesFound((), (), found),
        Progress(2, 12, "Reading section 3 of 12"),
        AnswerText("Two years"),
        AnswerFinished(answer),
    ]
    out = io.StringIO()
    assert print_answer(events, out, stream=True) is answer
    assert out.getvalue().strip() == "Two years"
    told = capsys.readouterr().err
    assert "Reading section 3 of 12" in told and "Note: 12 of 40 sections were read" in told
    shown = answer_json(answer)
    assert shown["search"]["notes"] == list(found.notes) and "prompt" not in shown

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rag.config import Settings
from rag.errors import SettingError
from rag.evaluation.experiment import Configuration
from rag.evaluation.measures import PerQuery
from rag.evaluation.question_files import Question
from rag.evaluation.spans import GAIN, measure_positions
from rag.evaluation.tuning import (
    MODE,
    SpanMeasure,
    as_text,
    candidates,
    configuration,
    toml_lines,
    tune,
)

SETTINGS = Settings(chunk_tokens=256, top_k=10)
TRIED = candidates(SETTINGS, 512)


def measure_with(good: dict[str, list[int]], size: int = 60) -> Any:
    """Finds the questions of each change's numbers first, all others fourth."""
    queries = [f"q{number:03}" for number in range(size)]
    asked: list[str] = []

    def measure(one: Configuration) -> PerQuery:
        asked.append(one.name)
        first = {number for name, numbers in good.items() if name in one.name for number in numbers}
        return measure_positions({q: 1.0 if int(q[1:]) in first else 4.0 for q in queries})

    return measure, asked


def find(good: dict[str, list[int]], size: int = 60) -> Any:
    measure, asked = measure_with(good, size)
    return tune(SETTINGS, measure, TRIED, lambda line: None), asked


def test_candidates_differ_from_the_present_settings() -> None:
    assert [as_text(one) for one in TRIED] == [
        "chunk_tokens = 128", "chunk_tokens = 512", "top_k = 20", "sentence_vectors = false",
        'mode = "dense"', 'mode = "lexical"',
    ]  # fmt: skip
    few = candidates(Settings(chunk_tokens=100, sentence_vectors=False), 100)
    assert not any("chunk_tokens" in one for one in few)
    assert {"chunk_tokens": 510} in candidates(SETTINGS, 510)  # all that the encoder reads
    assert {"sentence_vectors": True} in few


def test_a_change_is_made_to_the_settings() -> None:
    one = configuration(SETTINGS, {"chunk_tokens": 128, MODE: "dense"})
    assert (one.settings.chunk_tokens, one.settings.top_k, one.mode) == (128, 10, "dense")
    assert configuration(SETTINGS, {}) == Configuration("the present settings", SETTINGS)
    assert toml_lines({"a": True, "b": 3, "c": "x"}) == ["a = true", "b = 3", 'c = "x"']


def test_nothing_is_recommended_where_nothing_helps() -> None:
    found, asked = find({})
    assert found.confirmed is None and found.recommended == {}
    assert len(asked) == 1 + len(TRIED)
    assert all(trial.gain.mean == 0 for trial in found.trials)


def test_what_helps_most_questions_is_found_and_confirmed() -> None:
    found, _ = find({"top_k = 20": list(range(40)), "128": list(range(60))})
    assert found.recommended == {"chunk_tokens": 128}
    assert found.confirmed.gain.mean > 0.5 and found.confirmed.gain.p_value < 0.01
    assert found.confirmed.gain.num_queries == 30 == found.trials[0].gain.num_queries
    assert found.before[GAIN] == pytest.approx(0.4307, abs=1e-4)


def test_settings_that_help_alone_are_tried_together() -> None:
    found, asked = find({"top_k = 20": list(range(30)), "128": list(range(30, 60))})
    assert asked[-1] in ("chunk_tokens = 128, top_k = 20", "top_k = 20, chunk_tokens = 128")
    assert found.recommended == {"chunk_tokens": 128, "top_k": 20}


def test_a_gain_of_a_few_questions_is_chance() -> None:
    found, _ = find({"128": [3, 31, 44]})
    assert found.recommended == {} and found.confirmed is None


def test_what_only_one_half_shows_is_not_recommended() -> None:
    import random

    from rag.evaluation.tuning import SEED

    queries = [f"q{number:03}" for number in range(60)]
    random.Random(SEED).shuffle(queries)
    half = [int(query[1:]) for query in queries[::2]]
    found, _ = find({"128": half})
    assert found.trials[0].is_better
    assert found.confirmed is not None and not found.confirmed.is_better
    assert found.recommended == {}


def test_the_wrong_way_is_no_gain() -> None:
    measure, _ = measure_with({"present": list(range(60))})
    found = tune(SETTINGS, measure, TRIED, lambda line: None)
    assert found.confirmed is None and all(one.gain.mean < 0 for one in found.trials)


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(SettingError, match="19 questions are too few"):
        find({}, size=19)


def test_folders_that_are_gone_are_named(tmp_path: Path) -> None:
    questions: list[Question] = []
    with pytest.raises(SettingError, match="gone"):
        SpanMeasure([tmp_path / "gone"], questions, None, print)  # type: ignore[arg-type]

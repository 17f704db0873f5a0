from __future__ import annotations

import pytest

from rag.answer_script import CERTAIN_CHARACTERS, is_other_script, shows_script

CHINESE, ENGLISH = "zh", "en"


@pytest.mark.parametrize(
    ("opening", "language", "expected"),
    [
        ("31.5 kilograms[5]", CHINESE, True),
        ("31.5千克", CHINESE, False),
        ("31.5 kg", CHINESE, False),  # a unit is no language
        ("项目内部名称是 Firefly", CHINESE, False),
        ("机身的质量是31.5千克", ENGLISH, True),
        ("The apprentice is 周小满.", ENGLISH, False),
        ("42", CHINESE, False),
    ],
)
def test_an_answer_in_the_other_script(opening: str, language: str, expected: bool) -> None:
    assert is_other_script(opening, language) is expected


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        ("31.5", False),
        ("31.", False),
        ("31.5 kg. ", True),
        ("It is [", True),
        ("x" * CERTAIN_CHARACTERS, True),
    ],
)
def test_when_a_script_shows(opening: str, expected: bool) -> None:
    assert shows_script(opening) is expected

from __future__ import annotations

import threading

import numpy as np
import pytest
from fakes import WordEncoder

from rag.language import detect_language
from rag.probes import PROBES, Probes


@pytest.mark.parametrize("language", PROBES)
def test_each_language_has_the_same_number_of_questions_in_its_own_words(language: str) -> None:
    questions = PROBES[language]
    assert len(set(questions)) == len(PROBES["en"])
    assert detect_language(" ".join(questions)) == language


def test_the_mean_is_made_once_and_is_the_encoders(encoder: WordEncoder) -> None:
    probes = Probes(encoder)
    expected = encoder.encode_queries(PROBES["fr"]).mean(axis=0)
    assert np.allclose(probes.mean("fr"), expected)
    threads = [threading.Thread(target=probes.mean, args=("de",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert probes.mean("de") is probes.mean("de")


def test_a_language_without_probes_takes_the_likely_ones(encoder: WordEncoder) -> None:
    likely = encoder.encode_queries([*PROBES["en"], *PROBES["zh"]]).mean(axis=0)
    assert np.allclose(Probes(encoder).mean("xx"), likely)


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()

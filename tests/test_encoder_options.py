from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.encoder_options import EncoderOptions, Prompts, own_prompts, unit_rows
from rag.errors import SettingError

E5 = {"query": "query: ", "document": "passage: "}
INSTRUCTION = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"
)


@pytest.mark.parametrize(
    ("saved", "name", "expected"),
    [
        (E5, "e5", Prompts("query: ", "passage: ")),
        # As sentence-transformers has it when only these two were saved:
        ({"query": "q: ", "document": "", "passage": "p: "}, "x", Prompts("q: ", "p: ")),
        ({"query": "q: ", "corpus": "c: "}, "x", Prompts("q: ", "c: ")),
        ({"query": "Instruct: find\nQuery:", "document": ""}, "Qwen/Qwen3-Embedding-0.6B",
         Prompts("Instruct: find\nQuery:", "")),
        ({"s2p": "Find: "}, "intfloat/e5-small", Prompts()),
        ({}, "sentence-transformers/all-MiniLM-L6-v2", Prompts()),
        # Known though they save none:
        ({"query": "", "document": ""}, "intfloat/multilingual-e5-small",
         Prompts("query: ", "passage: ")),
        ({}, "intfloat/e5-base-v2", Prompts("query: ", "passage: ")),
        ({}, "intfloat/multilingual-e5-large-instruct", Prompts(INSTRUCTION + "Query: ", "")),
        ({}, "Qwen/Qwen3-Embedding-0.6B", Prompts(INSTRUCTION + "Query:", "")),
        ({}, "BAAI/bge-m3", Prompts()),
        ({}, "BAAI/bge-small-zh-v1.5", Prompts("为这个句子生成表示以用于检索相关文章：", "")),
        ({}, "BAAI/bge-large-en-v1.5",
         Prompts("Represent this sentence for searching relevant passages: ", "")),
        ({}, "me/note5-small", Prompts()),
    ],
)  # fmt: skip
def test_a_model_has_the_prompts_it_was_trained_with(
    saved: dict[str, str | None], name: str, expected: Prompts
) -> None:
    assert own_prompts(saved, name) == expected
    assert EncoderOptions(name=name).prompts(saved) == expected


def test_settings_override_the_models_prompts() -> None:
    options = EncoderOptions(query_prompt="ask: ", document_prompt="none")
    assert options.prompts(E5) == Prompts("ask: ", "")
    assert EncoderOptions(document_prompt="text: ").prompts(E5) == Prompts("query: ", "text: ")


def test_whatever_changes_vectors_changes_their_name_and_nothing_else_does() -> None:
    def name(saved: dict[str, str | None], **changed: object) -> str:
        options = EncoderOptions(**changed)  # type: ignore[arg-type]
        return options.fingerprint("base", saved, options.prompts(saved))

    assert name(E5) == name(E5, query_prompt="query: ") == name({}) == "base"
    others = [
        name(E5, dimension=128), name(E5, dimension=64), name(E5, query_prompt="none"),
        name(E5, document_prompt="none"), name({}, name="intfloat/e5-small"),
        name({"query": "query: ", "passage": "passage: "}),
    ]  # fmt: skip
    assert others[4] == others[5]  # these are the same vectors
    assert len({"base", *others}) == 6


def test_vectors_cannot_become_longer() -> None:
    assert EncoderOptions().shortened(384) == 384
    assert EncoderOptions(dimension=384).shortened(384) == 384
    assert EncoderOptions(dimension=256).shortened(384) == 256
    with pytest.raises(SettingError, match=r"encoder_dimensions is 512.*384"):
        EncoderOptions(dimension=512).shortened(384)


@settings(deadline=None)
@given(st.integers(1, 16), st.integers(0, 5))
def test_shortened_rows_are_units_with_the_ratios_they_had(dimension: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(4, 16)) + 0.1
    unit = unit_rows(rows, dimension)
    assert unit.shape == (4, dimension) and unit.dtype == np.float32
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    cut = rows[:, :dimension]
    assert np.allclose(unit * np.linalg.norm(cut, axis=1, keepdims=True), cut, atol=1e-5)
    assert np.array_equal(unit_rows(rows), unit_rows(rows, 16))

"""What reaches vLLM's own classes: stand-ins record it, so that vLLM is not loaded."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from rag.generate.vllm_engine import NEVER, Request, VllmEngine
from rag.structured.schema import JsonSchema

SCHEMA = JsonSchema(
    {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}
)


class Recorder:
    """Keeps the keywords that it is made with."""

    def __init__(self, **keywords: Any) -> None:
        self.keywords = keywords


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of each `add_request`."""
    calls: list[tuple[Any, ...]] = []
    engine = SimpleNamespace(add_request=lambda *arguments: calls.append(arguments))
    names: dict[str, dict[str, Any]] = {
        "vllm": {
            "LLM": lambda **arguments: SimpleNamespace(llm_engine=engine),
            "SamplingParams": Recorder,
        },
        "vllm.inputs": {"tokens_input": lambda ids: ("tokens", ids)},
        "vllm.sampling_params": {
            "RequestOutputKind": SimpleNamespace(DELTA="delta"),
            "StructuredOutputsParams": Recorder,
        },
    }
    for name, held in names.items():
        module = ModuleType(name)
        module.__dict__.update(held)
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_a_schema_reaches_vllm_as_structured_output(added: list[tuple[Any, ...]]) -> None:
    wanted = SCHEMA.with_refusal()
    VllmEngine({}).add(Request("answer-0", [1, 2], 7, 0.25, avoided=(5,), schema=wanted))
    ((name, prompt, params),) = added
    assert (name, prompt) == ("answer-0", ("tokens", [1, 2]))
    shape = params.keywords.pop("structured_outputs")
    assert shape.keywords == {"json": wanted} and type(shape.keywords["json"]) is dict
    assert wanted["$defs"]["data"]["items"] == {"$ref": "#/$defs/data/$defs/n"}
    assert params.keywords == {
        "max_tokens": 7,
        "temperature": 0.25,
        "logit_bias": {5: NEVER},
        "logprob_token_ids": None,
        "output_kind": "delta",
    }


def test_without_a_schema_the_output_is_free(added: list[tuple[Any, ...]]) -> None:
    VllmEngine({}).add(Request("answer-0", [1], 7, 0.0))
    assert added[0][2].keywords["structured_outputs"] is None


def test_the_grammar_of_what_binds_the_model_allows_what_fits_and_nothing_else() -> None:
    """With the compiler that vLLM itself uses: references lead where they should."""
    xgrammar = pytest.importorskip("xgrammar")
    from xgrammar.testing import _is_grammar_accept_string

    grammar = xgrammar.Grammar.from_json_schema(SCHEMA.with_refusal(), any_whitespace=True)
    for text in ('{"found": true, "data": [1, 2]}', '{"found": false, "data": null}'):
        assert _is_grammar_accept_string(grammar, text)
    for text in (
        '{"found": true, "data": ["x"]}',
        '{"data": [1], "found": true}',
        '{"found": true',
    ):
        assert not _is_grammar_accept_string(grammar, text)

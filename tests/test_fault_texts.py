from __future__ import annotations

from dataclasses import replace
from typing import get_args, get_type_hints

import pytest

from rag.claims import Fault
from rag.fault_texts import explain
from rag.types import Citation

CITATION = Citation(1, 1, "D1", "/1", None, "", 0, 5, "quote", "unsupported")
KINDS = get_args(get_type_hints(Fault)["kind"])


@pytest.mark.parametrize("language", ["en", "zh", "fr"])
@pytest.mark.parametrize("kind", [*KINDS, ""])
def test_every_fault_has_its_words(kind: str, language: str) -> None:
    said = explain(replace(CITATION, fault=kind, detail="<7>"), language)
    assert said and "{" not in said
    assert ("<7>" in said) == (kind in {"figure", "unit", "name", "row"})


@pytest.mark.parametrize(("language", "start"), [("en", "contradicted: "), ("zh", "与来源矛盾：")])
def test_a_contradiction_is_told_apart(language: str, start: str) -> None:
    unsupported = replace(CITATION, fault="figure", detail="7")
    contradicted = replace(unsupported, verdict="contradicted")
    assert explain(contradicted, language) == start + explain(unsupported, language)


def test_what_is_supported_needs_no_reason() -> None:
    assert explain(replace(CITATION, verdict="supported"), "en") == ""

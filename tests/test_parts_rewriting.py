"""Who makes follow-up questions stand alone."""

from __future__ import annotations

import pytest

from rag import parts
from rag.config import load_settings

SERVER = "openai:http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("rewriting", "generator", "device", "by_model"),
    [
        ("auto", "auto", "cpu", False),
        ("auto", "auto", "cuda", True),
        ("auto", SERVER, "cpu", True),
        ("model", "auto", "cpu", True),
        ("rules", SERVER, "cuda", False),
    ],
)
def test_who_rewrites(
    rewriting: str, generator: str, device: str, by_model: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "pick_device", lambda settings: device)
    settings = load_settings(rewriting=rewriting, generator=generator, generator_model="m")
    assert parts.rewrites_by_model(settings) is by_model

"""What the settings make of the encoder's options, the reranker and the vectors' precision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import WordEncoder

from rag import generations, models, parts
from rag.config import Settings, load_settings
from rag.documents import open_old_encoder, open_writer
from rag.encoder_options import EncoderOptions
from rag.errors import GenerationError, SettingError
from rag.models import ResolvedModel
from rag.types import Message


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments that the classes which load models were given."""
    seen: dict[str, Any] = {}

    def recorder(name: str) -> Callable[..., Any]:
        def open_model(path: Any, **keywords: Any) -> Any:
            seen[name] = (path, keywords)
            return WordEncoder()

        return open_model

    found = ResolvedModel("intfloat/e5-small", "/models/e5", "it is set", "hub")
    reranker = ResolvedModel("BAAI/bge-reranker-v2-m3", "/models/bge", "it is set", "hub")
    monkeypatch.setattr(parts, "fetch_encoder", lambda *_: (found, seen.get("export")))
    monkeypatch.setattr(models, "resolve_reranker", lambda *_: reranker)
    monkeypatch.setattr(parts, "_import_heavy", lambda *_: None)
    monkeypatch.setattr(parts, "SentenceEncoder", recorder("torch"))
    monkeypatch.setattr("rag.onnx_encoder.OnnxEncoder", recorder("onnx"))
    monkeypatch.setattr(parts, "CrossEncoderScorer", recorder("reranker"))
    monkeypatch.setattr(parts, "pick_device", lambda settings: "cuda")
    return seen


@pytest.mark.parametrize("kernel", ["torch", "onnx"])
def test_both_kernels_get_the_encoders_options(opened: dict[str, Any], kernel: str) -> None:
    settings = load_settings(
        encoder_dimensions=256, query_prompt="ask: ", document_prompt="none", num_threads=3
    )
    if kernel == "onnx":
        opened["export"] = Path("/export")
    parts.open_encoder(settings, print)
    path, keywords = opened[kernel]
    assert str(path) == ("/export" if kernel == "onnx" else "/models/e5")
    assert keywords["options"] == EncoderOptions("ask: ", "none", 256, "intfloat/e5-small")
    assert keywords["num_threads"] == 3


def test_no_reranker_is_loaded_unless_one_is_set(opened: dict[str, Any]) -> None:
    assert parts.open_reranker(load_settings(), print) is None
    assert "reranker" not in opened


def test_the_reranker_gets_its_settings(opened: dict[str, Any]) -> None:
    settings = load_settings(
        reranker="BAAI/bge-reranker-v2-m3", reranker_candidates=12, reranker_ms=250
    )
    reranker = parts.open_reranker(settings, print)
    assert reranker is not None and reranker.num_candidates == 12
    assert opened["reranker"] == (
        "/models/bge",
        {"name": "BAAI/bge-reranker-v2-m3", "device": "cuda", "num_threads": None},
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder_dimensions", 0), ("vector_precision", "int4"), ("reranker_ms", 0),
        ("reranker_candidates", 0),
    ],
)  # fmt: skip
def test_values_that_cannot_work_are_refused(name: str, value: object) -> None:
    with pytest.raises(SettingError, match=name):
        load_settings(**{name: value})


def _filled(settings: Settings, encoder: WordEncoder) -> None:
    from ingest.sync import sync

    docs = settings.index.parent / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "pump.txt").write_text("The pump is blue.")
    with open_writer(settings, encoder, lambda _: None) as indexes:
        sync(indexes, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        indexes.save()


def test_the_precision_reaches_the_index_and_its_next_generation(tmp_path: Path) -> None:
    settings = Settings(index=tmp_path / "index", vector_precision="float16")
    _filled(settings, WordEncoder(64))
    with parts.open_indexes(settings, 64, read_only=True) as indexes:
        assert indexes.dense.held_precision == "float16" and len(indexes.dense) == 1
        assert indexes.verify() == []
    _filled(settings, WordEncoder(32))  # shorter vectors: a new generation
    assert generations.current(settings.index) != settings.index
    with parts.open_indexes(settings, 32, read_only=False) as indexes:
        assert indexes.dense.held_precision == "float16"
        assert indexes.dense.vectors(np.array(indexes.dense.ids())).shape == (1, 32)
        assert indexes.verify() == []


@pytest.mark.parametrize("noted", ['{"encoder": "old"}', '{"encoder": "old", "query_prompt": "q"}'])
def test_an_old_encoder_is_opened_as_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: str
) -> None:
    """Settings that there were not yet when it was noted have their defaults."""
    asked: list[Settings] = []

    def open_encoder(settings: Settings, say: Any) -> WordEncoder:
        asked.append(settings)
        return WordEncoder()

    class Meta:
        def get_meta(self, key: str) -> str:
            return noted if key == "encoder_settings" else WordEncoder().fingerprint

    monkeypatch.setattr(parts, "open_encoder", open_encoder)
    now = Settings(index=tmp_path, encoder_dimensions=128, encoder="new")
    meta: Any = Meta()
    assert open_old_encoder(now, meta, lambda _: None) is not None
    expected = ("old", None, "q" if "query_prompt" in noted else "auto")
    (used,) = asked
    assert (used.encoder, used.encoder_dimensions, used.query_prompt) == expected


class _Failing:
    state = "restarting"


def test_a_failed_language_model_shows_in_the_state() -> None:
    failing: Any = _Failing()
    assert parts.state_with(None, "ready") == "ready"
    assert parts.state_with(failing, "Loading") == "Loading"
    assert "being restarted" in parts.state_with(failing, "ready")
    failing.state = "stopped"
    assert "start Footnote again" in parts.state_with(failing, "ready")
    failing.state = "ready"
    assert parts.state_with(failing, "ready") == "ready"


def test_the_servers_of_a_model_are_named_between_commas() -> None:
    named = "openai:http://a/v1/, https://b/v1 ,http://a/v1"
    assert parts.server_urls(load_settings(generator=named)) == ["http://a/v1", "https://b/v1"]
    for wrong in ("openai:", "openai:http://a/v1,", "openai:a:8001"):
        with pytest.raises(SettingError, match=r"127\.0\.0\.1:8001"):
            parts.open_generator(load_settings(generator=wrong, generator_model="m"), print)
    with pytest.raises(SettingError, match="generator_model"):
        parts.open_generator(load_settings(generator="openai:http://a/v1"), print)


def test_a_model_without_a_server_is_opened_and_shows_it() -> None:
    generator = parts.open_generator(
        load_settings(
            generator="openai:http://127.0.0.1:1/v1", generator_model="m", first_token_seconds=5
        ),
        print,
    )
    assert generator is not None
    try:
        assert parts.state_with(generator, "ready") == "ready"  # one look is not three failures
        with pytest.raises(GenerationError, match="Start the server"):
            list(generator.generate([Message("user", "?")], max_tokens=5))
        assert "it is tried again" in parts.state_with(generator, "ready")
    finally:
        generator.close()

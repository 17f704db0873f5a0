from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.encoder import SentenceEncoder, document_input, embedding_key, length_batches
from rag.encoder_options import EncoderOptions
from rag.errors import ModelError

TEXTS = [
    "The warranty lasts two years.",
    "保修期为两年。",
    "A kettle holds 1.7 litres of water, " * 30,
    "",
    "水壶",
]


@given(st.lists(st.integers(0, 600), max_size=80), st.integers(1, 2048))
def test_batches_hold_everything_once_and_are_bounded(lengths: list[int], limit: int) -> None:
    batches = length_batches(lengths, limit)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= limit


def test_where_a_chunk_stands_is_encoded_before_its_text() -> None:
    assert document_input("Guide > Pumps", "Text") == "Guide > Pumps\nText"
    assert document_input("", "Text") == "Text"


@pytest.mark.model
def test_vectors_are_unit_rows_in_the_order_given(encoder: SentenceEncoder) -> None:
    rows = encoder.encode_documents(TEXTS)
    assert rows.shape == (5, encoder.dimension) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode_documents([text]) for text in TEXTS])
    assert (rows * alone).sum(axis=1).min() > 0.999
    assert encoder.encode_documents([]).shape == encoder.encode_queries([]).shape == (0, 384)


@pytest.mark.model
def test_meaning_crosses_languages(encoder: SentenceEncoder) -> None:
    documents = encoder.encode_documents(
        ["The warranty lasts two years.", "Cats sleep for most of the day.", "保修期为两年。"]
    )
    similarities = documents @ encoder.encode_queries(["设备保修多长时间？"])[0]
    assert similarities.argmin() == 1 and similarities.argmax() == 2


@pytest.mark.model
def test_queries_and_documents_have_prompts_of_their_own(encoder: SentenceEncoder) -> None:
    text = ["warranty"]
    assert not np.allclose(encoder.encode_queries(text), encoder.encode_documents(text), atol=1e-3)


@pytest.mark.model
def test_token_starts_ascend_and_name_characters(encoder: SentenceEncoder) -> None:
    text = "  Hello, wörld! 保修期。 " * 50
    starts = encoder.token_starts(text)
    assert (np.diff(starts) >= 0).all() and starts[0] >= 0 and starts[-1] < len(text)
    assert len(starts) > 300


@pytest.mark.model
def test_the_fingerprint_is_the_models_not_the_folders(
    encoder: SentenceEncoder, encoder_folder: str, tmp_path: Path
) -> None:
    shutil.copytree(encoder_folder, tmp_path / "copy")
    copy = SentenceEncoder(str(tmp_path / "copy"))
    assert copy.fingerprint == encoder.fingerprint
    key = embedding_key(encoder, "context", "text")
    assert embedding_key(copy, "context", "text") == key
    assert embedding_key(encoder, "contex", "ttext") != key


@pytest.mark.model
def test_a_folder_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="footnote models fetch"):
        SentenceEncoder(str(tmp_path))


@pytest.mark.model
def test_shorter_vectors_are_the_first_numbers_of_the_long_ones(
    encoder: SentenceEncoder, encoder_folder: str
) -> None:
    short = SentenceEncoder(encoder_folder, options=EncoderOptions(dimension=128))
    assert short.dimension == 128 and short.max_tokens == encoder.max_tokens
    assert short.fingerprint != encoder.fingerprint
    for kind in ("encode_documents", "encode_queries"):
        rows, expected = getattr(short, kind)(TEXTS), getattr(encoder, kind)(TEXTS)[:, :128]
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        assert rows.shape == expected.shape and np.allclose(rows, expected, atol=1e-5)


class FakeModel:
    """Stands for sentence-transformers' class; its vectors count characters."""

    made: ClassVar[list[FakeModel]] = []

    def __init__(self, path: str, *, device: str, **keywords: Any) -> None:
        self.device, self.keywords = device, keywords
        self.batches: list[list[str]] = []
        self.prompts_used: set[tuple[str, str]] = set()
        self.prompts, self.max_seq_length = {"document": "d: "}, 12
        FakeModel.made.append(self)

    def tokenizer(self, texts: list[str], **_: Any) -> dict[str, Any]:
        return {"input_ids": [text.split() for text in texts]}

    def get_embedding_dimension(self) -> int:
        return 2

    def encode_query(self, texts: list[str], **keywords: Any) -> np.ndarray:
        return self._encode("query", texts, **keywords)

    def encode_document(self, texts: list[str], **keywords: Any) -> np.ndarray:
        return self._encode("document", texts, **keywords)

    def _encode(self, kind: str, texts: list[str], prompt: str, **keywords: Any) -> np.ndarray:
        assert keywords == {"batch_size": len(texts), "show_progress_bar": False}
        self.prompts_used.add((kind, prompt))
        self.batches.append(texts)
        return np.array([[len(text), 1] for text in texts], dtype=np.float64)


def test_every_gpu_holds_a_replica_in_half_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sentence_transformers
    import torch

    FakeModel.made.clear()
    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", FakeModel)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr("rag.encoder.GPU_BATCH_TOKENS", 8)
    encoder = SentenceEncoder(str(tmp_path), device="cuda")
    assert [model.device for model in FakeModel.made] == ["cuda:0", "cuda:1", "cuda:2"]
    assert all(m.keywords["model_kwargs"] == {"dtype": torch.float16} for m in FakeModel.made)
    texts = ["a " * (1 + i % 8) for i in range(100)]
    rows = encoder.encode_documents(texts)
    expected = np.array([[len(text), 1] for text in texts], dtype=np.float64)
    assert np.allclose(rows, expected / np.linalg.norm(expected, axis=1, keepdims=True))
    assert set().union(*(model.prompts_used for model in FakeModel.made)) == {("document", "d: ")}
    done = sorted(text for model in FakeModel.made for batch in model.batches for text in batch)
    assert done == sorted(texts)


def test_the_prompts_given_to_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sentence_transformers

    FakeModel.made.clear()
    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", FakeModel)
    chosen = EncoderOptions(query_prompt="ask: ", document_prompt="none", dimension=1)
    encoder = SentenceEncoder(str(tmp_path), options=chosen)
    (model,) = FakeModel.made
    assert encoder.encode_queries(["a"]).tolist() == [[1.0]]
    assert model.prompts_used == {("query", "ask: ")}
    encoder.encode_documents(["a"])
    # Not None: that would take a model's default.
    assert model.prompts_used == {("query", "ask: "), ("document", "")}
    assert encoder.max_tokens == 12 - 2
    named = SentenceEncoder(str(tmp_path), options=EncoderOptions(name="x/e5-small"))
    named.encode_queries(["a"])
    assert FakeModel.made[1].prompts_used == {
        ("query", "")
    }  # what it has saved wins over its family's

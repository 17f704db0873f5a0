"""The exported encoder against sentence-transformers: a tiny model made here, and the real one."""

from __future__ import annotations

import json
import shutil
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag import onnx_export
from rag.encoder import BATCH_TOKENS, SentenceEncoder, folder_fingerprint
from rag.encoder_options import EncoderOptions
from rag.errors import ModelError
from rag.machine import has_int8_instructions
from rag.onnx_encoder import ABOUT_FILE, MODEL_FILE, OnnxEncoder
from rag.onnx_export import FAILED_FILE, export, export_folder, failure, prepare_onnx

WORDS = ["the", "pump", "is", "blue", "red", "warm", "cold", "query", "passage", "water", "valve"]
TEXTS = ["the pump is blue", "red valve", "", "water " * 90, "the WARM pump", "warm"]
MAX_LENGTH = 24
exact_int8 = pytest.mark.skipif(
    not has_int8_instructions(), reason="sums of int8 products overflow on this processor"
)


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT whose first token is the sentence's vector, unnormalized, with prompts."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    bare, folder = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("tiny")
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", ":", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=MAX_LENGTH)  # as some published tokenizers have it
    tokenizer.enable_truncation(MAX_LENGTH)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
    ).save_pretrained(bare)  # fmt: skip
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=MAX_LENGTH, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(1)
    BertModel(config).save_pretrained(bare)
    body = Transformer(str(bare), max_seq_length=MAX_LENGTH)
    model = SentenceTransformer(
        modules=[body, Pooling(32, pooling_mode="cls")],
        prompts={"query": "query: ", "document": "passage: "},
        device="cpu",
    )
    model.save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def tiny_export(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("onnx")
    export(tiny_folder, target, "tiny")
    return target


@pytest.fixture(scope="module")
def tiny(tiny_export: Path) -> OnnxEncoder:
    return OnnxEncoder(tiny_export, num_threads=2)


@exact_int8
@pytest.mark.parametrize(
    "options",
    [EncoderOptions(dimension=8), EncoderOptions(query_prompt="blue ", document_prompt="none")],
)
def test_options_do_the_same_in_both_kernels(
    tiny: OnnxEncoder, tiny_export: Path, tiny_folder: Path, options: EncoderOptions
) -> None:
    exported = OnnxEncoder(tiny_export, num_threads=2, options=options)
    original = SentenceEncoder(str(tiny_folder), options=options)
    assert (exported.dimension, exported.max_tokens) == (original.dimension, original.max_tokens)
    assert exported.fingerprint != tiny.fingerprint == "tiny"
    for kind in ("encode_documents", "encode_queries"):
        rows, expected = getattr(exported, kind)(TEXTS), getattr(original, kind)(TEXTS)
        assert rows.shape == expected.shape
        assert (rows * expected).sum(axis=1).min() > 0.98


@exact_int8
def test_vectors_are_those_of_sentence_transformers(tiny: OnnxEncoder, tiny_folder: Path) -> None:
    original = SentenceEncoder(str(tiny_folder))
    assert (tiny.dimension, tiny.max_tokens) == (original.dimension, original.max_tokens)
    for kind in ("encode_documents", "encode_queries"):
        rows, expected = getattr(tiny, kind)(TEXTS), getattr(original, kind)(TEXTS)
        assert rows.shape == expected.shape and rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        assert (rows * expected).sum(axis=1).min() > 0.98
        nearest = (rows @ expected.T).argmax(axis=1)
        assert nearest.tolist() == list(range(len(TEXTS)))
    for text in TEXTS:
        assert tiny.token_starts(text).tolist() == original.token_starts(text).tolist()


def test_a_long_text_keeps_prompt_and_special_tokens(tiny: OnnxEncoder) -> None:
    short, long = tiny.model_ids(["the pump", "water " * 500], "query")
    assert len(long) == MAX_LENGTH and long[0] == short[0] == 2 and long[-1] == short[-1] == 3
    assert long[1:3] == short[1:3]  # query:
    assert len(tiny.model_ids(["water " * tiny.max_tokens], "document")[0]) == MAX_LENGTH
    whole = "water " * tiny.max_tokens
    assert tiny.model_ids([whole], "document") == tiny.model_ids([whole + "red"], "document")


def test_many_batches_come_back_in_order(tiny: OnnxEncoder) -> None:
    texts = [f"{WORDS[i % 11]} " * (1 + i % 20) for i in range(BATCH_TOKENS // 2)]
    rows = tiny.encode_documents(texts)
    alone = np.concatenate([tiny.encode_documents([text]) for text in texts[:40]])
    assert (rows[:40] * alone).sum(axis=1).min() > 0.98
    assert tiny.encode_documents([]).shape == tiny.encode_queries([]).shape == (0, 32)


def test_what_is_not_like_the_original_is_refused(tiny: OnnxEncoder) -> None:
    rows = [tiny.encode_documents(onnx_export.SAMPLES), tiny.encode_queries(onnx_export.SAMPLES)]
    onnx_export._check(tiny, rows)
    with pytest.raises(ModelError, match="cosine"):
        onnx_export._check(tiny, [rows[0], -rows[1]])


def test_a_damaged_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ABOUT_FILE).write_text("{}")
    with pytest.raises(ModelError, match="models fetch"):
        OnnxEncoder(tmp_path)


# ------------------------------------------------------------- keeping the export


class InThisProcess:
    """Stands for the process pool; `error` is what the export ends with."""

    error: Exception | None = None

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def submit(self, work: Any, folder: Path, made: Path, name: str) -> InThisProcess:
        for file in (MODEL_FILE, ABOUT_FILE):
            (made / file).write_text(name)
        return self

    def result(self) -> None:
        if self.error:
            raise self.error


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(onnx_export, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(InThisProcess, "error", None)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 32}))
    return folder


def ignore(_: str) -> None:
    pass


def test_an_export_is_made_once_and_named_by_the_model(model: Path, tmp_path: Path) -> None:
    cache, said = tmp_path / "cache", []
    made = prepare_onnx(model, cache, said.append)
    assert made == export_folder(model, cache) and (made / MODEL_FILE).is_file()
    assert prepare_onnx(model, cache, said.append) == made and len(said) == 1
    assert made.name != folder_fingerprint(model)  # vectors of two kernels never mix
    shutil.copytree(model, tmp_path / "copy")
    assert export_folder(tmp_path / "copy", cache) == made
    (model / "config.json").write_text(json.dumps({"hidden_size": 64}))
    assert export_folder(model, cache) != made


def test_a_failure_is_remembered_until_the_export_is_asked_for(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr(InThisProcess, "error", ValueError("no such operator"))
    with pytest.raises(ModelError, match="no such operator"):
        prepare_onnx(model, cache, ignore)
    assert "no such operator" in (failure(model, cache) or "")
    assert [p.name for p in (cache / "onnx").iterdir() if not p.name.startswith(".lock")] == [
        export_folder(model, cache).name
    ]
    monkeypatch.setattr(InThisProcess, "error", None)
    made = prepare_onnx(model, cache, ignore)
    assert (made / MODEL_FILE).is_file() and not (made / FAILED_FILE).exists()
    assert failure(model, cache) is None


def test_a_process_that_was_killed_leaves_nothing_and_is_tried_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    leftover = cache / "onnx" / f".tmp-{export_folder(model, cache).name}-dead"
    leftover.mkdir(parents=True)
    monkeypatch.setattr(InThisProcess, "error", BrokenProcessPool("killed"))
    with pytest.raises(ModelError, match="memory"):
        prepare_onnx(model, cache, ignore)
    assert failure(model, cache) is None
    assert [p.name[:5] for p in (cache / "onnx").iterdir()] == [".lock"]


# ------------------------------------------------------------------ the real one


@pytest.mark.model
def test_the_real_export_is_as_good_as_torch(
    encoder: SentenceEncoder, encoder_folder: str, models_cache: Path
) -> None:
    folder = export_folder(Path(encoder_folder), models_cache)
    if not (folder / ABOUT_FILE).is_file():
        pytest.skip("the int8 encoder is not in the cache: run `footnote models fetch`")
    fast = OnnxEncoder(folder)
    assert fast.fingerprint != encoder.fingerprint
    assert (fast.dimension, fast.max_tokens) == (encoder.dimension, encoder.max_tokens)
    texts = ["The warranty lasts two years.", "保修期为两年。", "A kettle holds water. " * 300]
    rows = fast.encode_documents(texts)
    assert (rows * encoder.encode_documents(texts)).sum(axis=1).min() > 0.98
    similarities = rows[:2] @ fast.encode_queries(["设备保修多长时间？"])[0]
    assert similarities.min() > 0.8
    assert fast.token_starts(texts[2]).tolist() == encoder.token_starts(texts[2]).tolist()

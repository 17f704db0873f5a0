"""The encoder's forward pass alone: what no pipeline can be faster than."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag.encoder import BATCH_TOKENS, Encoder, SentenceEncoder, length_batches
from rag.onnx_encoder import OnnxEncoder


def prepare_forward(encoder: Encoder, texts: list[str]) -> tuple[Callable[[], Any], int]:
    """Tokenize, sort and batch the texts; what is left to do, and the number of tokens."""
    if isinstance(encoder, OnnxEncoder):
        return _onnx(encoder, texts)
    if isinstance(encoder, SentenceEncoder):
        return _torch(encoder, texts)
    raise TypeError(f"no raw forward pass is known for {type(encoder).__name__}")


def _onnx(encoder: OnnxEncoder, texts: list[str]) -> tuple[Callable[[], Any], int]:
    ids = encoder.model_ids(texts, "document")
    order = length_batches([len(one) for one in ids], BATCH_TOKENS)[::-1]
    batches = [[ids[i] for i in batch] for batch in order]
    return lambda: list(encoder.pool.map(encoder.run, batches)), sum(map(len, ids))


def _torch(encoder: SentenceEncoder, texts: list[str]) -> tuple[Callable[[], Any], int]:
    import torch

    model = encoder._free.get()
    encoder._free.put(model)
    tokenizer, device = model.tokenizer, model.device
    inputs = [model.prompts.get("document", "") + text for text in texts]
    lengths = [len(ids) for ids in tokenizer(inputs, truncation=True)["input_ids"]]
    batches = [
        tokenizer([inputs[i] for i in batch], padding=True, truncation=True, return_tensors="pt")
        for batch in length_batches(lengths, BATCH_TOKENS)[::-1]
    ]

    @torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
    def forward() -> None:
        for batch in batches:
            model(dict(batch.to(device)))["sentence_embedding"].float().cpu()

    return forward, sum(lengths)

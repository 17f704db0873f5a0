"""From a sentence-transformers folder to an int8 ONNX file, kept in the cache.

The file holds all of the model, pooling and normalization too: token ids in, unit rows out.
It is made in a process of its own, whose memory (five times the weights) is given back.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from rag.encoder import folder_fingerprint
from rag.encoder_options import own_prompts
from rag.errors import ModelError
from rag.model_packages import exclusive
from rag.onnx_encoder import ABOUT_FILE, MODEL_FILE, TOKENIZER_FILE, OnnxEncoder

Say = Callable[[str], None]

EXPORT_VERSION = 1  # raise it when the file changes: its vectors are then others
FAILED_FILE = "failed.txt"
OPSET = 17
MIN_COSINE = 0.95  # int8 keeps 0.99; a wrong pooling or a lost prompt falls far below
SAMPLES = [
    "The warranty lasts two years.",
    "保修期为两年。",
    "A kettle holds 1.7 litres of water. " * 4,
    "水壶可装一点七升水，烧开需要三分钟。" * 60,
    "x",
]


def export_folder(folder: Path, cache_dir: Path) -> Path:
    """Where the exported model of a folder stands, or would stand."""
    return cache_dir / "onnx" / _fingerprint(folder)


def failure(folder: Path, cache_dir: Path) -> str | None:
    """Why an earlier attempt failed, so that it is not repeated at each start."""
    try:
        return (export_folder(folder, cache_dir) / FAILED_FILE).read_text("utf-8")
    except OSError:
        return None


def prepare_onnx(folder: Path, cache_dir: Path, say: Say) -> Path:
    """The exported model of a folder, made if it is not here. Raises ModelError if it fails."""
    final = export_folder(folder, cache_dir)
    if (final / ABOUT_FILE).is_file():
        return final
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(final.parent / f".lock-{final.name}", say):
            if not (final / ABOUT_FILE).is_file():  # another process may have done it
                say("The encoder is converted to int8 for this processor, once (about a minute)")
                _prepare(folder, final)
    except OSError as error:
        raise ModelError(
            f"The encoder could not be converted into {final.parent} ({error}). "
            "Free some space, or set another cache, or set encoder_kernel = torch."
        ) from error
    return final


def _prepare(folder: Path, final: Path) -> None:
    """Export, then rename: the final name appears only when all is done."""
    for leftover in final.parent.glob(f".tmp-{final.name}-*"):  # of a process that died
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".tmp-{final.name}-", dir=final.parent))
    made = work / "made"
    made.mkdir()
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            executor.submit(_export_quietly, folder, made, final.name).result()
        _replace(made, final, work)
    except BrokenProcessPool as error:  # most likely killed for its memory: it may work later
        raise ModelError(
            f"The encoder {folder} was not converted to int8: the process was stopped, probably "
            "for want of memory. Free some, or set encoder_kernel = torch."
        ) from error
    except OSError:
        raise
    except Exception as error:  # the exporter's own errors are of any kind
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        (made / FAILED_FILE).write_text(f"{type(error).__name__}: {error}", "utf-8")
        _replace(made, final, work)
        raise ModelError(
            f"The encoder {folder} cannot be converted to int8 ({error}). "
            "Set encoder_kernel to auto or torch."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _replace(made: Path, final: Path, work: Path) -> None:
    if final.exists():  # a failure, or damaged
        os.replace(final, work / "old")
    os.replace(made, final)


def _export_quietly(folder: Path, target: Path, fingerprint: str) -> None:
    """In the process of its own: the quantizer advises a step that changes nothing here."""
    import logging

    from transformers.utils import logging as transformers_logging

    logging.disable(logging.WARNING)
    transformers_logging.disable_progress_bar()
    export(folder, target, fingerprint)


def export(folder: Path, target: Path, fingerprint: str) -> None:
    """Write the model, its tokenizer and what else is to know; check it against the original."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    model: Any = SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        model_kwargs={"dtype": torch.float32, "attn_implementation": "eager"},
    ).eval()
    tokenizer = model.tokenizer.backend_tokenizer
    prompts = own_prompts(model.prompts, "")
    expected = [
        model.encode_document(SAMPLES, prompt=prompts.document, show_progress_bar=False),
        model.encode_query(SAMPLES, prompt=prompts.query, show_progress_bar=False),
    ]
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(target / TOKENIZER_FILE))
    about = {
        "prompts": model.prompts,
        "max_seq_length": int(model.max_seq_length or 512),
        "dimension": int(model.get_embedding_dimension()),
        "fingerprint": fingerprint,
    }
    _write_graph(model, target / "float.onnx")
    _quantize(target / "float.onnx", target / MODEL_FILE)
    (target / "float.onnx").unlink()
    (target / ABOUT_FILE).write_text(json.dumps(about, ensure_ascii=False), "utf-8")
    _check(OnnxEncoder(target, num_threads=1), expected)


def _write_graph(model: Any, path: Path) -> None:
    import torch

    class Whole(torch.nn.Module):  # type: ignore[misc]
        """(n, length) token ids and mask -> (n, d)."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            return self.model(features)["sentence_embedding"]

    input_ids = torch.ones((2, 16), dtype=torch.int64)  # any ids: only shapes are traced
    mask = torch.ones_like(input_ids)
    mask[1, 10:] = 0
    axes = {0: "batch", 1: "length"}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # about traced branches: the check below judges the result
        torch.onnx.export(
            Whole(),
            (input_ids, mask),
            str(path),
            dynamo=False,  # the newer exporter needs two more packages; its file is 10 % slower
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["sentence_embedding"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "sentence_embedding": {0: ""}},
        )


def _quantize(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source),
        str(target),
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gather"],
    )


def _check(encoder: OnnxEncoder, expected: list[Any]) -> None:
    """Raises ModelError if the vectors differ from the original's by more than rounding."""
    for rows, encode in zip(
        expected, (encoder.encode_documents, encoder.encode_queries), strict=True
    ):
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        cosine = float((encode(SAMPLES) * unit).sum(axis=1).min())
        if cosine < MIN_COSINE:
            raise ModelError(f"its vectors would be too far off: cosine {cosine:.3f}")


def _fingerprint(folder: Path) -> str:
    """Names the vectors: the model's files, and how they were converted."""
    text = f"{folder_fingerprint(folder)} onnx int8 {EXPORT_VERSION}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]

"""From the e5 file (4-bit blocks) to a BERT-shaped folder that sentence-transformers loads."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.model_files import Say, Tensor, write_json, write_safetensors

Floats = NDArray[np.float32]

BLOCK_SIZE = 32  # values in one 4-bit block
BLOCK_BYTES = 18  # a float16 scale and 16 bytes of two values each

E5_LAYER_TENSORS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def dequantize_q4(data: bytes | memoryview) -> Floats:
    """(blocks * 18 bytes) -> (blocks * 32,): scale * (value - 8), low half of each byte first."""
    blocks = np.frombuffer(data, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)  # (blocks, 1)
    packed = blocks[:, 2:]
    values = np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32) - 8
    return np.asarray(values * scales, np.float32).reshape(-1)


@dataclass(frozen=True, slots=True)
class E5File:
    """The parsed head of the file. `tensors` maps a name to (byte offset, bytes)."""

    sizes: dict[str, int]
    epsilon: float
    pieces: list[tuple[str, float]]
    special_ids: dict[str, int]
    tensors: dict[str, tuple[int, int]]


def read_e5(data: memoryview) -> E5File:
    """Parse the head: sizes, the Unigram pieces, and the directory of tensors."""
    if bytes(data[:4]) != b"E5S1":
        raise ModelError("The e5 file does not begin with E5S1; it cannot be converted.")
    position = 8  # after the magic and the version

    def take(layout: str) -> tuple[Any, ...]:
        nonlocal position
        values = struct.unpack_from("<" + layout, data, position)
        position += struct.calcsize("<" + layout)
        return values

    names = ("hidden", "layers", "heads", "ff", "vocabulary", "positions", "types")
    sizes: dict[str, int] = dict(zip(names, take("7i"), strict=True))
    epsilon, block_size = take("fi")
    if block_size != BLOCK_SIZE:
        raise ModelError(f"The e5 file has blocks of {block_size} values; only 32 is known.")
    (num_pieces,) = take("i")
    special_ids = dict(zip(("bos", "eos", "pad", "unk"), take("4i"), strict=True))
    (num_text_bytes,) = take("Q")
    offsets = take(f"{num_pieces + 1}I")
    scores = take(f"{num_pieces}f")
    text = bytes(data[position : position + num_text_bytes])
    position += num_text_bytes
    pieces = [
        (text[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(num_pieces)
    ]
    _, num_normalization_bytes = take("iI")
    position += num_normalization_bytes  # equals Nmt and NFKC, which the tokenizer applies
    tensors = {}
    (num_tensors,) = take("i")
    for _ in range(num_tensors):
        (num_name_bytes,) = take("H")
        name = bytes(data[position : position + num_name_bytes]).decode()
        position += num_name_bytes
        _, _, offset, num_bytes = take("BIQQ")  # kind and count follow from the bytes
        tensors[name] = (offset, num_bytes)
    return E5File(sizes, epsilon, pieces, special_ids, tensors)


def convert_e5(source: Path, target: Path, title: str, say: Say) -> None:
    """Write `target`, a folder that sentence-transformers loads."""
    data = memoryview(source.read_bytes())  # 72 MB
    file = read_e5(data)
    target.mkdir()
    tensors = [
        _e5_tensor(data, file, name, key, shape) for name, key, shape in _e5_names(file.sizes)
    ]
    hidden = file.sizes["hidden"]
    # BERT's pooler is not used and not in the file; without it transformers makes a random one.
    tensors += [_zeros("pooler.dense.weight", hidden, hidden), _zeros("pooler.dense.bias", hidden)]
    write_safetensors(target / "model.safetensors", tensors, say, title)
    _write_e5_configs(file, target)
    _save_e5_tokenizer(file, target)


def _zeros(name: str, *shape: int) -> Tensor:
    return Tensor(name, "F32", shape, lambda: iter([np.zeros(shape, np.float32).tobytes()]))


def _e5_names(sizes: dict[str, int]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(name in BERT, name in the file, shape) of every tensor."""
    hidden, ff = sizes["hidden"], sizes["ff"]
    embeddings = {"word": "vocabulary", "pos": "positions", "type": "types"}
    for key, size in embeddings.items():
        long = {"pos": "position", "type": "token_type"}.get(key, key)
        yield f"embeddings.{long}_embeddings.weight", f"emb.{key}", (sizes[size], hidden)
    for kind, letter in (("weight", "w"), ("bias", "b")):
        yield f"embeddings.LayerNorm.{kind}", f"emb.ln.{letter}", (hidden,)
        for layer in range(sizes["layers"]):
            for key, name in E5_LAYER_TENSORS.items():
                width = ff if key == "fi" else hidden
                depth = ff if key == "fo" else hidden
                is_vector = kind == "bias" or key in ("aln", "oln")
                shape = (width,) if is_vector else (width, depth)
                yield f"encoder.layer.{layer}.{name}.{kind}", f"l{layer}.{key}.{letter}", shape


def _e5_tensor(
    data: memoryview, file: E5File, name: str, key: str, shape: tuple[int, ...]
) -> Tensor:
    if key not in file.tensors:
        raise ModelError(f"The e5 file has no tensor {key}; it cannot be converted.")
    offset, num_bytes = file.tensors[key]
    count = int(np.prod(shape))
    if num_bytes not in (4 * count, count // BLOCK_SIZE * BLOCK_BYTES):
        raise ModelError(f"The e5 file's tensor {key} has {num_bytes} bytes for shape {shape}.")
    step = BLOCK_BYTES * (1 << 16)

    def blocks() -> Iterator[bytes]:
        if num_bytes == 4 * count:
            yield bytes(data[offset : offset + num_bytes])
            return
        for start in range(offset, offset + num_bytes, step):
            end = min(start + step, offset + num_bytes)
            yield dequantize_q4(data[start:end]).tobytes()

    return Tensor(name, "F32", shape, blocks)


def _write_e5_configs(file: E5File, target: Path) -> None:
    sizes = file.sizes
    module = "sentence_transformers.models."
    (target / "1_Pooling").mkdir()
    write_json(
        target / "config.json",
        {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "dtype": "float32",
            "hidden_act": "gelu",
            "hidden_size": sizes["hidden"],
            "num_hidden_layers": sizes["layers"],
            "num_attention_heads": sizes["heads"],
            "intermediate_size": sizes["ff"],
            "vocab_size": sizes["vocabulary"],
            "max_position_embeddings": sizes["positions"],
            "type_vocab_size": sizes["types"],
            "layer_norm_eps": float(f"{file.epsilon:.6g}"),
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "pad_token_id": 0,  # as published: BERT ignores it, the attention mask does the work
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )
    write_json(
        target / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": module + "Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": module + "Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": module + "Normalize"},
        ],
    )
    write_json(
        target / "1_Pooling" / "config.json",
        {"word_embedding_dimension": sizes["hidden"], "pooling_mode_mean_tokens": True},
    )
    write_json(
        target / "config_sentence_transformers.json",
        {
            "prompts": {"query": "query: ", "passage": "passage: ", "document": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )
    write_json(
        target / "sentence_bert_config.json",
        {"max_seq_length": sizes["positions"], "do_lower_case": False},
    )


def _save_e5_tokenizer(file: E5File, target: Path) -> None:
    """XLM-RoBERTa's Unigram tokenizer; Nmt and NFKC stand for its normalization map."""
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )
    from transformers import PreTrainedTokenizerFast

    ids = file.special_ids
    bos, eos, pad, unk = (file.pieces[ids[name]][0] for name in ("bos", "eos", "pad", "unk"))
    tokenizer = Tokenizer(models.Unigram(file.pieces, unk_id=ids["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, ids["bos"]), (eos, ids["eos"])],
    )
    masks = {"mask_token": "<mask>"} if file.pieces[-1][0] == "<mask>" else {}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        cls_token=bos,
        sep_token=eos,
        pad_token=pad,
        unk_token=unk,
        **masks,
        model_max_length=file.sizes["positions"],
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    ).save_pretrained(target)

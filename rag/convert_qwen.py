"""From a GGUF file (Qwen2) to a folder that vLLM loads.

int8 is rounded to nearest, one scale per output channel (compressed-tensors `int-quantized`,
activations quantized per token at run time); the other variant is bfloat16. Tensors are read from
a memory map and written in blocks of rows, so that little more than one block is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.model_files import Say, Tensor, write_json, write_safetensors

Floats = NDArray[np.float32]

ROWS_PER_BLOCK = 4096

# From Qwen2.5's tokenizer.json.
QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GGUF_NORMAL, GGUF_CONTROL, GGUF_USER_DEFINED = 1, 3, 4
QWEN_TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
QWEN_LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def quantize_int8(weights: Floats) -> tuple[NDArray[np.int8], Floats]:
    """(out, in) -> int8 of the same shape and scales (out, 1), rounded to nearest, symmetric."""
    largest = np.abs(weights).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    rounded = np.clip(np.rint(weights / scales), -127, 127).astype(np.int8)
    return rounded, scales


def to_bfloat16(values: Floats) -> NDArray[np.uint16]:
    """The upper halves of the float32 bit patterns, rounded to nearest even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)


def convert_gguf(source: Path, target: Path, variant: str, title: str, say: Say) -> None:
    """Write `target`, a folder that vLLM loads. `variant` is int8 or bf16."""
    from gguf import GGUFReader

    reader = GGUFReader(str(source))
    fields = {name: field.contents for name, field in reader.fields.items()}
    if fields["general.architecture"]() != "qwen2":
        raise ModelError(f"{title}: only Qwen2 GGUF files can be converted.")
    target.mkdir()
    tensors: list[Tensor] = []
    for tensor in sorted(reader.tensors, key=lambda tensor: _qwen_name(tensor.name)):
        tensors += _qwen_tensors(tensor, variant)
    names = {tensor.name for tensor in tensors}
    write_safetensors(target / "model.safetensors", tensors, say, title)
    num_vocabulary = next(t.shape[0] for t in tensors if t.name == "model.embed_tokens.weight")
    config = _qwen_config(fields, num_vocabulary, is_tied="lm_head.weight" not in names)
    if variant == "int8":
        config["quantization_config"] = _INT8_CONFIG
    write_json(target / "config.json", config)
    write_json(target / "generation_config.json", _qwen_generation(config))
    _save_qwen_tokenizer(fields, target)


def _qwen_name(name: str) -> str:
    """blk.3.attn_q.weight -> model.layers.3.self_attn.q_proj.weight"""
    if name in QWEN_TENSORS:
        return QWEN_TENSORS[name]
    found = re.fullmatch(r"blk\.(\d+)\.(\w+)\.(weight|bias)", name)
    if found is None or found[2] not in QWEN_LAYER_TENSORS:
        raise ModelError(f"The GGUF file has an unknown tensor, {name}; it cannot be converted.")
    return f"model.layers.{found[1]}.{QWEN_LAYER_TENSORS[found[2]]}.{found[3]}"


def _qwen_tensors(tensor: Any, variant: str) -> list[Tensor]:
    """One GGUF tensor as one bfloat16 tensor, or as int8 values and their scales."""
    from gguf.quants import dequantize

    name = _qwen_name(tensor.name)
    shape = tuple(int(size) for size in reversed(tensor.shape))  # GGUF has the fastest axis first

    def rows() -> Iterator[Floats]:
        if len(shape) == 1:
            yield np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)
            return
        for start in range(0, shape[0], ROWS_PER_BLOCK):
            part = tensor.data[start : start + ROWS_PER_BLOCK]
            yield np.asarray(dequantize(part, tensor.tensor_type), np.float32)

    if variant == "bf16" or not name.endswith("_proj.weight"):
        return [Tensor(name, "BF16", shape, lambda: (to_bfloat16(r).tobytes() for r in rows()))]
    scales: list[Floats] = []

    def quantized() -> Iterator[bytes]:
        for block in rows():
            values, scale = quantize_int8(block)
            scales.append(scale)
            yield values.tobytes()

    return [
        Tensor(name, "I8", shape, quantized),
        # Written after the values, so the scales are known by then.
        Tensor(f"{name}_scale", "F32", (shape[0], 1), lambda: (s.tobytes() for s in scales)),
    ]


_INT8_CONFIG: dict[str, Any] = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "channel",
                "dynamic": False,
            },
            "input_activations": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "token",
                "dynamic": True,
            },
        }
    },
}


def _qwen_config(
    fields: dict[str, Callable[[], Any]], num_vocabulary: int, is_tied: bool
) -> dict[str, Any]:
    def read(name: str) -> Any:
        return fields[f"qwen2.{name}"]()

    # The file has a float32; six digits give back the number that was meant (1e-06).
    epsilon = float(f"{read('attention.layer_norm_rms_epsilon'):.6g}")
    theta = float(read("rope.freq_base"))
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "dtype": "bfloat16",
        "hidden_act": "silu",
        "hidden_size": read("embedding_length"),
        "intermediate_size": read("feed_forward_length"),
        "num_hidden_layers": read("block_count"),
        "num_attention_heads": read("attention.head_count"),
        "num_key_value_heads": read("attention.head_count_kv"),
        "max_position_embeddings": read("context_length"),
        "rms_norm_eps": epsilon,
        "rope_theta": theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "use_sliding_window": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "tie_word_embeddings": is_tied,
        "vocab_size": num_vocabulary,
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"](),
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"](),
        "pad_token_id": fields["tokenizer.ggml.padding_token_id"](),
    }


def _qwen_generation(config: dict[str, Any]) -> dict[str, Any]:
    """Stop at <|im_end|> and at <|endoftext|>, as Qwen's own file says."""
    return {
        "bos_token_id": config["bos_token_id"],
        "pad_token_id": config["pad_token_id"],
        "eos_token_id": [config["eos_token_id"], config["bos_token_id"]],
    }


def _save_qwen_tokenizer(fields: dict[str, Callable[[], Any]], target: Path) -> None:
    """Build the byte-level BPE from the file's tokens and merges; keep its chat template."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )
    from transformers import PreTrainedTokenizerFast

    tokens: list[str] = fields["tokenizer.ggml.tokens"]()
    kinds: list[int] = fields["tokenizer.ggml.token_type"]()
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"]()]
    vocabulary = {
        t: i for i, (t, k) in enumerate(zip(tokens, kinds, strict=True)) if k == GGUF_NORMAL
    }
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(
        [
            AddedToken(token, normalized=False, special=kind == GGUF_CONTROL)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind in (GGUF_CONTROL, GGUF_USER_DEFINED)
        ]
    )
    used = (GGUF_NORMAL, GGUF_CONTROL, GGUF_USER_DEFINED)
    if any(tokenizer.token_to_id(t) != i for i, t in enumerate(tokens) if kinds[i] in used):
        raise ModelError("The GGUF file's special tokens are not where they should be.")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=tokens[fields["tokenizer.ggml.eos_token_id"]()],
        pad_token=tokens[fields["tokenizer.ggml.padding_token_id"]()],
        chat_template=fields["tokenizer.chat_template"](),
        model_max_length=fields["qwen2.context_length"](),
        clean_up_tokenization_spaces=False,
    ).save_pretrained(target)

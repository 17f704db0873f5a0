"""From packed weights to folders that vLLM and sentence-transformers load.

GGUF (Qwen2) becomes a Hugging Face folder: int8 rounded to nearest, one scale per output channel
(compressed-tensors `int-quantized`, activations quantized per token at run time), or bfloat16.
The e5 file becomes a BERT-shaped sentence-transformers folder. Tensors are read from a memory map
and written in blocks of rows, so that little more than one block is in memory at a time.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError

Say = Callable[[str], None]
Floats = NDArray[np.float32]

ROWS_PER_BLOCK = 4096
BLOCK_SIZE = 32  # values in one 4-bit block of the e5 file
BLOCK_BYTES = 18  # a float16 scale and 16 bytes of two values each

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


# ------------------------------------------------------------------ numbers


def dequantize_q4(data: bytes | memoryview) -> Floats:
    """(blocks * 18 bytes) -> (blocks * 32,): scale * (value - 8), low half of each byte first."""
    blocks = np.frombuffer(data, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)  # (blocks, 1)
    packed = blocks[:, 2:]
    values = np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32) - 8
    return np.asarray(values * scales, np.float32).reshape(-1)


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


# -------------------------------------------------------- safetensors, streamed


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What stands in the header, and a function that yields the bytes in order."""

    name: str
    dtype: Literal["F32", "BF16", "I8"]
    shape: tuple[int, ...]
    blocks: Callable[[], Iterator[bytes]]

    @property
    def num_bytes(self) -> int:
        size = {"F32": 4, "BF16": 2, "I8": 1}[self.dtype]
        return size * int(np.prod(self.shape, dtype=np.int64))


def write_safetensors(path: Path, tensors: list[_Tensor], say: Say, title: str) -> None:
    """Write tensors one block at a time; huggingface.co/docs/safetensors describes the format."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + tensor.num_bytes
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    written, told = 0, 0
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(encoded)) + encoded)
        for tensor in tensors:
            written += sum(stream.write(block) for block in tensor.blocks())
            if written * 10 // max(end, 1) > told:
                told = written * 10 // end
                say(f"{title}: converting, {told * 10} %")
    if written != end:
        raise ModelError(f"{title}: {written} bytes were converted, {end} expected; file a bug.")


def _write_json(path: Path, value: dict[str, Any] | list[Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


# ----------------------------------------------------------------- GGUF -> Qwen2


def convert_gguf(source: Path, target: Path, variant: str, title: str, say: Say) -> None:
    """Write `target`, a folder that vLLM loads. `variant` is int8 or bf16."""
    from gguf import GGUFReader

    reader = GGUFReader(str(source))
    fields = {name: field.contents for name, field in reader.fields.items()}
    if fields["general.architecture"]() != "qwen2":
        raise ModelError(f"{title}: only Qwen2 GGUF files can be converted.")
    target.mkdir()
    tensors: list[_Tensor] = []
    for tensor in sorted(reader.tensors, key=lambda tensor: _qwen_name(tensor.name)):
        tensors += _qwen_tensors(tensor, variant)
    names = {tensor.name for tensor in tensors}
    write_safetensors(target / "model.safetensors", tensors, say, title)
    num_vocabulary = next(t.shape[0] for t in tensors if t.name == "model.embed_tokens.weight")
    config = _qwen_config(fields, num_vocabulary, is_tied="lm_head.weight" not in names)
    if variant == "int8":
        config["quantization_config"] = _INT8_CONFIG
    _write_json(target / "config.json", config)
    _write_json(target / "generation_config.json", _qwen_generation(config))
    _save_qwen_tokenizer(fields, target)


def _qwen_name(name: str) -> str:
    """blk.3.attn_q.weight -> model.layers.3.self_attn.q_proj.weight"""
    if name in QWEN_TENSORS:
        return QWEN_TENSORS[name]
    found = re.fullmatch(r"blk\.(\d+)\.(\w+)\.(weight|bias)", name)
    if found is None or found[2] not in QWEN_LAYER_TENSORS:
        raise ModelError(f"The GGUF file has an unknown tensor, {name}; it cannot be converted.")
    return f"model.layers.{found[1]}.{QWEN_LAYER_TENSORS[found[2]]}.{found[3]}"


def _qwen_tensors(tensor: Any, variant: str) -> list[_Tensor]:
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
        return [_Tensor(name, "BF16", shape, lambda: (to_bfloat16(r).tobytes() for r in rows()))]
    scales: list[Floats] = []

    def quantized() -> Iterator[bytes]:
        for block in rows():
            values, scale = quantize_int8(block)
            scales.append(scale)
            yield values.tobytes()

    return [
        _Tensor(name, "I8", shape, quantized),
        # Written after the values, so the scales are known by then.
        _Tensor(f"{name}_scale", "F32", (shape[0], 1), lambda: (s.tobytes() for s in scales)),
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


# ------------------------------------------------- e5 -> sentence-transformers


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


def _zeros(name: str, *shape: int) -> _Tensor:
    return _Tensor(name, "F32", shape, lambda: iter([np.zeros(shape, np.float32).tobytes()]))


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
) -> _Tensor:
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

    return _Tensor(name, "F32", shape, blocks)


def _write_e5_configs(file: E5File, target: Path) -> None:
    sizes = file.sizes
    module = "sentence_transformers.models."
    (target / "1_Pooling").mkdir()
    _write_json(
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
    _write_json(
        target / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": module + "Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": module + "Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": module + "Normalize"},
        ],
    )
    _write_json(
        target / "1_Pooling" / "config.json",
        {"word_embedding_dimension": sizes["hidden"], "pooling_mode_mean_tokens": True},
    )
    _write_json(
        target / "config_sentence_transformers.json",
        {
            "prompts": {"query": "query: ", "passage": "passage: ", "document": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )
    _write_json(
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

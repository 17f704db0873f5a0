"""Which lengths fit a device: weights, the cache of keys and values, and what computing takes.

All sizes are bytes of one device. Nothing is loaded: the figures follow from config.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rag.errors import ModelError, SettingError

LONG_CONTEXT = 131_072
YARN_FACTOR = 4.0  # Qwen2.5's model card
YARN_MODELS = ("qwen2",)
BATCHED_TOKENS = {"cpu": 512, "cuda": 8192}  # read in one step, which can't be interrupted
MAX_SEQUENCES = {"cpu": 256, "cuda": 128}  # written at once
RUNTIME_BYTES = {"cpu": 1 << 30, "cuda": 1 << 30}  # the driver's context, graphs, buffers
CPU_SHARE = 0.5  # of the memory; the rest is for the encoder, the index and the system
MIN_MODEL_LEN = 1024  # less does not hold the rules and one source
LENGTH_STEP = 256  # lengths are rounded down to whole steps
_BITS = {"awq": 4, "gptq": 4, "fp8": 8}
_GROUP_BITS = 20 / 128  # a 16-bit scale and a 4-bit zero for every 128 weights


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What of a dense model's config decides its memory. `weight_bytes` are those of all files."""

    model_type: str
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    has_tied_embeddings: bool
    native_len: int
    quantization: str  # "" without
    weight_bytes: int

    @property
    def reach(self) -> int:
        """The longest length, positions stretched by YaRN where the model was made for it."""
        is_stretchable = self.model_type in YARN_MODELS
        return int(YARN_FACTOR * self.native_len) if is_stretchable else self.native_len


@dataclass(frozen=True, slots=True)
class Device:
    """What the model runs on: `count` equal devices of `num_bytes`, of which it may use `share`.

    `num_bytes` 0 is unknown: then everything fits. `float_bytes` are those of a number that is not
    quantized: 2, or 4 on a processor that does not compute in 16 bits.
    """

    kind: str = "cpu"
    num_bytes: int = 0
    share: float = CPU_SHARE
    count: int = 1
    float_bytes: int = 2


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Where the memory of one device goes."""

    weight_bytes: int
    kv_bytes_per_token: int
    reserve_bytes: int
    kv_room_bytes: int | None  # None: unknown; below 0: not even the weights fit
    reach: int

    @property
    def longest(self) -> int:
        """The longest prompt and answer that fit once, 0 if none does."""
        if self.kv_room_bytes is None:
            return self.reach
        num_tokens = max(0, self.kv_room_bytes) // self.kv_bytes_per_token
        fitting = num_tokens // LENGTH_STEP * LENGTH_STEP
        return min(self.reach, fitting) if fitting >= MIN_MODEL_LEN else 0

    def num_chats(self, length: int) -> float:
        """How many chats of that length the cache holds at once."""
        if self.kv_room_bytes is None:
            return float("inf")
        return max(0, self.kv_room_bytes) / (self.kv_bytes_per_token * length)


def read_shape(config: Mapping[str, Any], weight_bytes: int = 0) -> ModelShape:
    """From config.json; without `weight_bytes` they follow from the shape.

    Raises ModelError if the config is not a language model's.
    """
    try:
        num_heads = int(config["num_attention_heads"])
        hidden_size = int(config["hidden_size"])
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        native_len = int(config.get("max_position_embeddings", 32_768))
        kind = rope.get("rope_type") or rope.get("type")
        is_stretched = kind == "yarn" and "original_max_position_embeddings" in rope
        if is_stretched:  # by its makers; no more is to be had
            stretched = int(rope["original_max_position_embeddings"] * float(rope["factor"]))
            native_len = max(native_len, stretched)
        shape = ModelShape(
            model_type="stretched" if is_stretched else str(config.get("model_type", "")),
            num_layers=int(config["num_hidden_layers"]),
            num_heads=num_heads,
            num_kv_heads=int(config.get("num_key_value_heads") or num_heads),
            head_dim=int(config.get("head_dim") or hidden_size // num_heads),
            hidden_size=hidden_size,
            intermediate_size=int(config.get("intermediate_size") or 4 * hidden_size),
            vocab_size=int(config.get("vocab_size") or 0),
            has_tied_embeddings=bool(config.get("tie_word_embeddings", False)),
            native_len=native_len,
            quantization=_quantization(config.get("quantization_config") or {}),
            weight_bytes=weight_bytes,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"config.json is not one of a language model ({type(error).__name__}: {error}). "
            "Set generator to a folder with a chat model."
        ) from error
    return shape if weight_bytes else with_weights(shape, shape.quantization)


def _quantization(config: Mapping[str, Any]) -> str:
    """One word: awq, gptq, fp8, int8, int4 ...; "" without."""
    method = str(config.get("quant_method", ""))
    if method != "compressed-tensors":
        return method
    groups = config.get("config_groups") or {}
    weights = next((group.get("weights") or {} for group in groups.values()), {})
    kind = "fp" if weights.get("type") == "float" else "int"
    return f"{kind}{weights.get('num_bits', 8)}"


def with_weights(shape: ModelShape, quantization: str) -> ModelShape:
    """The same model with weights of another kind ("" is 16 bits), estimated from its shape.

    The embeddings and the last layer keep 16 bits, as AWQ and GPTQ leave them.
    """
    attention = shape.hidden_size * shape.head_dim * 2 * (shape.num_heads + shape.num_kv_heads)
    per_layer = attention + 3 * shape.hidden_size * shape.intermediate_size
    embeddings = shape.vocab_size * shape.hidden_size * (1 if shape.has_tied_embeddings else 2)
    bits = _BITS.get(quantization) or (int(quantization[-1]) if quantization[-1:].isdigit() else 16)
    bits_per_weight = bits + (_GROUP_BITS if bits == 4 else 0)
    num_bytes = 2 * embeddings + int(per_layer * shape.num_layers * bits_per_weight / 8)
    return replace(shape, quantization=quantization, weight_bytes=num_bytes)


def weight_bytes_in(folder: Path) -> int:
    """The size of a model folder's weights."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def loaded_weight_bytes(shape: ModelShape, float_bytes: int = 2) -> int:
    """The weights in memory: those kept in 16 bits may be loaded as wider numbers.

    In 32 bits they take three times the file, as measured: vLLM packs them, and holds on to more.
    """
    wide = shape.weight_bytes
    if shape.quantization:  # the embeddings and the last layer alone
        num_ends = 1 if shape.has_tied_embeddings else 2
        wide = min(wide, 2 * num_ends * shape.vocab_size * shape.hidden_size)
    return shape.weight_bytes + (2 * wide if float_bytes == 4 else 0)


def kv_bytes_per_token(
    shape: ModelShape, kv_cache_dtype: str = "auto", num_devices: int = 1, float_bytes: int = 2
) -> int:
    """Keys and values of one token on one device; heads are repeated where there are too few."""
    num_heads = max(1, shape.num_kv_heads // num_devices)
    bytes_per_value = 1 if kv_cache_dtype.startswith("fp8") else float_bytes
    return shape.num_layers * num_heads * shape.head_dim * 2 * bytes_per_value


def _reserve_bytes(shape: ModelShape, device: Device) -> int:
    """What one step needs: activations of all its tokens, scores of all words, the runtime's own.

    Per token the layer's input and its residual, and the feed-forward part's gate, up and product,
    as they are computed; per sequence the scores in 32 bits, and their sorted copy.
    """
    width = 2 * shape.hidden_size + 3 * shape.intermediate_size // device.count
    activations = BATCHED_TOKENS[device.kind] * width * device.float_bytes
    scores = MAX_SEQUENCES[device.kind] * shape.vocab_size * 2 * 4
    return RUNTIME_BYTES[device.kind] + activations + scores


def plan_memory(shape: ModelShape, device: Device, kv_cache_dtype: str = "auto") -> MemoryPlan:
    """Where the memory of one device goes. Raises SettingError if the heads can't be shared out."""
    if shape.num_heads % device.count:
        raise SettingError(
            f"tensor_parallel_size is {device.count}, but the model's {shape.num_heads} attention "
            "heads cannot be shared out evenly. Set it to a divisor of that number."
        )
    weights = loaded_weight_bytes(shape, device.float_bytes) // device.count
    reserve = _reserve_bytes(shape, device)
    room = int(device.num_bytes * device.share) - weights - reserve if device.num_bytes else None
    per_token = kv_bytes_per_token(shape, kv_cache_dtype, device.count, device.float_bytes)
    return MemoryPlan(weights, per_token, reserve, room, shape.reach)


def choose_length(plan: MemoryPlan, wanted: int, cures: str) -> tuple[int, str]:
    """The length to use, and a line on why it is less than wanted; "" if it is not.

    `cures` names what makes more fit. Raises SettingError if the length is beyond the model's
    reach, ModelError if nothing fits.
    """
    if wanted > plan.reach:
        raise SettingError(
            f"max_model_len is {wanted}, but this model reaches {plan.reach}. Set it lower."
        )
    length = min(wanted, plan.longest)
    if length == wanted:
        return wanted, ""
    room = plan.kv_room_bytes or 0
    if not length:
        raise ModelError(
            f"The language model does not fit: its weights take {gib(plan.weight_bytes)} and "
            f"a step {gib(plan.reserve_bytes)}, which leaves {gib(max(0, room))} for what it "
            f"reads. {cures}"
        )
    needed = gib(wanted * plan.kv_bytes_per_token)
    return length, (
        f"{wanted:,} tokens of prompt and answer do not fit ({needed} "
        f"of keys and values, and there is room for {gib(room)}): using {length:,}. {cures}"
    )


def gib(num_bytes: float) -> str:
    """Such as 7.0 GiB."""
    return f"{num_bytes / 2**30:.1f} GiB"

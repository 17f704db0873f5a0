"""Which lengths fit, as lines for a person: now, and with other weights, caches and GPUs."""

from __future__ import annotations

from dataclasses import replace

from rag.errors import FootnoteError
from rag.generate.memory import (
    LONG_CONTEXT,
    ModelShape,
    gib,
    kv_bytes_per_token,
    plan_memory,
    with_weights,
)
from rag.generate.vllm_options import VllmOptions, choose_max_model_len

LENGTHS = (8192, 32_768, LONG_CONTEXT)
PARALLEL = (1, 2, 4)


def summary(shape: ModelShape, options: VllmOptions) -> tuple[bool, str, str]:
    """Whether 128K is within reach here, what it needs and what is used, and what to change."""
    try:
        choice = choose_max_model_len(shape, options)
        long = replace(options, max_model_len=min(LONG_CONTEXT, shape.reach))
        remark = choose_max_model_len(shape, long).remark
    except FootnoteError as error:
        return False, f"cannot be had: {error}", ""
    plan = choice.plan
    needed = plan.weight_bytes + plan.reserve_bytes + plan.kv_bytes_per_token * LONG_CONTEXT
    room = plan.weight_bytes + plan.reserve_bytes + (plan.kv_room_bytes or 0)
    text = (
        f"needs {gib(needed)} of {gib(room)}: weights {gib(plan.weight_bytes)}, a step "
        f"{gib(plan.reserve_bytes)}, {plan.kv_bytes_per_token:,} bytes a token; "
        f"in use: {choice.max_model_len:,} tokens"
    )
    if choice.remark or remark:
        return False, f"{text}.", choice.remark or remark
    if shape.reach < LONG_CONTEXT:
        return False, f"{text}.", f"This model reaches {shape.reach:,} tokens."
    if choice.max_model_len < LONG_CONTEXT:
        text += f"; max_model_len = {LONG_CONTEXT} uses all"
    return True, text, ""


def alternatives(shape: ModelShape, options: VllmOptions) -> list[tuple[str, str]]:
    """Of each kind of weights and number of GPUs: how many chats of each length fit at once."""
    kinds = [shape]
    if not shape.quantization:
        other = "int8" if options.device == "cpu" else "awq"
        kinds.append(with_weights(shape, other))
    counts = (1,) if options.device == "cpu" else PARALLEL
    rows = []
    for kind in kinds:
        for count in counts:
            if shape.num_heads % count:
                continue
            named = {"": f"{8 * options.place.float_bytes}-bit", "awq": "AWQ or GPTQ"}.get(
                kind.quantization, kind.quantization
            )
            gpus = "" if options.device == "cpu" else f", {count} GPU{'s'[: count - 1]}"
            placed = replace(options, tensor_parallel_size=count)
            rows.append((f"{named} weights{gpus}", _chats(kind, placed)))
    return rows


def _chats(shape: ModelShape, options: VllmOptions) -> str:
    """Such as `keys in 16 bits: 8K 42, 32K 10, 128K 2 chats; in fp8: ...`."""
    caches = {"auto": f"{8 * options.place.float_bytes} bits"}
    if options.device != "cpu":
        caches["fp8"] = "fp8"
    told = []
    for dtype, name in caches.items():
        plan = plan_memory(shape, options.place, dtype)
        chats = [
            f"{length >> 10}K {int(plan.num_chats(length)) if length <= shape.reach else 0}"
            for length in LENGTHS
        ]
        num_bytes = kv_bytes_per_token(shape, dtype, options.place.count, options.place.float_bytes)
        told.append(f"{', '.join(chats)} with keys in {name} ({num_bytes:,} bytes a token)")
    return f"{gib(plan.weight_bytes)} each; chats at once: {'; '.join(told)}"

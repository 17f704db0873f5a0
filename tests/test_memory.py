from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qwen_shape import QWEN_7B

from rag.errors import ModelError, SettingError
from rag.generate.memory import (
    LONG_CONTEXT,
    Device,
    choose_length,
    kv_bytes_per_token,
    loaded_weight_bytes,
    plan_memory,
    read_shape,
    with_weights,
)
from rag.generate.memory_report import alternatives, summary
from rag.generate.vllm_options import VllmOptions

SHAPE = read_shape(QWEN_7B)


def gpu(gib: int, count: int = 1) -> Device:
    return Device("cuda", gib << 30, 0.85, count)


def test_bytes_of_a_token() -> None:
    assert kv_bytes_per_token(SHAPE) == 57_344  # 28 layers x 4 heads x 128 x 2 x 2 bytes
    assert kv_bytes_per_token(SHAPE) * LONG_CONTEXT == 7_516_192_768  # 7.5 GB
    assert kv_bytes_per_token(SHAPE, "fp8") == 28_672
    assert kv_bytes_per_token(read_shape(QWEN_7B | {"head_dim": 64})) == 28_672


def test_what_is_computed_in_32_bits_takes_more_room() -> None:
    assert kv_bytes_per_token(SHAPE, float_bytes=4) == 2 * 57_344
    assert loaded_weight_bytes(SHAPE, 4) == 3 * SHAPE.weight_bytes
    int8 = with_weights(SHAPE, "int8")
    ends = 2 * 2 * SHAPE.vocab_size * SHAPE.hidden_size  # they stay as they are
    assert loaded_weight_bytes(int8, 4) == int8.weight_bytes + 2 * ends
    assert loaded_weight_bytes(int8) == int8.weight_bytes


@pytest.mark.parametrize(("count", "expected"), [(1, 57_344), (2, 28_672), (4, 14_336)])
def test_heads_are_shared_out_and_repeated_where_too_few(count: int, expected: int) -> None:
    assert kv_bytes_per_token(SHAPE, "auto", count) == expected
    assert kv_bytes_per_token(SHAPE, "auto", 28) == 14_336


def test_weights_from_the_shape_are_those_of_the_published_files() -> None:
    assert SHAPE.weight_bytes == pytest.approx(15_231_233_024, rel=0.001)
    assert with_weights(SHAPE, "awq").weight_bytes == pytest.approx(5_570_000_000, rel=0.01)
    assert read_shape(QWEN_7B, 123).weight_bytes == 123


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ""),
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}},
            },
            "int8",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8",
        ),
    ],
)
def test_the_kind_of_weights(config: dict[str, Any], expected: str) -> None:
    shape = read_shape(QWEN_7B | {"quantization_config": config})
    assert shape.quantization == expected
    assert (shape.weight_bytes < SHAPE.weight_bytes) == bool(expected)


def test_what_fits_on_known_gpus() -> None:
    small, fp8 = plan_memory(SHAPE, gpu(24)), plan_memory(SHAPE, gpu(24), "fp8")
    assert 32_768 < small.longest < LONG_CONTEXT == fp8.longest
    assert plan_memory(with_weights(SHAPE, "awq"), gpu(24)).longest == LONG_CONTEXT
    assert 7 <= plan_memory(SHAPE, gpu(80)).num_chats(LONG_CONTEXT) < 8
    assert plan_memory(SHAPE, gpu(24, 2)).longest == LONG_CONTEXT
    assert plan_memory(SHAPE, gpu(16)).longest == 0


@given(
    gib=st.integers(1, 200),
    count=st.sampled_from([1, 2, 4, 7]),
    dtype=st.sampled_from(["auto", "fp8"]),
    kind=st.sampled_from(["", "awq", "fp8"]),
)
def test_the_longest_always_fits_and_more_memory_never_shortens(
    gib: int, count: int, dtype: str, kind: str
) -> None:
    shape = with_weights(SHAPE, kind)
    plan = plan_memory(shape, gpu(gib, count), dtype)
    assert 0 <= plan.longest <= shape.reach == LONG_CONTEXT
    used = plan.weight_bytes + plan.reserve_bytes + plan.longest * plan.kv_bytes_per_token
    assert plan.longest == 0 or used <= int((gib << 30) * 0.85)
    assert plan.longest == 0 or plan.num_chats(plan.longest) >= 1
    assert plan.longest <= plan_memory(shape, gpu(gib + 1, count), dtype).longest
    if plan.longest == 0:
        with pytest.raises(ModelError, match="does not fit"):
            choose_length(plan, LONG_CONTEXT, "cure")
    else:
        length, remark = choose_length(plan, LONG_CONTEXT, "the cure")
        assert length == plan.longest
        assert (remark == "") == (length == LONG_CONTEXT)
        assert remark == "" or (f"{length:,}" in remark and remark.endswith("the cure"))


def test_of_unknown_memory_everything_fits() -> None:
    plan = plan_memory(SHAPE, Device("cuda"))
    assert choose_length(plan, LONG_CONTEXT, "") == (LONG_CONTEXT, "")


def test_a_length_beyond_the_model_is_refused() -> None:
    with pytest.raises(SettingError, match="max_model_len"):
        choose_length(plan_memory(SHAPE, gpu(80)), LONG_CONTEXT + 1, "")
    llama = read_shape(QWEN_7B | {"model_type": "llama"})
    assert llama.reach == 32_768


def test_positions_that_its_makers_stretched_are_not_stretched_again() -> None:
    rope = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768}
    shape = read_shape(QWEN_7B | {"rope_scaling": rope})
    assert (shape.native_len, shape.reach) == (131_072, 131_072)


def test_heads_that_cannot_be_shared_out_are_refused() -> None:
    with pytest.raises(SettingError, match="tensor_parallel_size"):
        plan_memory(SHAPE, gpu(80, 8))


@pytest.mark.parametrize("config", [{}, {"hidden_size": "x", "num_attention_heads": 2}])
def test_a_config_of_something_else_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        read_shape(config)


def test_the_report_says_what_is_used_and_what_would_fit() -> None:
    options = VllmOptions("cuda", LONG_CONTEXT, device_bytes=24 << 30)
    is_well, text, cure = summary(SHAPE, options)
    assert not is_well and "57,344 bytes a token" in text and "in use: 7" in text
    assert "kv_cache_dtype" in cure and "AWQ" in cure
    is_well, text, cure = summary(SHAPE, replace(options, kv_cache_dtype="fp8"))
    assert is_well and "in use: 131,072" in text and not cure
    assert "max_model_len = 131072" in summary(SHAPE, VllmOptions("cuda", device_bytes=80 << 30))[1]
    assert not summary(SHAPE, VllmOptions("cuda", device_bytes=8 << 30))[0]
    rows = dict(alternatives(SHAPE, options))
    assert len(rows) == 6
    assert "128K 0 with keys in 16 bits" in rows["16-bit weights, 1 GPU"]
    assert "128K 1 with keys in fp8" in rows["16-bit weights, 1 GPU"]
    assert "128K 1 with keys in 16 bits" in rows["AWQ or GPTQ weights, 1 GPU"]
    assert len(alternatives(SHAPE, VllmOptions("cpu", device_bytes=64 << 30))) == 2

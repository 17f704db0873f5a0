from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from qwen_shape import QWEN_7B

from rag.errors import SettingError
from rag.generate.memory import read_shape
from rag.generate.vllm_options import VllmOptions, choose_max_model_len, engine_arguments

YARN = {
    "rope_parameters": {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 32768,
        "rope_theta": 1000000.0,
    }
}
COMMON = {"model": "/m", "enable_prefix_caching": True, "use_tqdm_on_load": False, "seed": 0}
GPU = {"max_num_batched_tokens": 8192, "max_num_seqs": 128}
GIB = 1 << 30
CONFIGURATIONS = [
    VllmOptions("cpu"),
    VllmOptions("cpu", device_bytes=64 * GIB),
    VllmOptions("cuda", device_bytes=24 * GIB),
    VllmOptions("cuda", 131_072, device_bytes=24 * GIB),
    VllmOptions("cuda", 131_072, kv_cache_dtype="fp8", device_bytes=24 * GIB),
    VllmOptions("cuda", 131_072, device_bytes=48 * GIB),
    VllmOptions("cuda", 131_072, 2, 0.9, "fp8", 24 * GIB),
    VllmOptions("cuda", 131_072, device_bytes=80 * GIB),
]


def arguments_of(options: VllmOptions, **changes: Any) -> dict[str, Any]:
    config = QWEN_7B | changes
    shape = read_shape(config)
    return engine_arguments("/m", config, shape, choose_max_model_len(shape, options), options)


def test_arguments_on_the_processor() -> None:
    assert arguments_of(VllmOptions("cpu")) == COMMON | {
        "max_model_len": 8192,
        "dtype": "bfloat16",
        "enforce_eager": True,
        "max_num_batched_tokens": 512,
        "max_num_seqs": 256,
        "kv_cache_memory_bytes": 57_344 * 8192 * 2,
    }


def test_a_processor_that_does_not_compute_in_16_bits_holds_all_wider() -> None:
    arguments = arguments_of(VllmOptions("cpu", cpu_dtype="float32"))
    assert arguments["dtype"] == "float32"
    assert arguments["kv_cache_memory_bytes"] == 2 * 57_344 * 8192 * 2


def test_a_processor_with_little_memory_keeps_one_prompt() -> None:
    options = VllmOptions("cpu", 32_768, device_bytes=37 * GIB)
    arguments = arguments_of(options)
    per_prompt = 57_344 * arguments["max_model_len"]
    assert per_prompt <= arguments["kv_cache_memory_bytes"] < 2 * per_prompt


@pytest.mark.parametrize(
    ("options", "length"),
    [
        (VllmOptions("cuda", 131_072, 2, 0.9, "fp8", 24 * GIB), 131_072),
        (VllmOptions("cuda", 131_072, 1, 0.85, "fp8", 24 * GIB), 131_072),
        (VllmOptions("cuda", 131_072, 1, 0.85, "auto", 48 * GIB), 131_072),
        (VllmOptions("cuda", 131_072, 1, 0.85, "auto", 80 * GIB), 131_072),
        (VllmOptions("cuda", None, 1, 0.85, "auto", 24 * GIB), 32_768),
        (VllmOptions("cuda", None, 1, 0.85, "auto", 80 * GIB), 32_768),
    ],
)
def test_arguments_on_gpus(options: VllmOptions, length: int) -> None:
    expected = COMMON | GPU | {
        "max_model_len": length,
        "tensor_parallel_size": options.tensor_parallel_size,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "kv_cache_dtype": options.kv_cache_dtype,
    }  # fmt: skip
    stretched = {"hf_overrides": YARN} if length > 32_768 else {}
    assert arguments_of(options) == expected | stretched


def test_awq_holds_128k_on_24_gib() -> None:
    quantized = {"quantization_config": {"quant_method": "awq", "bits": 4}}
    options = VllmOptions("cuda", 131_072, device_bytes=24 * GIB)
    assert arguments_of(options, **quantized)["max_model_len"] == 131_072


def test_what_does_not_fit_is_shortened_and_said() -> None:
    options = VllmOptions("cuda", 131_072, device_bytes=24 * GIB)
    choice = choose_max_model_len(read_shape(QWEN_7B), options)
    assert 32_768 < choice.max_model_len < 131_072
    assert f"using {choice.max_model_len:,}" in choice.remark
    assert "kv_cache_dtype" in choice.remark and "gpu_memory_utilization" in choice.remark


def test_without_a_length_positions_are_not_stretched() -> None:
    arguments = arguments_of(VllmOptions("cuda"))
    assert arguments["max_model_len"] == 32_768 and "hf_overrides" not in arguments
    small = arguments_of(VllmOptions("cpu"), max_position_embeddings=2048)
    assert small["max_model_len"] == 2048


@pytest.mark.parametrize(("model_type", "length"), [("qwen2", 131_073), ("llama", 40_000)])
def test_a_length_out_of_reach_is_refused(model_type: str, length: int) -> None:
    with pytest.raises(SettingError, match="max_model_len"):
        arguments_of(VllmOptions("cuda", length), model_type=model_type)


@pytest.mark.model
def test_the_arguments_are_ones_that_vllm_has() -> None:
    from vllm.engine.arg_utils import EngineArgs

    known = {field.name for field in dataclasses.fields(EngineArgs)}
    for options in CONFIGURATIONS:
        assert arguments_of(options).keys() <= known


@pytest.mark.model
def test_vllm_takes_128k_of_positions_with_yarn(tmp_path: Path) -> None:
    from vllm.config import ModelConfig

    (tmp_path / "config.json").write_text(json.dumps(QWEN_7B))
    overrides = arguments_of(VllmOptions("cuda", 131_072, device_bytes=80 * GIB))["hf_overrides"]
    path = str(tmp_path)
    config = ModelConfig(
        model=path, tokenizer=path, skip_tokenizer_init=True, max_model_len=131_072,
        hf_overrides=overrides,
    )  # fmt: skip
    assert config.max_model_len == 131_072
    rope = config.hf_text_config.rope_parameters
    assert rope.items() >= YARN["rope_parameters"].items()
    with pytest.raises(ValueError, match="max_model_len"):
        ModelConfig(model=path, tokenizer=path, skip_tokenizer_init=True, max_model_len=131_072)

"""What vLLM's `LLM` is given, so that a prompt of the wanted length fits the device."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from rag.errors import SettingError

CPU_MAX_MODEL_LEN = 8192
CPU_FULL_PROMPTS = 2  # of full length that the CPU's cache holds at once
CPU_BATCHED_TOKENS = 512  # a step can't be interrupted: this bounds how long a stop takes
GPU_MAX_MODEL_LEN = 32_768
BYTES_PER_VALUE = 2  # bfloat16


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """How the engine runs. `max_model_len` None picks what suits the device."""

    device: str = "cpu"
    max_model_len: int | None = None
    tensor_parallel_size: int = 1
    gpu_memory_utilization: float = 0.85
    kv_cache_dtype: str = "auto"


def kv_bytes_per_token(config: dict[str, Any]) -> int:
    """Memory of the keys and values of one token, in 16 bits."""
    heads = int(config["num_attention_heads"])
    head_dim = int(config.get("head_dim") or config["hidden_size"] // heads)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    return int(config["num_hidden_layers"]) * kv_heads * head_dim * 2 * BYTES_PER_VALUE


def engine_arguments(path: str, config: dict[str, Any], options: VllmOptions) -> dict[str, Any]:
    """What `LLM(...)` is given. Raises SettingError if the length is beyond the model's reach."""
    is_cpu = options.device == "cpu"
    native = int(config.get("max_position_embeddings", GPU_MAX_MODEL_LEN))
    default = CPU_MAX_MODEL_LEN if is_cpu else GPU_MAX_MODEL_LEN
    max_model_len = options.max_model_len or min(default, native)
    arguments: dict[str, Any] = {
        "model": path,
        "max_model_len": max_model_len,
        "enable_prefix_caching": True,
        "use_tqdm_on_load": False,
        "seed": 0,
    }
    if is_cpu:
        arguments |= {
            "dtype": "bfloat16",
            "enforce_eager": True,
            "max_num_batched_tokens": CPU_BATCHED_TOKENS,
            "kv_cache_memory_bytes": kv_bytes_per_token(config) * max_model_len * CPU_FULL_PROMPTS,
        }
    else:
        arguments |= {
            "tensor_parallel_size": options.tensor_parallel_size,
            "gpu_memory_utilization": options.gpu_memory_utilization,
            "kv_cache_dtype": options.kv_cache_dtype,
        }
    if max_model_len > native:
        arguments["hf_overrides"] = _yarn(config, native, max_model_len)
    return arguments


def _yarn(config: dict[str, Any], native: int, max_model_len: int) -> dict[str, Any]:
    """Positions stretched as Qwen2.5's model card says (Peng et al. 2023, arXiv:2309.00071)."""
    factor = 4.0
    if config.get("model_type") != "qwen2" or max_model_len > factor * native:
        longest = int(factor * native) if config.get("model_type") == "qwen2" else native
        raise SettingError(
            f"max_model_len is {max_model_len}, but this model reaches {longest}. Set it lower."
        )
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    return {
        "rope_parameters": {
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": native,
            "rope_theta": float(theta),  # vLLM does not take it from the rest of the config
        }
    }


def prepare_process(device: str) -> None:
    """Set what vLLM reads from the environment; before torch or vLLM is imported."""
    settings = {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    if device == "cpu":
        settings |= {
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
        }
    for name, value in settings.items():
        os.environ.setdefault(name, value)

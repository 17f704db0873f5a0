"""What vLLM's `LLM` is given, so that a prompt of the wanted length fits the device."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rag.generate.memory import (
    BATCHED_TOKENS,
    CPU_SHARE,
    MAX_SEQUENCES,
    YARN_FACTOR,
    Device,
    MemoryPlan,
    ModelShape,
    choose_length,
    plan_memory,
)

CPU_MAX_MODEL_LEN = 8192  # a CPU reads about 175 tokens a second: this is 47 s
CPU_FULL_PROMPTS = 2  # of full length that the CPU's cache holds at once
GPU_CURES = (
    "To fit more: set kv_cache_dtype to fp8, generator to an AWQ or GPTQ model, "
    "tensor_parallel_size to the number of GPUs, or gpu_memory_utilization higher."
)
CPU_CURES = "To fit more: set generator to a smaller model, or give the machine more memory."


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """How the engine runs. `max_model_len` None picks what suits the device.

    `device_bytes` is the memory of one GPU, or of the machine; 0 is unknown, and all fits.
    `cpu_dtype` is what a processor computes in where weights are not quantized.
    """

    device: str = "cpu"
    max_model_len: int | None = None
    tensor_parallel_size: int = 1
    gpu_memory_utilization: float = 0.85
    kv_cache_dtype: str = "auto"
    device_bytes: int = 0
    cpu_dtype: Literal["bfloat16", "float32"] = "bfloat16"

    @property
    def place(self) -> Device:
        """What the memory plan has to know of the device."""
        if self.device == "cpu":
            float_bytes = 4 if self.cpu_dtype == "float32" else 2
            return Device("cpu", self.device_bytes, CPU_SHARE, float_bytes=float_bytes)
        share, count = self.gpu_memory_utilization, self.tensor_parallel_size
        return Device("cuda", self.device_bytes, share, count)


@dataclass(frozen=True, slots=True)
class LengthChoice:
    """The length in use, `remark` on why it is less than wanted ("" if not), and the plan."""

    max_model_len: int
    remark: str
    plan: MemoryPlan


def choose_max_model_len(shape: ModelShape, options: VllmOptions) -> LengthChoice:
    """The longest that fits, up to the length that is set.

    Without one it is the model's native length, or what a processor reads in reasonable time.
    Positions are stretched only when a length beyond the native one is set: vLLM stretches them
    for every text, which costs a little quality on the short ones that most prompts are.
    Raises SettingError if the length is out of reach, ModelError if nothing fits.
    """
    is_cpu = options.device == "cpu"
    kv_cache_dtype = "auto" if is_cpu else options.kv_cache_dtype
    plan = plan_memory(shape, options.place, kv_cache_dtype)
    usual = min(CPU_MAX_MODEL_LEN, shape.native_len) if is_cpu else shape.native_len
    wanted = options.max_model_len or usual
    cures = CPU_CURES if is_cpu else GPU_CURES
    return LengthChoice(*choose_length(plan, wanted, cures), plan)


def engine_arguments(
    path: str,
    config: Mapping[str, Any],
    shape: ModelShape,
    choice: LengthChoice,
    options: VllmOptions,
) -> dict[str, Any]:
    """What `LLM(...)` is given."""
    length, plan = choice.max_model_len, choice.plan
    arguments: dict[str, Any] = {
        "model": path,
        "max_model_len": length,
        "enable_prefix_caching": True,
        "use_tqdm_on_load": False,
        "seed": 0,
        "max_num_batched_tokens": BATCHED_TOKENS[options.device],
        "max_num_seqs": MAX_SEQUENCES[options.device],
    }
    if options.device == "cpu":
        num_prompts = min(CPU_FULL_PROMPTS, plan.num_chats(length))
        arguments |= {
            "dtype": options.cpu_dtype,
            "enforce_eager": True,
            "kv_cache_memory_bytes": int(plan.kv_bytes_per_token * length * num_prompts),
        }
    else:
        arguments |= {
            "tensor_parallel_size": options.tensor_parallel_size,
            "gpu_memory_utilization": options.gpu_memory_utilization,
            "kv_cache_dtype": options.kv_cache_dtype,
        }
    if length > shape.native_len:
        arguments["hf_overrides"] = _yarn(config, shape.native_len)
    return arguments


def _yarn(config: Mapping[str, Any], native: int) -> dict[str, Any]:
    """Positions stretched as Qwen2.5's model card says (Peng et al. 2023, arXiv:2309.00071)."""
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    return {
        "rope_parameters": {
            "rope_type": "yarn",
            "factor": YARN_FACTOR,
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

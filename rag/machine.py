"""What this machine is: what its processor computes fast, its memory, its GPU."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Literal

# Sums of int8 products in one instruction, which cannot overflow.
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "asimddp"}
# oneDNN computes in bfloat16 from AVX-512 on; below, far slower than in float32.
BFLOAT16_FLAGS = {"avx512bw", "avx512_bf16", "amx_bf16", "bf16"}
MEMORY_STATE = Path("/proc/meminfo")  # of Linux
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


def has_int8_instructions() -> bool:
    """Whether this processor multiplies int8 fast, and without overflow."""
    return _has(INT8_FLAGS)


def fast_dtype() -> Literal["bfloat16", "float32"]:
    """What the processor computes in fastest."""
    return "bfloat16" if _has(BFLOAT16_FLAGS) else "float32"


def _has(wanted: set[str]) -> bool:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return any(
                not wanted.isdisjoint(line.split())
                for line in stream
                if line.startswith(("flags", "Features"))
            )
    except OSError:
        return platform.machine() == "arm64"


def memory_bytes() -> int:
    """Memory of this machine, as far as this process may use it."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # "max", or no control group: no limit
        size = min(size, int(MEMORY_LIMIT.read_text("ascii")))
    return size


def free_memory_bytes() -> int:
    """What programs can still take of this machine's memory; 0 where the system does not tell."""
    with suppress(OSError, ValueError):
        for line in MEMORY_STATE.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return 0


def gpu_memory_bytes() -> int:
    """Memory of the first visible NVIDIA GPU, 0 without one; does not initialise CUDA."""
    try:
        if importlib.metadata.version("torch").endswith("+cpu"):
            return 0
    except importlib.metadata.PackageNotFoundError:
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    command = ["nvidia-smi", "-i", visible, "--query-gpu=memory.total"]
    command.append("--format=csv,noheader,nounits")
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return int(result.stdout.split()[0]) << 20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0

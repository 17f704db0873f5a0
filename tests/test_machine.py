"""What the machine is, told from its own files."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from rag import machine


@pytest.fixture
def cpuinfo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that stands in for the system's."""
    file = tmp_path / "cpuinfo"

    def opened(path: str, **keywords: Any) -> Any:
        return builtins.open(file, **keywords)

    monkeypatch.setattr(machine, "open", opened, raising=False)
    return file


@pytest.mark.parametrize(
    ("line", "has_int8", "dtype"),
    [
        ("flags\t\t: fpu sse4_2 avx2 avx512_vnni_like", False, "float32"),
        ("flags : fpu avx2 avx_vnni", True, "float32"),
        ("flags : fpu avx512f avx512bw", False, "bfloat16"),
        ("processor : 0\nflags : fpu avx512f avx512bw avx512_vnni", True, "bfloat16"),
        ("Features : fp asimd asimddp", True, "float32"),
        ("Features : fp asimd asimddp bf16", True, "bfloat16"),
        ("model name : a processor named bf16 avx_vnni", False, "float32"),
    ],
)
def test_what_a_processor_computes_fast_is_known(
    cpuinfo: Path, line: str, has_int8: bool, dtype: str
) -> None:
    cpuinfo.write_text(f"{line}\n")
    assert machine.has_int8_instructions() == has_int8
    assert machine.fast_dtype() == dtype


def test_without_such_a_file_an_arm_machine_computes_fast(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: Path
) -> None:
    for name, is_fast in (("arm64", True), ("x86_64", False)):
        monkeypatch.setattr(machine.platform, "machine", lambda name=name: name)
        assert machine.has_int8_instructions() == is_fast


@pytest.mark.parametrize(("told", "is_limit"), [("1000000\n", True), ("max\n", False)])
def test_a_containers_memory_is_what_counts(
    told: str, is_limit: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text(told)
    monkeypatch.setattr(machine, "MEMORY_LIMIT", tmp_path / "memory.max")
    assert (machine.memory_bytes() == 1_000_000) == is_limit
    assert machine.memory_bytes() > 0


def test_a_build_of_torch_without_cuda_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **keywords: Any) -> None:
        raise AssertionError("nvidia-smi was asked")

    monkeypatch.setattr(machine.importlib.metadata, "version", lambda name: "2.13.0+cpu")
    monkeypatch.setattr(machine.subprocess, "run", fail)
    assert machine.gpu_memory_bytes() == 0


def test_free_memory_is_the_systems_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    monkeypatch.setattr(machine, "MEMORY_STATE", file)
    assert machine.free_memory_bytes() == 0
    file.write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\nSwapTotal: 0 kB\n")
    assert machine.free_memory_bytes() == 2 << 20
    file.write_text("MemTotal: 9 kB\n")
    assert machine.free_memory_bytes() == 0

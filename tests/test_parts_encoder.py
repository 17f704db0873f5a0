"""Which kernel runs the encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rag import models, onnx_export, parts
from rag.config import load_settings
from rag.errors import ModelError, SettingError
from rag.models import ResolvedModel

FOLDER, EXPORT = "/models/e5", Path("/cache/onnx/1")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine whose device, processor and luck can be chosen."""
    state: dict[str, Any] = {"device": "cpu", "int8": True, "failure": None, "error": None}

    def prepare(folder: Path, cache: Path, say: Any) -> Path:
        assert str(folder) == FOLDER
        if state["error"]:
            raise ModelError(state["error"])
        return EXPORT

    found = ResolvedModel("e5", FOLDER, "it is set", "path")
    monkeypatch.setattr(parts, "pick_device", lambda settings: state["device"])
    monkeypatch.setattr(models, "resolve_encoder", lambda setting, cache, say: found)
    monkeypatch.setattr(parts, "has_int8_instructions", lambda: state["int8"])
    monkeypatch.setattr(onnx_export, "failure", lambda folder, cache: state["failure"])
    monkeypatch.setattr(onnx_export, "prepare_onnx", prepare)
    return state


def kernel(setting: str, said: list[str] | None = None) -> Path | None:
    settings = load_settings(encoder_kernel=setting)
    return parts.fetch_encoder(settings, (said if said is not None else []).append)[1]


@pytest.mark.parametrize(
    ("device", "int8", "setting", "expected"),
    [
        ("cpu", True, "auto", EXPORT),
        ("cpu", False, "auto", None),
        ("cuda", True, "auto", None),
        ("cpu", True, "torch", None),
        ("cpu", False, "onnx", EXPORT),
    ],
)
def test_the_kernel_follows_setting_device_and_processor(
    machine: dict[str, Any], device: str, int8: bool, setting: str, expected: Path | None
) -> None:
    machine.update(device=device, int8=int8)
    assert kernel(setting) == expected


def test_onnx_on_a_gpu_is_refused(machine: dict[str, Any]) -> None:
    machine["device"] = "cuda"
    with pytest.raises(SettingError, match="encoder_kernel"):
        kernel("onnx")


def test_auto_takes_torch_when_the_export_fails_and_says_so(machine: dict[str, Any]) -> None:
    machine["error"] = "no such operator."
    said: list[str] = []
    assert kernel("auto", said) is None
    assert len(said) == 1 and "no such operator" in said[0] and "torch" in said[0]
    with pytest.raises(ModelError, match="no such operator"):
        kernel("onnx")


def test_auto_does_not_try_again_what_failed(machine: dict[str, Any]) -> None:
    machine["failure"] = "no such operator"
    said: list[str] = []
    assert kernel("auto", said) is None and not said
    assert kernel("onnx") == EXPORT

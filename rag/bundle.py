"""A folder to set Footnote up from where there is no network: wheels, code, models, the index.

`install.py` in it needs nothing but Python, and checks every file before it installs any.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.backup import Everything, back_up, file_hash
from rag.errors import FootnoteError

FORMAT = 1
MANIFEST = "manifest.json"
LOCK = "requirements/cpu.lock"
INSTALLER = "deploy/install.py"
SOURCES = (
    *("rag", "ingest", "public", ".chainlit", "deploy", "requirements"),
    *("app.py", "chainlit.md", "pyproject.toml", "README.md", "LICENSE"),
)
HUB = "hub"  # HF_HUB_CACHE of the installed command
EXPORTS = "onnx"  # in the cache, beside the models
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.tmp", "*.lock", ".cache")

Say = Callable[[str], None]
Pip = Callable[..., bool]  # arguments of pip; whether it succeeded


def run_pip(*arguments: str) -> bool:
    """The pip of this environment."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def checkout() -> Path:
    """Where the code lies. FootnoteError if it is installed without what a bundle needs."""
    root = Path(__file__).resolve().parent.parent
    if not all((root / name).exists() for name in (*SOURCES, LOCK, INSTALLER)):
        raise FootnoteError(
            f"A bundle is made from a checkout, and {root} is none. Run it from one: make setup"
        )
    return root


def make_bundle(
    target: Path,
    cache: Path,
    index: Path | None,
    say: Say,
    *,
    snapshots: Sequence[Path] = (),
    root: Path | None = None,
    pip: Pip = run_pip,
) -> dict[str, Any]:
    """Fill `target`, which must be empty or not there; the manifest is written last.

    `index` None leaves the index out; `snapshots` are folders in a hub's cache, for models that a
    hub gave. FootnoteError if something cannot be had.
    """
    root = root or checkout()
    if target.exists() and any(target.iterdir()):
        raise FootnoteError(f"{target} is not empty. Name another folder, or move it aside.")
    target.mkdir(parents=True, exist_ok=True)
    say("Copying the code")
    for name in SOURCES:
        _copy(root / name, target / "source" / name)
    shutil.copy2(root / INSTALLER, target / "install.py")
    _collect_wheels(root / LOCK, target / "wheels", say, pip)
    models = {f"models/{path.name}": path for path in _models(cache)}
    models |= dict(_hub_files(snapshots))
    if models.keys() <= {f"models/{EXPORTS}"}:
        raise FootnoteError(f"No models are in {cache}. Fetch them: footnote models fetch")
    for name, path in models.items():
        say(f"Copying the model {path.name}")
        _copy(path, target / name)
    if index is not None:
        say("Backing the index up, without conversations, accounts and files that people added")
        back_up(index, target / "index.tar", left_out=Everything())
    say("Hashing")
    return _write_manifest(target)


def _models(cache: Path) -> list[Path]:
    """The models that are whole, and what was made of the encoder's; the rest is made anew."""
    whole = [path for path in sorted(cache.glob("*")) if (path / "footnote.json").is_file()]
    return [*whole, *(path for path in [cache / EXPORTS] if path.is_dir())]


def _hub_files(snapshots: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Where each snapshot and its references go: as the hub's library lays its cache out.

    There a snapshot is links into a folder of blobs; here it is the files.
    """
    for snapshot in snapshots:
        repository = snapshot.parent.parent
        yield f"{HUB}/{repository.name}/snapshots/{snapshot.name}", snapshot
        if (repository / "refs").is_dir():
            yield f"{HUB}/{repository.name}/refs", repository / "refs"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=LEFT_OUT)
    else:
        shutil.copy2(source, target)


def _collect_wheels(lock: Path, target: Path, say: Say, pip: Pip) -> None:
    """All that the lock names, built where it must be, so that the other side needs no compiler."""
    target.mkdir()
    locked = lock.read_text("utf-8").splitlines()
    torch = [line.split(";")[0].strip() for line in locked if line.startswith("torch==")]
    to_target = ("wheel", "--no-deps", "--wheel-dir", str(target))
    for pin in torch:  # the processor's build satisfies the lock's pin, and is preferred
        say(f"Fetching {pin}, the build for processors")
        wanted = f"{pin}+cpu"
        if not pip(*to_target, wanted) and not pip(
            *to_target, "--index-url", PYTORCH_CPU_INDEX, wanted
        ):
            raise FootnoteError(f"{wanted} cannot be had. Set an index of pip's that has it.")
    say("Fetching and building the packages (some minutes)")
    if not pip(*to_target, "--find-links", str(target), "-r", str(lock)):
        raise FootnoteError(
            f"The packages of {lock} cannot be had; pip says above why. Mend it, and try again."
        )


def _write_manifest(target: Path) -> dict[str, Any]:
    files = [
        {
            "name": path.relative_to(target).as_posix(),
            "size": path.stat().st_size,
            "sha256": file_hash(path),
        }
        for path in sorted(target.rglob("*"))
        if path.is_file()
    ]
    manifest = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": f"{sys.platform}-{platform.machine()}",
        "files": files,
    }
    temporary = target / f"{MANIFEST}.tmp"
    temporary.write_text(json.dumps(manifest, indent=1), "utf-8")
    os.replace(temporary, target / MANIFEST)
    return manifest

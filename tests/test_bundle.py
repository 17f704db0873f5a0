"""A bundle of a small stand-in for Footnote, and its installation with real venv and pip."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag import bundle
from rag.bundle import INSTALLER, LOCK, SOURCES, make_bundle
from rag.errors import FootnoteError

ROOT = Path(__file__).resolve().parent.parent


def write_wheel(folder: Path, name: str, code: str) -> None:
    """A package of one module, as wheels are (PEP 427)."""
    meta = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": code,
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{meta}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{path},sha256={digest.decode()},{len(text.encode())}")
    files[f"{meta}/RECORD"] = "\n".join([*lines, f"{meta}/RECORD,,", ""])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


class FakePip:
    """Has the packages at once; `lacks` are arguments with which it fails."""

    def __init__(self, *lacks: str) -> None:
        self.calls: list[tuple[str, ...]] = []
        self._lacks = lacks

    def __call__(self, *arguments: str) -> bool:
        self.calls.append(arguments)
        if any(lack in arguments for lack in self._lacks):
            return False
        folder = Path(arguments[arguments.index("--wheel-dir") + 1])
        write_wheel(
            folder, "torch" if "-r" not in arguments else "tiny", "WORD = 'from the wheel'\n"
        )
        return True


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose command tells what it was installed with."""
    made = tmp_path / "checkout"
    for name in SOURCES:
        if "." in name[1:] or name == "LICENSE":
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_text(name)
        else:
            (made / name).mkdir(parents=True)
    (made / "rag" / "__init__.py").write_text("")
    (made / "rag" / "__pycache__").mkdir()
    (made / "rag" / "__pycache__" / "x.pyc").write_text("")
    (made / "rag" / "cli.py").write_text(
        "import pathlib, sys, tiny\n"
        "if __name__ == '__main__':\n"
        "    pathlib.Path('called.txt').write_text(' '.join([tiny.WORD, *sys.argv[1:]]))\n"
    )
    (made / LOCK).write_text("tiny==1.0\ntorch==2.13.0 ; python_version > '3'\n")
    shutil.copy2(ROOT / INSTALLER, made / INSTALLER)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    made = tmp_path / "cache"
    (made / "encoder").mkdir(parents=True)
    (made / "encoder" / "footnote.json").write_text("{}")
    (made / "encoder" / "weights.bin").write_bytes(b"\0" * 5000)
    for name in ("onnx/1/model.onnx", "eval/answers.json"):
        (made / name).parent.mkdir(parents=True)
        (made / name).write_text(name)
    (made / "half").mkdir()
    return made


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A model in a hub's cache, as its library lays it out."""
    repository = tmp_path / "hub" / "models--some--encoder"
    made = repository / "snapshots" / "abc123"
    (repository / "blobs").mkdir(parents=True)
    (repository / "blobs" / "1234").write_text("weights")
    made.mkdir(parents=True)
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").symlink_to("../../blobs/1234")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    return made


Make = Callable[..., Path]


@pytest.fixture
def make(root: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def back_up(index: Path, file: Path, left_out: Container[str]) -> None:
        assert "conversations.sqlite" in left_out
        file.write_bytes(b"a backup of " + str(index.name).encode())

    monkeypatch.setattr(bundle, "back_up", back_up)

    def make(
        pip: FakePip | None = None, index: Path | None = None, snapshots: Sequence[Path] = ()
    ) -> Path:
        target = tmp_path / "bundle"
        make_bundle(
            target, cache, index, lambda _: None,
            root=root, pip=pip or FakePip(), snapshots=snapshots,
        )  # fmt: skip
        return target

    return make


def run(target: Path, *arguments: str) -> Any:
    return subprocess.run(
        [sys.executable, str(target / "install.py"), *arguments],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def check_hub_model(home: Path) -> None:
    """Found from any folder; in another process, as the hub's library reads its variables once."""
    (home / "rag" / "cli.py").write_text(
        "import os, sys\nsys.path[:0] = sys.argv[1:]\n"
        "from huggingface_hub import constants, snapshot_download\n"
        "print(os.environ['FOOTNOTE_CONFIG'])\n"
        "print(constants.HF_HUB_OFFLINE)\nprint(snapshot_download('some/encoder'))\n"
    )
    done = subprocess.run(
        [home / ".venv" / "bin" / "footnote", *filter(None, sys.path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    settings, is_offline, found = done.stdout.splitlines()
    assert (settings, is_offline) == (str(home / "footnote.toml"), "True")
    assert Path(found).is_relative_to(home)
    assert (Path(found) / "model.safetensors").read_text() == "weights"


def test_what_was_bundled_installs_without_a_network(
    make: Make, snapshot: Path, tmp_path: Path
) -> None:
    target = make(index=tmp_path / "library", snapshots=[snapshot])
    shutil.rmtree(snapshot.parent.parent)
    home = tmp_path / "deep 深い𠀀" / ("long" * 40) / "foot'note"
    done = run(target, str(home))
    assert done.returncode == 0, done.stderr
    assert (home / "called.txt").read_text() == f"from the wheel restore {target / 'index.tar'}"
    assert (home / "cache" / "encoder" / "weights.bin").stat().st_size == 5000
    settings = tomllib.loads((home / "footnote.toml").read_text("utf-8"))
    assert settings == {"index": f"{home}/index", "cache": f"{home}/cache"}
    assert not (home / "rag" / "__pycache__" / "x.pyc").exists()
    check_hub_model(home)
    again = run(target, str(home))
    assert again.returncode != 0 and "not empty" in again.stderr


def test_what_is_packed_are_the_models_that_are_set(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from rag.cli_bundle import _snapshots
    from rag.config import Settings

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    own = tmp_path / "own"
    own.mkdir()
    settings = Settings(
        generator="openai:http://localhost:1/v1", encoder=str(snapshot), reranker="none",
        cache=tmp_path / "cache",
    )  # fmt: skip
    assert _snapshots(settings) == [snapshot]
    assert _snapshots(settings.model_copy(update={"encoder": str(own)})) == []
    assert str(own) in capsys.readouterr().err
    missing = settings.model_copy(update={"generator": "package:qwen2.5-coder-1.5b"})
    with pytest.raises(FootnoteError, match="generator"):
        _snapshots(missing)


def test_every_file_is_in_the_manifest(make: Make) -> None:
    target = make()
    names = {entry["name"] for entry in json.loads((target / "manifest.json").read_text())["files"]}
    found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert names == found - {"manifest.json"}
    assert {"install.py", "models/encoder/weights.bin", "source/rag/cli.py"} <= names
    assert {name for name in names if name.startswith("models/")} == {
        "models/encoder/footnote.json", "models/encoder/weights.bin", "models/onnx/1/model.onnx",
    }  # fmt: skip
    assert "index.tar" not in names
    assert run(target, "--check").returncode == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: (t / "models/encoder/weights.bin").write_bytes(b"\1" * 5000), "not what was"),
        (lambda t: (t / "source/rag/cli.py").unlink(), "cli.py is missing"),
        (
            lambda t: (t / "wheels/evil-1.0-py3-none-any.whl").write_bytes(b""),
            "not in the manifest",
        ),
        (lambda t: (t / "manifest.json").write_text("{"), "cannot be read"),
        (lambda t: (t / "manifest.json").unlink(), "cannot be read"),
    ],
)
def test_what_was_changed_is_named_and_nothing_installed(
    make: Make, tmp_path: Path, change: Callable[[Path], Any], words: str
) -> None:
    target = make()
    change(target)
    done = run(target, str(tmp_path / "home"))
    assert done.returncode != 0 and words in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_link_is_no_file(make: Make, tmp_path: Path) -> None:
    target = make()
    weights = target / "models/encoder/weights.bin"
    weights.rename(tmp_path / "weights.bin")
    weights.symlink_to(tmp_path / "weights.bin")
    assert "is a link" in run(target, "--check").stderr


def test_an_older_python_checks_too(make: Make) -> None:
    target = make()
    program = (
        "import hashlib, runpy, sys; del hashlib.file_digest; sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", program, str(target / "install.py"), "--check"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("python", "2.7", "python 2.7"), ("machine", "plan9-vax", "plan9-vax")],
)
def test_another_machine_is_refused(
    make: Make, tmp_path: Path, key: str, value: str, words: str
) -> None:
    target = make()
    manifest = json.loads((target / "manifest.json").read_text())
    (target / "manifest.json").write_text(json.dumps(manifest | {key: value}))
    (target / "models/encoder/weights.bin").unlink()  # said first, without reading gigabytes
    done = run(target, str(tmp_path / "home"))
    assert done.returncode != 0 and words in done.stderr


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\\b"])
def test_a_name_that_leads_elsewhere_is_refused(make: Make, name: str) -> None:
    target = make()
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["files"].append({"name": name, "size": 0, "sha256": ""})
    (target / "manifest.json").write_text(json.dumps(manifest))
    assert "which cannot be" in run(target, "--check").stderr


def test_the_processors_torch_is_fetched_first_and_elsewhere_if_it_must(make: Make) -> None:
    pip = FakePip()
    make(pip)
    first, second = pip.calls
    assert first[-1] == "torch==2.13.0+cpu" and "--index-url" not in first
    assert "--find-links" in second and second[-1].endswith("cpu.lock")


def test_what_cannot_be_had_is_said(make: Make, root: Path, cache: Path, tmp_path: Path) -> None:
    pip = FakePip("torch==2.13.0+cpu")
    with pytest.raises(FootnoteError, match=r"torch==2\.13\.0\+cpu cannot be had"):
        make(pip)
    assert "--index-url" in pip.calls[1]
    with pytest.raises(FootnoteError, match="not empty"):
        make()
    shutil.rmtree(tmp_path / "bundle")
    with pytest.raises(FootnoteError, match="pip says above why"):
        make(FakePip("-r"))
    shutil.rmtree(tmp_path / "bundle")
    shutil.rmtree(cache / "encoder")
    with pytest.raises(FootnoteError, match="models fetch"):
        make()
    assert bundle.checkout() == ROOT

"""The recipe: the lock against pyproject.toml, the set-up script, the Makefile."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK_LINES = (ROOT / "requirements" / "cpu.lock").read_text("utf-8").splitlines()
LOCK = [Requirement(line) for line in LOCK_LINES if line.strip() and not line.startswith("#")]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = [*PROJECT["dependencies"], *EXTRAS["cpu"], *EXTRAS["ocr"], *EXTRAS["dev"]]


def pins(name: str) -> list[Version]:
    """The versions that the lock pins a package to, one for each set of platforms."""
    wanted = canonicalize_name(name)
    specifiers = [pin.specifier for pin in LOCK if canonicalize_name(pin.name) == wanted]
    return [Version(next(iter(specifier)).version) for specifier in specifiers]


@pytest.mark.parametrize("text", WANTED)
def test_the_lock_holds_every_dependency_in_a_version_that_is_allowed(text: str) -> None:
    wanted = Requirement(text)
    found = pins(wanted.name)
    assert found, f"{wanted.name} is not in requirements/cpu.lock: run scripts/lock.py"
    for version in found:
        assert wanted.specifier.contains(version, prereleases=True)


def test_the_lock_pins_exactly_and_once_a_platform() -> None:
    for pin in LOCK:
        assert [s.operator for s in pin.specifier] == ["=="], pin
    by_platform = [(canonicalize_name(pin.name), str(pin.marker)) for pin in LOCK]
    assert len(by_platform) == len(set(by_platform))


def test_the_lock_leaves_the_build_of_torch_open_and_its_companions_out() -> None:
    names = {canonicalize_name(pin.name) for pin in LOCK}
    assert not names & {"torchvision", "torchaudio", "torchcodec"}
    assert "torch" in names
    assert not [line for line in LOCK_LINES if "+cpu" in line]


def test_both_builds_use_the_same_engine_versions() -> None:
    versions = {
        extra: {Requirement(r).name.removesuffix(f"-{extra}"): r.split("==")[1] for r in texts}
        for extra, texts in EXTRAS.items()
        if extra in ("cpu", "gpu")
    }
    assert versions["cpu"].pop("vllm") == versions["gpu"].pop("vllm")
    assert versions["cpu"] == versions["gpu"]


@pytest.mark.parametrize("script", ["setup.py", "lock.py"])
def test_scripts_need_only_the_standard_library(script: str) -> None:
    tree = ast.parse((ROOT / "scripts" / script).read_text("utf-8"))
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add((node.module or "").split(".")[0])
    assert named <= sys.stdlib_module_names


def recipes() -> dict[str, str]:
    """The Makefile's targets, each with its recipe."""
    text = (ROOT / "Makefile").read_text("utf-8")
    found = re.findall(r"^(\w+):.*\n((?:\t.*\n?)+)", text, re.MULTILINE)
    return dict(found)


def test_the_makefile_has_its_targets() -> None:
    found = recipes()
    assert {"setup", "models", "run", "test", "check", "format"} <= found.keys()
    assert "scripts/setup.py" in found["setup"]
    assert "pytest" in found["test"]


def test_make_calls_commands_that_exist() -> None:
    from typer.main import get_command

    from rag.cli import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    for recipe in recipes().values():
        for line in recipe.splitlines():
            if "/footnote " in line:
                words = line.split("/footnote ", 1)[1].split()
                command = commands[words[0]]
                options = {name for p in command.params for name in p.opts}
                if hasattr(command, "commands"):
                    assert words[1] in command.commands
                assert {word for word in words if word.startswith("--")} <= options

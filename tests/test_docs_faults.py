"""docs/faults.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TEXT = (TESTS.parent / "docs" / "faults.md").read_text("utf-8")


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(?:tests/)?(test_\w+\.py)(?:::(test_\w+))?`", TEXT)
    assert len(named) > 40
    for file, function in named:
        source = (TESTS / file).read_text("utf-8")
        assert not function or f"def {function}(" in source, f"{file}::{function}"


def test_every_fault_has_its_test() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]
    faults = [line for line in lines if line.count("|") == 6][1:]
    assert len(faults) > 12
    assert all("`test_" in line.rsplit("|", 2)[1] for line in faults)


def test_every_test_of_a_fault_is_named() -> None:
    for file in ("test_faults.py", "test_faults_disk.py"):
        for name in re.findall(r"^def (test_\w+)\(", (TESTS / file).read_text("utf-8"), re.M):
            assert f"`{file}::{name}`" in TEXT, name

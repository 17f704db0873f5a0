from __future__ import annotations

import socket
from pathlib import Path

import pytest

from rag import doctor
from rag.config import Settings
from rag.doctor import Finding, examine


def find(settings: Settings, subject: str) -> list[Finding]:
    return [finding for finding in examine(settings) if finding.subject == subject]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(index=tmp_path / "index", cache=tmp_path / "cache", port=0)


def test_says_something_of_everything(settings: Settings) -> None:
    subjects = {finding.subject for finding in examine(settings)}
    assert {"Python", "package", "processor", "memory", "GPU", "disk", "settings"} < subjects
    assert {"encoder", "generator", "128K context", "index", "port"} < subjects
    assert all(f.text and f.level in ("ok", "warn", "fail") for f in examine(settings))


def test_a_missing_package_fails_with_its_cure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("vllm", "nosuchpackage"))
    present, missing = find(settings, "package")
    assert present.level == "ok" and missing.level == "fail"
    assert "nosuchpackage" in missing.text and "pip install" in missing.cure


def test_a_taken_port_and_a_missing_index_are_warnings(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = settings.model_copy(update={"port": taken.getsockname()[1]})
        assert find(busy, "port")[0].level == "warn"
    assert find(settings, "port")[0].level == "ok"
    assert find(settings, "index")[0].level == "warn"


def test_little_memory_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_MEMORY_BYTES", 1 << 60)
    assert find(settings, "memory")[0].level == "warn"


@pytest.mark.model
def test_whether_128k_fits_is_told(models_cache: Path, generator_folder: str) -> None:
    (finding,) = find(Settings(cache=models_cache), "128K context")
    assert finding.text.startswith("needs ") and "GiB" in finding.text

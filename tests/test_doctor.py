from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from rag import doctor
from rag.catalog import Catalog
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
    assert {"encoder", "generator", "128K context", "index", "following", "port"} < subjects
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


@pytest.mark.parametrize(
    ("watches", "instances", "level"),
    [(100, 5, "ok"), (3, 5, "ok"), (2, 5, "warn"), (100, 0, "warn")],
)
def test_limits_of_watching_are_told_with_their_cure(
    watches: int,
    instances: int,
    level: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = tmp_path / "inotify"
    system.mkdir()
    (system / "max_user_watches").write_text(f"{watches}\n")
    (system / "max_user_instances").write_text(f"{instances}\n")
    monkeypatch.setattr("rag.watch_limits.LIMITS", system)
    monkeypatch.setattr("rag.watch_limits.PROCESSES", tmp_path / "none")
    docs = tmp_path / "docs"
    (docs / "a" / "b").mkdir(parents=True)
    settings.index.mkdir()
    with Catalog(settings.index / "catalog.sqlite3") as catalog:
        catalog.set_meta("roots", json.dumps([str(docs)]))
    (finding,) = find(settings, "following")
    assert (finding.level, "3 folders" in finding.text) == (level, True)
    if level == "warn":
        assert "sysctl fs.inotify.max_user_watches=" in finding.cure
        assert "every 10 s instead" in finding.cure


def test_without_an_index_or_without_limits_following_is_well(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find(settings, "following")[0].text.startswith(("0 folders", "the system"))
    monkeypatch.setattr("rag.watch_limits.LIMITS", tmp_path / "none")
    assert "no limits" in find(settings, "following")[0].text


@pytest.mark.model
def test_whether_128k_fits_is_told(models_cache: Path, generator_folder: str) -> None:
    (finding,) = find(Settings(cache=models_cache), "128K context")
    assert finding.text.startswith("needs ") and "GiB" in finding.text


def test_vectors_are_told(settings: Settings) -> None:
    (finding,) = find(settings, "vectors")
    assert finding.text == "all dimensions; float32, float16 from 50,000 passages"
    changed = {
        "encoder_dimensions": 128, "vector_precision": "int8", "query_prompt": "none",
    }  # fmt: skip
    (finding,) = find(settings.model_copy(update=changed), "vectors")
    assert "the first 128 dimensions; int8" in finding.text
    assert "query_prompt 'none'" in finding.text


def test_the_reranker_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find(settings, "reranker")[0].text.startswith("none")
    named = settings.model_copy(update={"reranker": str(tmp_path), "reranker_ms": 70})
    (finding,) = find(named, "reranker")  # without a GPU
    assert (
        finding.level == "warn" and "within 70 ms" in finding.text and "reranker_ms" in finding.cure
    )
    monkeypatch.setattr(doctor, "gpu_memory_bytes", lambda: 24 << 30)
    (finding,) = find(named, "reranker")
    assert finding.level == "ok" and str(tmp_path) in finding.text
    monkeypatch.setattr(doctor, "find_installed", lambda *_: None)
    (finding,) = find(named, "reranker")
    assert finding.level == "warn" and "models fetch" in finding.cure

"""Shared by all tests: no network but loopback, and where the real models lie."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

# The same examples at every run, however busy the machine.
settings.register_profile(
    "footnote", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("footnote")

LOOPBACK = ("127.", "::1", "localhost")
_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


def _check(address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else None
    if host is not None and not str(host).startswith(LOOPBACK):
        raise RuntimeError(f"A test tried to reach {address}; only loopback is allowed.")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    _check(address)
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    _check(address)
    return _connect_ex(self, address)


def _guarded_getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
    if host is not None:
        _check((host.decode() if isinstance(host, bytes) else host,))
    return _getaddrinfo(host, *arguments, **keywords)


socket.socket.connect = _guarded_connect  # type: ignore[method-assign]
socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign]
socket.getaddrinfo = _guarded_getaddrinfo


@pytest.fixture(scope="session")
def models_cache() -> Path:
    """The cache that `make test` has filled; a test that needs it skips in plain sight."""
    from rag.config import load_settings

    return load_settings().cache


def _installed(cache: Path, name: str) -> str:
    folder = cache / name
    if not (folder / "footnote.json").exists():
        pytest.skip(f"the model {name} is not in {cache}: run `footnote models fetch`")
    return str(folder)


@pytest.fixture(scope="session")
def encoder_folder(models_cache: Path) -> str:
    return _installed(models_cache, "multilingual-e5-small")


@pytest.fixture(scope="session")
def generator_folder(models_cache: Path) -> str:
    """Whichever kind of weights `auto` takes on this machine."""
    from rag.models import find_installed

    folder = find_installed("auto", "generator", models_cache)
    if folder is None:
        pytest.skip(f"no language model is in {models_cache}: run `footnote models fetch`")
    return str(folder)


@pytest.fixture(scope="session")
def encoder(encoder_folder: str) -> Any:
    """The real encoder, loaded once."""
    from rag.encoder import SentenceEncoder

    return SentenceEncoder(encoder_folder)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of the person who runs the tests do not count, the cache's place aside."""
    for name in list(os.environ):
        if name.startswith("FOOTNOTE_") and name not in ("FOOTNOTE_CACHE", "FOOTNOTE_PAGE_URL"):
            monkeypatch.delenv(name)
    yield


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder and the model are fakes; everything else is real."""
    from fakes import ScriptedGenerator, WordEncoder
    from test_sync import DirectReader

    from rag import parts

    monkeypatch.setattr(parts, "open_encoder", lambda settings, say: WordEncoder())
    monkeypatch.setattr(
        parts, "open_generator", lambda settings, say: ScriptedGenerator("The pump is blue [1].")
    )
    monkeypatch.setattr("ingest.sync.ReadingProcess", DirectReader)


@pytest.fixture(autouse=True)
def _nobody_asks() -> Iterator[None]:
    """What a command of another test said of who asks is over."""
    from rag.origin import NOBODY, asking_as

    with asking_as(NOBODY):
        yield

from __future__ import annotations

import socket

import pytest

from rag.errors import SettingError
from rag.serve import bind, is_loopback, url_of


def test_binds_before_anything_is_served() -> None:
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        assert url_of(bound) == f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port)):
            pass
        with pytest.raises(SettingError, match="--port"):
            bind("127.0.0.1", port)


def test_an_address_that_cannot_be() -> None:
    with pytest.raises(SettingError, match="--host"):
        bind("127.0.0.256", 0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("box", False)],
)
def test_who_can_reach_a_host(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected

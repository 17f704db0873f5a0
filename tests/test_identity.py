from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import HTTPConnection

from rag.access import LOCAL, Caller
from rag.errors import SettingError
from rag.identity import ByHeader, Fixed, Proxies

PROXY = "10.0.0.5"


def sent(client: str | None = PROXY, scheme: str = "http", **headers: Any) -> HTTPConnection:
    raw = []
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            raw.append((name.replace("_", "-").encode(), value.encode()))
    address = (client, 5000) if client else None
    return HTTPConnection(
        {"type": "http", "client": address, "headers": raw, "scheme": scheme, "path": "/"}
    )


@pytest.fixture
def by_header() -> ByHeader:
    return ByHeader(Proxies([PROXY, "10.1.0.0/16"]), "X-User", "X-Groups", "admins")


def test_a_trusted_proxy_names_the_caller(by_header: ByHeader) -> None:
    assert by_header.of(sent(x_user="Anna")) == Caller("anna")
    assert by_header.of(sent("10.1.200.3", x_user="bo", x_groups="hr, legal")) == Caller(
        "bo", frozenset({"hr", "legal"})
    )
    assert by_header.of(sent("::ffff:10.0.0.5", x_user="%E6%9D%8E")) == Caller("李")
    assert by_header.of(sent(x_user="root", x_groups=["a", "admins"])) == Caller(
        "root", frozenset({"a", "admins"}), True
    )


@pytest.mark.parametrize("client", ["10.0.0.6", "127.0.0.1", "::1", "unix", None])
def test_others_cannot(by_header: ByHeader, client: str | None) -> None:
    assert by_header.of(sent(client, x_user="anna", x_forwarded_for=PROXY)) is None


@pytest.mark.parametrize("given", [(), "", "a b", ("anna", "root"), "local"])
def test_a_name_that_is_none_lets_nobody_in(by_header: ByHeader, given: Any) -> None:
    assert by_header.of(sent(x_user=given)) is None


def test_the_newest_groups_count(by_header: ByHeader) -> None:
    assert by_header.named("anna") is None
    by_header.of(sent(x_user="anna", x_groups="hr"))
    by_header.of(sent(x_user="anna"))
    assert by_header.named("anna") == Caller("anna")


def test_without_groups_header_nobody_is_in_groups_or_admin() -> None:
    identity = ByHeader(Proxies([PROXY]), "X-User")
    assert identity.of(sent(x_user="anna", x_groups="admins")) == Caller("anna")


def test_everyone_is_the_local_caller() -> None:
    identity = Fixed(LOCAL)
    assert identity.of(sent()) == LOCAL == identity.named("local")
    assert identity.named("anna") is None


def test_where_a_request_began() -> None:
    proxies = Proxies([PROXY, "10.1.0.0/16"])
    hops = "203.0.113.9, 198.51.100.7, 10.1.0.1"
    assert proxies.address_of(sent(x_forwarded_for=hops)) == "198.51.100.7"
    assert proxies.address_of(sent("192.0.2.1", x_forwarded_for=hops)) == "192.0.2.1"
    assert proxies.address_of(sent(x_forwarded_for="10.1.0.9")) == "10.1.0.9"
    assert proxies.address_of(sent()) == PROXY and proxies.address_of(sent(None)) == ""


def test_whether_the_browser_speaks_tls() -> None:
    proxies = Proxies([PROXY])
    assert proxies.is_secure(sent("192.0.2.1", scheme="https"))
    assert proxies.is_secure(sent(x_forwarded_proto="https"))
    assert proxies.is_secure(sent("192.0.2.1", origin="https://docs.example"))
    assert not proxies.is_secure(sent("192.0.2.1", x_forwarded_proto="https"))
    assert not proxies.is_secure(sent(origin="http://127.0.0.1:8000"))


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.5/8", ""])
def test_proxies_are_addresses(wrong: str) -> None:
    with pytest.raises(SettingError, match="trusted_proxies"):
        Proxies([wrong])

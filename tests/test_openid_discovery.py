"""A provider on loopback that tells where its keys are, and some that tell what is not theirs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from test_json_web_tokens import AUDIENCE, KEY, OTHER, key_set, token

from rag import openid_discovery
from rag.access import Caller
from rag.config import Settings
from rag.errors import SettingError
from rag.json_web_tokens import TokenCheck
from rag.openid_discovery import MAX_BYTES, WELL_KNOWN, fetch, fetch_issuers_keys
from rag.people import _token_check


class Provider:
    """What it serves by path; `asked` are the paths that were asked for."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}/realm"
        self.pages: dict[str, bytes] = {"/keys": key_set(one=KEY)}
        self.asked: list[str] = []
        self.tell()

    def tell(self, **changed: Any) -> None:
        told = {"issuer": self.issuer, "jwks_uri": self.issuer.replace("/realm", "/keys")}
        self.pages[f"/realm{WELL_KNOWN}"] = json.dumps(told | changed).encode()


@pytest.fixture
def provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/keys")
                self.end_headers()
                return
            body = made.pages.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *told: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Provider(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def checking(provider: Provider, clock: Callable[[], float] = lambda: 0.0) -> TokenCheck:
    return TokenCheck("", issuer=provider.issuer, audience=AUDIENCE, clock=clock)


def test_the_issuer_alone_is_enough(provider: Provider) -> None:
    made = _token_check(Settings(jwt_issuer=provider.issuer, jwt_audience=AUDIENCE))
    assert made is not None
    assert made.check(token(iss=provider.issuer)) == Caller("jwt:anna")
    assert made.check(token()) is None  # of another issuer
    assert provider.asked == [f"/realm{WELL_KNOWN}", "/keys"]
    assert _token_check(Settings()) is None
    with pytest.raises(SettingError, match="jwt_audience"):
        _token_check(Settings(jwt_issuer=provider.issuer))


def test_keys_that_are_named_are_taken(provider: Provider) -> None:
    provider.pages["/own"] = key_set(two=OTHER)
    own = provider.issuer.replace("/realm", "/own")
    made = _token_check(Settings(jwt_issuer=provider.issuer, jwt_audience=AUDIENCE, jwt_keys=own))
    assert made is not None and provider.asked == ["/own"]
    assert made.check(token(OTHER, "two", iss=provider.issuer)) == Caller("jwt:anna")


def test_a_new_key_is_found_where_the_configuration_says_now(provider: Provider) -> None:
    now = [0.0]
    check = checking(provider, lambda: now[0])
    provider.pages["/new"] = key_set(two=OTHER)
    provider.tell(jwks_uri=provider.issuer.replace("/realm", "/new"))
    made = token(OTHER, "two", iss=provider.issuer)
    for moment in (1.0, 30.0, 61.0, 62.0, 63.0):
        now[0] = moment
        check.check(made)
        for thread in threading.enumerate():
            if thread.name == "jwt keys":
                thread.join(10)
    assert check.check(made) == Caller("jwt:anna")
    assert provider.asked.count(f"/realm{WELL_KNOWN}") == 2 and provider.asked[-1] == "/new"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"issuer": "https://evil.example"}, "evil"),
        ({"issuer": None}, "None"),
        ({"jwks_uri": None}, "no jwks_uri"),
        ({"jwks_uri": "http://keys.example/"}, "https://"),
        ({"jwks_uri": "file:///etc/passwd"}, "https://"),
        ({"jwks_uri": "https://10.0.0.1/keys"}, "network of ours"),
        ({"jwks_uri": "https://169.254.169.254/latest"}, "network of ours"),
        ({"jwks_uri": "https://[fd00::1]/keys"}, "network of ours"),
        ({"jwks_uri": "https://user:secret@keys.example/"}, "no plain address"),
    ],
)
def test_what_is_not_believed(provider: Provider, changed: dict[str, Any], why: str) -> None:
    provider.tell(**changed)
    with pytest.raises(SettingError, match=why) as told:
        checking(provider)
    assert str(told.value).startswith(f"jwt_issuer: {provider.issuer}")
    assert provider.asked == [f"/realm{WELL_KNOWN}"]


def test_a_trailing_stroke_is_of_the_issuers_name(provider: Provider) -> None:
    with pytest.raises(SettingError, match="to the letter"):
        fetch_issuers_keys(provider.issuer + "/")
    provider.tell(issuer=provider.issuer + "/")
    assert fetch_issuers_keys(provider.issuer + "/") == key_set(one=KEY)


@pytest.mark.parametrize("page", [b"", b"[]", b"no json", b"\xff"])
def test_what_is_no_configuration(provider: Provider, page: bytes) -> None:
    provider.pages[f"/realm{WELL_KNOWN}"] = page
    with pytest.raises(SettingError, match="jwt_issuer"):
        checking(provider)


def test_no_redirect_is_followed_and_nothing_endless_read(provider: Provider) -> None:
    base = provider.issuer.removesuffix("/realm")
    provider.tell(jwks_uri=f"{base}/moved")
    with pytest.raises(SettingError, match="302"):
        checking(provider)
    assert "/keys" not in provider.asked
    provider.pages["/long"] = b"x" * (MAX_BYTES + 1)
    with pytest.raises(SettingError, match="more than"):
        fetch(f"{base}/long")


@pytest.mark.parametrize("address", ["https://127.0.0.1/keys", "https://localhost/keys"])
def test_an_issuer_elsewhere_does_not_lead_here(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer, asked = "https://login.example", list[str]()

    def told(url: str) -> bytes:
        asked.append(url)
        return json.dumps({"issuer": issuer, "jwks_uri": address}).encode()

    monkeypatch.setattr(openid_discovery, "fetch", told)
    with pytest.raises(SettingError, match="network of ours"):
        fetch_issuers_keys(issuer)
    assert asked == [issuer + WELL_KNOWN]


@pytest.mark.parametrize("issuer", ["http://login.example", "login.example", "ftp://x"])
def test_an_issuer_is_asked_by_https_alone(issuer: str) -> None:
    with pytest.raises(SettingError, match="https://"):
        fetch_issuers_keys(issuer)

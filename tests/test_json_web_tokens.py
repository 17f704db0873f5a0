"""Tokens count only as their signer made them, for us, in their time."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fakes import Clock
from jwt.algorithms import ECAlgorithm

from rag.access import Caller
from rag.errors import SettingError
from rag.json_web_tokens import TokenCheck, fetch_keys

ISSUER, AUDIENCE = "https://login.example", "footnote"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def key_set(**keys: ec.EllipticCurvePrivateKey) -> bytes:
    told = [
        ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "alg": "ES256"}
        for name, key in keys.items()
    ]
    return json.dumps({"keys": told}).encode()


def token(key: Any = KEY, kid: str = "one", algorithm: str = "ES256", **claims: Any) -> str:
    told = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60, "sub": "anna"} | claims
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm, {"kid": kid})


@pytest.fixture
def check(tmp_path: Path) -> TokenCheck:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(one=KEY))
    return TokenCheck(str(file), issuer=ISSUER, audience=AUDIENCE, admin_group="ops")


def test_whose_it_is(check: TokenCheck) -> None:
    assert check.check(token()) == Caller("jwt:anna")
    assert check.check(token(groups=["hr", "ops"])) == Caller(
        "jwt:anna", frozenset({"hr", "ops"}), True
    )
    assert check.check(token(groups="hr legal")) == Caller("jwt:anna", frozenset({"hr", "legal"}))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"exp": time.time() - 3600},
        {"exp": None},
        {"nbf": time.time() + 3600},
        {"sub": ""},
        {"sub": None},
        {"sub": "line\nbreak"},
        {"sub": "x" * 256},
        {"groups": 5},
    ],
)
def test_what_does_not_count(check: TokenCheck, claims: dict[str, Any]) -> None:
    assert check.check(token(**claims)) is None


@pytest.mark.parametrize(
    "name", ["auth0|5f7c", "https://login.example/u/7", "Anna", "two words", "x" * 255, "local"]
)
def test_an_issuer_names_people_as_it_likes(check: TokenCheck, name: str) -> None:
    assert check.check(token(sub=name)) == Caller(f"jwt:{name}")


def test_why_it_does_not_count_is_told_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    check = TokenCheck(
        "x", issuer=ISSUER, audience=AUDIENCE, fetch=lambda _: key_set(one=KEY), clock=clock
    )

    def warnings() -> list[str]:
        found = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
        caplog.clear()
        return found

    assert check.check(token(sub="")) is None
    (line,) = warnings()
    assert "'sub' (jwt_name_claim)" in line
    for wrong in ("a.b.c", token(kid="two\nlines"), "x" * 20_000, token(OTHER)):
        assert check.check(wrong) is None
    assert warnings() == []
    clock.now += 60
    assert check.check(token(aud="other")) is None
    (line,) = warnings()
    assert "Audience" in line and "4 more" in line
    clock.now += 60
    assert check.check(token(kid="two\nlines")) is None
    (line,) = warnings()
    assert "(kid)" in line and "\n" not in line


def test_only_the_signers_key_counts(check: TokenCheck) -> None:
    assert check.check(token(OTHER)) is None
    assert check.check(token(kid="two")) is None
    head, _, sign = token().split(".")
    other_body = token(sub="boss").split(".")[1]
    assert check.check(f"{head}.{other_body}.{sign}") is None
    for wrong in ("", "a.b.c", "x" * 20_000):
        assert check.check(wrong) is None


def test_neither_none_nor_a_shared_secret_signs(check: TokenCheck) -> None:
    assert check.check(token(None, algorithm="none")) is None
    secret = "public keys are no secret, so this would be one that everybody knows"
    assert check.check(token(secret, algorithm="HS256")) is None


def test_new_keys_are_fetched_beside() -> None:
    served, asked, now = [key_set(one=KEY)], threading.Event(), [0.0]

    def fetch(source: str) -> bytes:
        if now[0]:
            asked.set()
        return served[0]

    check = TokenCheck("x", issuer=ISSUER, audience=AUDIENCE, fetch=fetch, clock=lambda: now[0])
    served[0] = key_set(one=KEY, two=OTHER)
    assert check.check(token(OTHER, "two")) is None
    now[0] = 61.0
    assert check.check(token(OTHER, "two")) is None
    assert asked.wait(10)
    for thread in threading.enumerate():
        if thread.name == "jwt keys":
            thread.join(10)
    assert check.check(token(OTHER, "two")) == Caller("jwt:anna")


@pytest.mark.parametrize("source", ["/nowhere.json", "http://login.example/keys", "ftp://x/y"])
def test_keys_that_cannot_be_had_are_told(source: str) -> None:
    with pytest.raises(SettingError, match="jwt_keys"):
        TokenCheck(source, issuer=ISSUER, audience=AUDIENCE)


def test_keys_are_looked_up_again_from_time_to_time() -> None:
    """One that was withdrawn counts no more; where nobody answers the old ones go on to count."""
    served, now, tries = [key_set(one=KEY)], [0.0], list[float]()

    def fetch(source: str) -> bytes:
        tries.append(now[0])
        return served[0]

    def reloaded() -> None:
        for thread in threading.enumerate():
            if thread.name == "jwt keys":
                thread.join(10)

    check = TokenCheck("x", issuer=ISSUER, audience=AUDIENCE, fetch=fetch, clock=lambda: now[0])
    served[0] = b"not now"
    for moment in (100.0, 3500.0, 3600.0, 3601.0, 7100.0):
        now[0] = moment
        assert check.check(token()) == Caller("jwt:anna")
        reloaded()
    assert tries == [0.0, 3600.0]
    served[0], now[0] = key_set(two=OTHER), 7200.0
    check.check(token())
    reloaded()
    assert check.check(token()) is None and check.check(token(OTHER, "two")) is not None
    for _ in range(20):
        check.check(token(kid="unknown"))
        reloaded()
    assert tries == [0.0, 3600.0, 7200.0]
    now[0] += 60.0
    for _ in range(20):
        check.check(token(kid="unknown"))
        reloaded()
    assert tries[3:] == [7260.0]


def test_issuer_and_audience_are_needed() -> None:
    with pytest.raises(SettingError, match="jwt_issuer"):
        TokenCheck("x", issuer="", audience=AUDIENCE, fetch=lambda source: key_set(one=KEY))


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"x")
    assert fetch_keys(str(tmp_path / "k")) == b"x"

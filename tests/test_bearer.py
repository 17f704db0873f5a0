"""Which of what a request brings along counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from rag.access import LOCAL, Caller
from rag.api_keys import ApiKeys
from rag.bearer import ByBearer
from rag.identity import Fixed, Nobody


class Tokens:
    def check(self, token: str) -> Caller | None:
        return Caller("jwt:anna") if token == "a.b.c" else None


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[ApiKeys]:
    made = ApiKeys(tmp_path / "keys.sqlite")
    yield made
    made.close()


def connection(*shown: str) -> HTTPConnection:
    headers = [(b"authorization", one.encode()) for one in shown]
    return HTTPConnection({"type": "http", "headers": headers})


def test_a_key_or_a_token_alone_counts(keys: ApiKeys) -> None:
    key = keys.create("a", admin=False)
    known = ByBearer(Fixed(LOCAL), keys, Tokens())
    assert known.of(connection()) == LOCAL and known.named("local") == LOCAL
    assert known.of(connection(f"bearer {key}")) == Caller("key:a")
    assert known.of(connection("Bearer a.b.c")) == Caller("jwt:anna")
    for wrong in ("Bearer fn-wrong", "Bearer d.e.f"):
        assert known.of(connection(wrong)) is None
    assert known.of(connection(f"Bearer {key}", "Bearer x")) is None


def test_what_is_neither_leaves_it_to_the_others(keys: ApiKeys) -> None:
    """A client that insists on a key can be given any word where nobody signs in."""
    for shown in ("Bearer unused", "Basic eDp5", "Bearer", "Bearer a.b.c"):
        assert ByBearer(Fixed(LOCAL), keys).of(connection(shown)) == LOCAL
        assert ByBearer(Nobody(), keys).of(connection(shown)) is None
    assert ByBearer(Nobody(), keys).named("local") is None

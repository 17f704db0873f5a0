"""Programs show who they are in the header Authorization: Bearer, with an API key or a JWT."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import HTTPConnection

from rag.access import Caller
from rag.accounts import Accounts
from rag.api_keys import KEY_PREFIX, ApiKeys
from rag.identity import Identity


class TokenChecking(Protocol):
    """Tells whose token it is."""

    def check(self, token: str) -> Caller | None: ...


class ByBearer:
    """What a program shows counts alone; whoever shows neither key nor token is known as before."""

    def __init__(
        self, otherwise: Identity, keys: ApiKeys, tokens: TokenChecking | None = None
    ) -> None:
        self.otherwise, self._keys, self._tokens = otherwise, keys, tokens

    @property
    def signs_in(self) -> Accounts | None:
        return self.otherwise.signs_in

    def of(self, connection: HTTPConnection) -> Caller | None:
        given = connection.headers.getlist("authorization")
        scheme, _, shown = given[0].partition(" ") if given else ("", "", "")
        if scheme.lower() == "bearer":
            shown = shown.strip()
            if shown.startswith(KEY_PREFIX):
                return self._keys.check(shown) if len(given) == 1 else None
            if self._tokens is not None and shown.count(".") == 2:
                return self._tokens.check(shown) if len(given) == 1 else None
        return self.otherwise.of(connection)

    def named(self, name: str) -> Caller | None:
        return self.otherwise.named(name)

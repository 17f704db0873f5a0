"""JSON Web Tokens of an identity provider (OpenID Connect), checked against its public keys."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.access import Caller
from rag.accounts import clean_name
from rag.errors import SettingError
from rag.openid_discovery import fetch, fetch_issuers_keys

log = logging.getLogger(__name__)

# A secret that both sides know (HS256) is not among them: our public keys would be that secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
NAME_PREFIX = "jwt:"  # so that no token can be a person of `footnote users`
LEEWAY_SECONDS = 30.0
REFRESH_SECONDS = 60.0  # between two looks for new keys
KEEP_SECONDS = 3600.0  # then they are looked up again, or one that was withdrawn would count on
MAX_TOKEN_CHARACTERS = 16_000


class TokenCheck:
    """Checks signature, issuer, audience and time. Raises SettingError if there are no keys.

    `source` is a file or https address of the keys (JWKS); where it is "" the issuer tells its
    own. When a token names a key that is not known, and from time to time, they are fetched again
    beside, so that no request waits for another server.
    """

    def __init__(
        self,
        source: str,
        *,
        issuer: str,
        audience: str,
        name_claim: str = "sub",
        groups_claim: str = "groups",
        admin_group: str = "",
        fetch: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not issuer or not audience:
            raise SettingError(
                "Tokens need jwt_issuer and jwt_audience: who signs them, and for whom."
            )
        self._told = f"jwt_keys: {source}" if source else f"jwt_issuer: {issuer}"
        self._source, self._issuer, self._audience = source, issuer, audience
        self._name_claim, self._groups_claim = name_claim, groups_claim
        self._admin_group = admin_group
        usual = fetch_keys if source else lambda _: fetch_issuers_keys(issuer)
        self._fetch = fetch or usual
        self._clock = clock
        self._lock = threading.Lock()
        self._loaded_at = clock()
        try:
            self._keys = self._load()
        except Exception as error:  # a file, the network, JSON, a key
            raise SettingError(
                f"{self._told} gives no keys ({error}). Correct it; jwt_keys takes a JWKS file or "
                "its https address."
            ) from error

    def _load(self) -> dict[str, Any]:
        from jwt import PyJWKSet

        keys = PyJWKSet.from_dict(json.loads(self._fetch(self._source))).keys
        return {key.key_id or "": key for key in keys}

    def check(self, token: str) -> Caller | None:
        """None if it does not count; the log tells why."""
        import jwt

        if len(token) > MAX_TOKEN_CHARACTERS:
            return None
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                self._refresh(REFRESH_SECONDS)
                return None
            self._refresh(KEEP_SECONDS)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[one for one in ALGORITHMS if one == key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
            return self._caller(claims)
        except (jwt.PyJWTError, SettingError, ValueError, TypeError) as error:
            log.info("A token was refused: %s", error)
            return None

    def _caller(self, claims: dict[str, Any]) -> Caller:
        name = clean_name(str(claims.get(self._name_claim, "")))
        told = claims.get(self._groups_claim, ())
        told = told.split() if isinstance(told, str) else told
        groups = frozenset(one for one in told if isinstance(one, str) and one)
        is_admin = bool(self._admin_group) and self._admin_group in groups
        return Caller(NAME_PREFIX + name, groups, is_admin)

    def _refresh(self, seconds: float) -> None:
        """Fetch what is older beside; the next request with such a token finds new keys."""
        with self._lock:
            if self._clock() - self._loaded_at < seconds:
                return
            self._loaded_at = self._clock()
        threading.Thread(target=self._reload, name="jwt keys", daemon=True).start()

    def _reload(self) -> None:
        try:
            self._keys = self._load()
        except Exception as error:  # the keys of before go on to count
            log.warning("%s: its keys cannot be read again (%s).", self._told, error)


def fetch_keys(source: str) -> bytes:
    """A file's bytes, or an address's."""
    return fetch(source) if "://" in source else Path(source).expanduser().read_bytes()

"""JSON Web Tokens of an identity provider (OpenID Connect), checked against its public keys."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rag.access import Caller
from rag.accounts import clean_name
from rag.errors import SettingError

log = logging.getLogger(__name__)

# A secret that both sides know (HS256) is not among them: our public keys would be that secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
NAME_PREFIX = "jwt:"  # so that no token can be a person of `footnote users`
LEEWAY_SECONDS = 30.0
FETCH_SECONDS = 10.0
REFRESH_SECONDS = 60.0  # between two looks for new keys
MAX_TOKEN_CHARACTERS = 16_000


class TokenCheck:
    """Checks signature, issuer, audience and time. Raises SettingError if there are no keys.

    `source` is a file or https address of the keys (JWKS). When a token names a key that is not
    known they are fetched again beside, so that no request waits for another server.
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
                "jwt_keys needs jwt_issuer and jwt_audience: who signs, and for whom."
            )
        self._source, self._issuer, self._audience = source, issuer, audience
        self._name_claim, self._groups_claim = name_claim, groups_claim
        self._admin_group = admin_group
        self._fetch = fetch or fetch_keys
        self._clock = clock
        self._lock = threading.Lock()
        self._loaded_at = clock()
        try:
            self._keys = self._load()
        except Exception as error:  # a file, the network, JSON, a key
            raise SettingError(
                f"jwt_keys: {source} gives no keys ({error}). Name a JWKS file or "
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
                self._refresh()
                return None
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

    def _refresh(self) -> None:
        """Look for new keys, beside; the next request with such a token finds them."""
        with self._lock:
            if self._clock() - self._loaded_at < REFRESH_SECONDS:
                return
            self._loaded_at = self._clock()
        threading.Thread(target=self._reload, name="jwt keys", daemon=True).start()

    def _reload(self) -> None:
        try:
            self._keys = self._load()
        except Exception as error:  # the keys of before go on to count
            log.warning("jwt_keys: %s cannot be read again (%s).", self._source, error)


def fetch_keys(source: str) -> bytes:
    """A file's bytes, or an address's: https, or http here. Redirects are not followed."""
    if "://" not in source:
        return Path(source).expanduser().read_bytes()
    import httpx

    parts = urlsplit(source)
    is_here = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not is_here:
        raise SettingError("the address must begin with https://")
    return httpx.get(source, timeout=FETCH_SECONDS).raise_for_status().content

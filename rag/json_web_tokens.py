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
MAX_NAME_CHARACTERS = 255  # of a subject (OpenID Connect Core 1.0, 2)
MAX_TOLD_CHARACTERS = 200  # of why a token was refused
TELL_SECONDS = 60.0  # between two lines on that: strangers must not fill the log


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
        self._told_at, self._num_untold = -TELL_SECONDS, 0
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
        """None if it does not count; the log tells why, of many in a minute of one."""
        import jwt

        try:
            return self._caller(self._claims(token))
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            self._tell_refused(error)
            return None

    def _claims(self, token: str) -> dict[str, Any]:
        """Raises PyJWTError, or ValueError, if it does not count."""
        import jwt

        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ValueError(f"it has more than {MAX_TOKEN_CHARACTERS} characters")
        key = self._keys.get(str(jwt.get_unverified_header(token).get("kid", "")))
        if key is None:
            self._refresh(REFRESH_SECONDS)
            raise ValueError("its key (kid) is not among the issuer's; new ones are looked for")
        self._refresh(KEEP_SECONDS)
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[one for one in ALGORITHMS if one == key.algorithm_name],
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims

    def _tell_refused(self, error: Exception) -> None:
        with self._lock:
            now = self._clock()
            if now - self._told_at < TELL_SECONDS:
                self._num_untold += 1
                return
            more, self._told_at, self._num_untold = self._num_untold, now, 0
        why = " ".join(str(error).split())[:MAX_TOLD_CHARACTERS]
        log.warning("A token was refused (%s). Since the last such line %d more were.", why, more)

    def _name(self, claims: dict[str, Any]) -> str:
        """To the letter: an issuer's `ab` and `AB` are two people (OpenID Connect Core 1.0, 2).

        Raises ValueError if it is none.
        """
        told = claims.get(self._name_claim)
        name = str(told) if type(told) in (str, int) else ""
        if not name or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
            raise ValueError(
                f"its claim {self._name_claim!r} (jwt_name_claim) is no name of 1 to "
                f"{MAX_NAME_CHARACTERS} printable characters"
            )
        return name

    def _caller(self, claims: dict[str, Any]) -> Caller:
        name = self._name(claims)
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

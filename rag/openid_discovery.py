"""Where an OpenID provider keeps its public keys, as it tells itself (OpenID Connect Discovery)."""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlsplit

from rag.errors import SettingError
from rag.serve import is_loopback

WELL_KNOWN = "/.well-known/openid-configuration"
FETCH_SECONDS = 10.0
MAX_BYTES = 1_000_000


def fetch_issuers_keys(issuer: str) -> bytes:
    """The JWKS of an issuer, by its configuration. Raises SettingError, or httpx's errors.

    Two addresses are asked: the issuer's own, and the https one that it names. That one may lie in
    a private network by its number only where the issuer does. Redirects are not followed.
    """
    told = json.loads(fetch(issuer.rstrip("/") + WELL_KNOWN))
    if not isinstance(told, dict) or told.get("issuer") != issuer:
        said = told.get("issuer") if isinstance(told, dict) else None
        raise SettingError(
            f"its configuration is of the issuer {said!r}. Set jwt_issuer to that, to the letter, "
            "if it is the one that is meant"
        )
    address = told.get("jwks_uri")
    if not isinstance(address, str):
        raise SettingError("its configuration names no jwks_uri. Set jwt_keys to the keys' address")
    if not _may_name(issuer, address):
        raise SettingError(f"its jwks_uri {address} lies in a network of ours, which is not asked")
    return fetch(address)


def _may_name(issuer: str, address: str) -> bool:
    """Another server must not make this one look around where that one cannot."""
    host = urlsplit(address).hostname
    if host == urlsplit(issuer).hostname or (is_here(issuer) and is_here(address)):
        return True
    try:
        return ipaddress.ip_address(host or "").is_global
    except ValueError:
        return not is_here(address)


def is_here(address: str) -> bool:
    """Whether it is of this machine."""
    return is_loopback(urlsplit(address).hostname or "")


def fetch(address: str) -> bytes:
    """What an https address gives, or one of http on this machine. Redirects are not followed.

    Raises SettingError for another address or too long a text, and httpx's errors.
    """
    import httpx

    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here(address)):
        raise SettingError(f"the address {address} must begin with https://")
    if parts.username is not None or not parts.hostname:
        raise SettingError(f"{address} is no plain address of a server")
    found = bytearray()
    with httpx.stream("GET", address, timeout=FETCH_SECONDS, follow_redirects=False) as response:
        response.raise_for_status()
        for piece in response.iter_bytes():
            found += piece
            if len(found) > MAX_BYTES:
                raise SettingError(f"{address} gives more than {MAX_BYTES} bytes")
    return bytes(found)

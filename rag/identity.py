"""How it is known who a request comes from: nobody asks, a password, or a proxy that vouches."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import unquote

from starlette.requests import HTTPConnection

from rag.access import Caller
from rag.accounts import Accounts, clean_name
from rag.errors import SettingError

SESSION_COOKIE = "footnote_session"
MAX_REMEMBERED = 10_000  # names that a proxy has vouched for


class Identity(Protocol):
    """Tells who calls. `signs_in` is set where people give a name and a password to us."""

    @property
    def signs_in(self) -> Accounts | None: ...

    def of(self, connection: HTTPConnection) -> Caller | None:
        """Who sent the request; None if that is not known."""

    def named(self, name: str) -> Caller | None:
        """Who is called so, with the groups of now; None if they may not come in (any more)."""


class Fixed:
    """Everyone who reaches the server is the same caller."""

    signs_in: Accounts | None = None

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def of(self, connection: HTTPConnection) -> Caller | None:
        return self._caller

    def named(self, name: str) -> Caller | None:
        return self._caller if name == self._caller.name else None


class Nobody:
    """Nobody comes in by their word alone."""

    signs_in: Accounts | None = None

    def of(self, connection: HTTPConnection) -> Caller | None:
        return None

    def named(self, name: str) -> Caller | None:
        return None


class ByPassword:
    """Who has signed in with a password, by the session's cookie."""

    def __init__(self, accounts: Accounts) -> None:
        self.signs_in: Accounts | None = accounts
        self._accounts = accounts

    def of(self, connection: HTTPConnection) -> Caller | None:
        token = connection.cookies.get(SESSION_COOKIE)
        return self._accounts.of_session(token) if token else None

    def named(self, name: str) -> Caller | None:
        return self._accounts.find(name)


class ByHeader:
    """Whom a trusted proxy names in a header, with groups (set apart by commas) in another."""

    signs_in: Accounts | None = None

    def __init__(
        self, proxies: Proxies, header: str, groups_header: str = "", admin_group: str = ""
    ) -> None:
        self._proxies = proxies
        self._header, self._groups_header = header, groups_header
        self._admin_group = admin_group
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, Caller] = OrderedDict()

    def of(self, connection: HTTPConnection) -> Caller | None:
        given = connection.headers.getlist(self._header)
        if len(given) != 1 or not self._proxies.sent(connection):
            return None
        try:
            name = clean_name(unquote(given[0]))
        except SettingError:
            return None
        told = connection.headers.getlist(self._groups_header) if self._groups_header else []
        groups = frozenset(filter(None, (g.strip() for one in told for g in one.split(","))))
        caller = Caller(name, groups, bool(self._admin_group) and self._admin_group in groups)
        with self._lock:
            self._seen[name] = caller
            self._seen.move_to_end(name)
            if len(self._seen) > MAX_REMEMBERED:
                self._seen.popitem(last=False)
        return caller

    def named(self, name: str) -> Caller | None:
        with self._lock:
            return self._seen.get(name)


class Proxies:
    """The addresses and networks whose word about a request counts. Raises SettingError."""

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        try:
            self._networks = [ipaddress.ip_network(one.strip()) for one in addresses]
        except ValueError as error:
            raise SettingError(
                f"trusted_proxies: {error}. Give addresses or networks: 10.0.0.5, 10.1.0.0/16."
            ) from None

    def trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)

    def sent(self, connection: HTTPConnection) -> bool:
        """Whether the request comes straight from one of them."""
        return connection.client is not None and self.trusts(connection.client.host)

    def address_of(self, connection: HTTPConnection) -> str:
        """Where the request began: behind trusted proxies, what the first of them has seen."""
        address = connection.client.host if connection.client else ""
        if not self.sent(connection):
            return address
        passed = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
        for hop in reversed([one.strip() for one in passed if one.strip()]):
            address = hop
            if not self.trusts(hop):
                break
        return address

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Whether the browser speaks TLS, as far as we or a trusted proxy can tell.

        A browser that sends the Origin of an https page has come by TLS, whoever ended it.
        """
        if connection.scope.get("scheme") in ("https", "wss"):
            return True
        if self.sent(connection) and connection.headers.get("x-forwarded-proto") == "https":
            return True
        return connection.headers.get("origin", "").startswith("https://")

"""People with passwords: their names, groups and sessions, in a file of their own.

Passwords are kept as scrypt hashes, and of a session's token only a digest: who reads the file
can sign in as nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from rag.access import ANONYMOUS, LOCAL, Caller
from rag.errors import SettingError
from rag.small_database import SmallDatabase

MIN_PASSWORD_CHARACTERS = 8
MAX_PASSWORD_CHARACTERS = 1024  # longer ones would only cost time
SESSION_DAYS = 14
COST = (2**15, 8, 3)  # n, r, p of scrypt: 32 MB and a quarter of a second
_AT_ONCE = threading.BoundedSemaphore(2)  # hashes; each takes its memory
_NAME = re.compile(r"[^\s,:/\\\x00-\x1f\x7f]{1,64}")

MIGRATIONS = (
    """
    CREATE TABLE users (
        name TEXT PRIMARY KEY, password TEXT NOT NULL, groups TEXT NOT NULL,
        is_admin INTEGER NOT NULL, created REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE sessions (
        digest TEXT PRIMARY KEY, name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
        expires REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_name ON sessions (name)
    """,
)


class Accounts:
    """Safe to use from many threads and processes. `cost` and `clock` are for tests."""

    def __init__(
        self,
        path: Path,
        *,
        cost: tuple[int, int, int] = COST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = SmallDatabase(path, MIGRATIONS, "accounts")
        self._cost, self._clock = cost, clock

    def close(self) -> None:
        self._database.close()

    # Who there is

    def add(self, name: str, password: str, groups: Iterable[str] = (), *, admin: bool) -> Caller:
        """Raises SettingError if the name is taken, or name, group or password cannot be."""
        caller = Caller(clean_name(name), frozenset(map(clean_group, groups)), admin)
        if self.find(caller.name):
            raise SettingError(f"There is a user {caller.name!r} already. Remove that one first.")
        hashed = hash_password(_checked(password), self._cost)
        row = (caller.name, hashed, ",".join(sorted(caller.groups)), admin, self._clock())
        with self._database.writing() as connection:
            connection.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", row)
        return caller

    def set_password(self, name: str, password: str) -> None:
        """Ends the user's sessions, too. Raises SettingError if there is no such user."""
        caller = self._known(name)
        hashed = hash_password(_checked(password), self._cost)
        with self._database.writing() as connection:
            change = "UPDATE users SET password = ? WHERE name = ?"
            connection.execute(change, (hashed, caller.name))
            connection.execute("DELETE FROM sessions WHERE name = ?", (caller.name,))

    def remove(self, name: str) -> None:
        """The user and all sessions. Raises SettingError if there is no such user."""
        caller = self._known(name)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM users WHERE name = ?", (caller.name,))
        self._database.forget()

    def find(self, name: str) -> Caller | None:
        rows = self._database.rows(
            "SELECT name, groups, is_admin FROM users WHERE name = ?", fold(name)
        )
        return _caller(*rows[0]) if rows else None

    def all(self) -> list[Caller]:
        """By name."""
        rows = self._database.rows("SELECT name, groups, is_admin FROM users ORDER BY name")
        return [_caller(*row) for row in rows]

    def _known(self, name: str) -> Caller:
        if caller := self.find(name):
            return caller
        raise SettingError(f"There is no user {name!r}. See: footnote users list")

    # Who it is

    def check(self, name: str, password: str) -> Caller | None:
        """The user, if it is their password; as slow where there is none of that name."""
        rows = self._database.rows("SELECT password FROM users WHERE name = ?", fold(name))
        if not rows:
            hash_password(password, self._cost)
            return None
        return self.find(name) if fits(password, str(rows[0][0])) else None

    def begin_session(self, caller: Caller) -> str:
        """A token that stands for the user until it expires or the session is ended."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE expires < ?", (now,))
            row = (_digest(token), caller.name, now + SESSION_DAYS * 86_400)
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?)", row)
        return token

    def of_session(self, token: str) -> Caller | None:
        rows = self._database.rows(
            "SELECT name, groups, is_admin FROM sessions JOIN users USING (name)"
            " WHERE digest = ? AND expires >= ?",
            _digest(token),
            self._clock(),
        )
        return _caller(*rows[0]) if rows else None

    def end_session(self, token: str) -> None:
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE digest = ?", (_digest(token),))


def fold(name: str) -> str:
    """So that case and the ways to write a sign do not count."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def clean_name(name: str) -> str:
    """Raises SettingError if nobody can be called so."""
    folded = fold(name)
    if not _NAME.fullmatch(folded) or folded in (LOCAL.name, ANONYMOUS.name):
        raise SettingError(
            f"Nobody can be called {name!r}: give 1 to 64 characters without spaces, commas, "
            f"colons or slashes, and not {LOCAL.name} or {ANONYMOUS.name}."
        )
    return folded


def clean_group(name: str) -> str:
    """Raises SettingError if no group can be called so; groups are compared to the letter."""
    if not _NAME.fullmatch(name.strip()):
        raise SettingError(
            f"No group can be called {name!r}: give 1 to 64 characters without spaces, commas, "
            "colons or slashes."
        )
    return name.strip()


def hash_password(password: str, cost: tuple[int, int, int]) -> str:
    """scrypt (RFC 7914) with a salt of its own, and what it was made with."""
    salt = secrets.token_bytes(16)
    parts = (*map(str, cost), _text(salt), _text(_scrypt(password, salt, cost)))
    return "$".join(("scrypt", *parts))


def fits(password: str, hashed: str) -> bool:
    """Whether the hash is the password's."""
    _, n, r, p, salt, digest = hashed.split("$")
    found = _scrypt(password, base64.b64decode(salt), (int(n), int(r), int(p)))
    return hmac.compare_digest(found, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    text = unicodedata.normalize("NFKC", password[:MAX_PASSWORD_CHARACTERS]).encode(
        "utf-8", "surrogatepass"
    )
    memory = 256 * r * (n + p + 2)  # twice what it takes
    with _AT_ONCE:
        return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=32)


def _checked(password: str) -> str:
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise SettingError(
            f"The password has {len(password)} characters. Give one of "
            f"{MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS}."
        )
    return password


def _caller(name: str, groups: str, is_admin: int) -> Caller:
    return Caller(name, frozenset(filter(None, groups.split(","))), bool(is_admin))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

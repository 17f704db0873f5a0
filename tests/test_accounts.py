from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import Clock

from rag.access import Caller
from rag.accounts import SESSION_DAYS, Accounts, fits, hash_password
from rag.errors import FootnoteError, SettingError

CHEAP = (2, 1, 1)  # scrypt that takes no time
PASSWORD = "correct horse"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Iterator[Accounts]:
    opened = Accounts(tmp_path / "deep" / "accounts.sqlite", cost=CHEAP, clock=clock)
    yield opened
    opened.close()


def test_a_password_lets_in_and_no_other(accounts: Accounts) -> None:
    anna = accounts.add("Anna", PASSWORD, ["hr", "legal"], admin=False)
    assert anna == Caller("anna", frozenset({"hr", "legal"}))
    assert accounts.check(" ANNA", PASSWORD) == anna == accounts.find("anna")
    assert accounts.check("anna", PASSWORD + " ") is None
    assert accounts.check("bo", PASSWORD) is None
    assert accounts.add("root", PASSWORD, admin=True).is_admin
    assert [one.name for one in accounts.all()] == ["anna", "root"]


def test_a_full_width_password_is_the_same(accounts: Accounts) -> None:
    accounts.add("李雷", "ｐassword1", admin=False)
    assert accounts.check("李雷", "password1")


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a:b", "x" * 65, "a\nb", "local", "Anonymous"])
def test_names_that_cannot_be(accounts: Accounts, name: str) -> None:
    with pytest.raises(SettingError, match="Nobody can be called"):
        accounts.add(name, PASSWORD, admin=False)
    with pytest.raises(SettingError, match="group"):
        accounts.add("anna", PASSWORD, ["a b"], admin=False)


def test_what_is_refused_is_explained(accounts: Accounts) -> None:
    with pytest.raises(SettingError, match="8 to 1024"):
        accounts.add("anna", "short", admin=False)
    accounts.add("anna", PASSWORD, admin=False)
    with pytest.raises(SettingError, match="already"):
        accounts.add("ANNA", PASSWORD, admin=False)
    for refused in (lambda: accounts.remove("bo"), lambda: accounts.set_password("bo", PASSWORD)):
        with pytest.raises(SettingError, match="footnote users list"):
            refused()


def test_a_session_lasts_until_it_ends(accounts: Accounts, clock: Clock) -> None:
    anna = accounts.add("anna", PASSWORD, admin=False)
    first, second = accounts.begin_session(anna), accounts.begin_session(anna)
    assert accounts.of_session(first) == accounts.of_session(second) == anna
    assert accounts.of_session(first + "x") is None and accounts.of_session("\ud800") is None
    accounts.end_session(first)
    assert accounts.of_session(first) is None and accounts.of_session(second) == anna
    clock.now += SESSION_DAYS * 86_400 + 1
    assert accounts.of_session(second) is None


def test_another_password_and_removal_end_sessions(accounts: Accounts) -> None:
    anna = accounts.add("anna", PASSWORD, admin=False)
    token = accounts.begin_session(anna)
    accounts.set_password("anna", "another one")
    assert accounts.of_session(token) is None
    assert accounts.check("anna", PASSWORD) is None and accounts.check("anna", "another one")
    token = accounts.begin_session(anna)
    accounts.remove("anna")
    assert accounts.of_session(token) is None and accounts.find("anna") is None


def test_the_file_is_private_and_tells_no_secret(accounts: Accounts, tmp_path: Path) -> None:
    token = accounts.begin_session(accounts.add("anna", PASSWORD, admin=False))
    files = list((tmp_path / "deep").iterdir())
    assert len(files) >= 2  # with its log
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert PASSWORD.encode() not in path.read_bytes()
        assert token.encode() not in path.read_bytes()


def test_an_open_file_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "accounts.sqlite"
    Accounts(path, cost=CHEAP).close()
    path.chmod(0o644)
    Accounts(path, cost=CHEAP).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_hashes_are_salted_and_remember_their_cost() -> None:
    one, other = hash_password(PASSWORD, CHEAP), hash_password(PASSWORD, (4, 2, 1))
    assert one != hash_password(PASSWORD, CHEAP)
    assert fits(PASSWORD, one) and fits(PASSWORD, other) and not fits("x", one)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "accounts.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(FootnoteError, match=r"accounts in .*accounts\.sqlite"):
        Accounts(path)

"""Who may come in, as the settings and the command `footnote users` say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rag.access import ANONYMOUS, LOCAL, Caller
from rag.accounts import Accounts
from rag.cli import app
from rag.config import load_settings
from rag.errors import FootnoteError, SettingError
from rag.identity import ByHeader, ByPassword
from rag.people import HISTORY_FILE, clean_origin, open_access, open_people


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FOOTNOTE_ACCOUNTS", str(tmp_path / "accounts.sqlite"))
    monkeypatch.setenv("FOOTNOTE_INDEX", str(tmp_path / "index"))
    return load_settings


def run(*arguments: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, ["users", *arguments], input=typed)


def told(settings: Any) -> tuple[Any, str]:
    lines: list[str] = []
    people = open_people(settings, lines.append)
    people.close()
    return people, lines[0]


def test_without_sign_in_this_machine_alone_comes_in(settings_of: Any, tmp_path: Path) -> None:
    people, line = told(settings_of())
    assert people.identity.named("local") == LOCAL and not people.is_anonymous
    assert line.startswith("Only this machine") and "beside the index" in line
    assert (tmp_path / "index" / HISTORY_FILE).is_file()


@pytest.mark.parametrize(
    "given", [{"host": "0.0.0.0"}, {"host": "192.168.0.7"}, {"allowed_origins": ("https://d.example",)}]
)  # fmt: skip
def test_strangers_are_kept_out_unless_told_so(settings_of: Any, given: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"footnote users add.*--allow-anonymous"):
        open_people(settings_of(**given), print)
    people, line = told(settings_of(**given, allow_anonymous=True))
    assert people.is_anonymous and people.store is None and "Anyone" in line and "not kept" in line
    assert people.identity.named("anonymous") == ANONYMOUS


def test_people_sign_in_with_passwords(settings_of: Any, tmp_path: Path) -> None:
    settings = settings_of(sign_in="password", host="0.0.0.0", history="none")
    with pytest.raises(SettingError, match="footnote users add"):
        open_people(settings, print)
    Accounts(settings.accounts, cost=(2, 1, 1)).add("anna", "long enough", admin=False)
    people, line = told(settings)
    assert isinstance(people.identity.otherwise, ByPassword) and people.store is None
    assert "password" in line and "not kept" in line


def test_a_proxy_must_be_named(settings_of: Any) -> None:
    with pytest.raises(SettingError, match=r"trusted_proxies.*X-Forwarded-User"):
        open_people(settings_of(sign_in="header"), print)
    people, _ = told(settings_of(sign_in="header", trusted_proxies=("10.0.0.0/8",)))
    assert isinstance(people.identity.otherwise, ByHeader)


def test_history_can_be_elsewhere(settings_of: Any, tmp_path: Path) -> None:
    _, line = told(settings_of(history=str(tmp_path / "there")))
    assert (tmp_path / "there" / HISTORY_FILE).is_file() and str(tmp_path / "there") in line


def test_rules_of_folders_and_collections(settings_of: Any, tmp_path: Path) -> None:
    (tmp_path / "footnote.toml").write_text(f"""
        [access.hr]
        groups = ["hr"]
        folders = ["{tmp_path}/hr"]
        [access.deals]
        groups = ["legal", "user:bo"]
        collections = ["contracts"]
        [collections.contracts]
        folders = ["{tmp_path}/contracts"]
        types = ["pdf"]
    """)
    import os

    os.environ["FOOTNOTE_CONFIG"] = str(tmp_path / "footnote.toml")
    try:
        access = open_access(settings_of())
    finally:
        del os.environ["FOOTNOTE_CONFIG"]

    def closed(caller: Caller) -> set[str]:
        return {Path(w.folders[0]).name for w in access.where(caller).none_of}

    assert closed(ANONYMOUS) == {"hr", "contracts"}
    assert closed(Caller("anna", frozenset({"hr"}))) == {"contracts"}
    assert closed(Caller("bo")) == {"hr"} and closed(LOCAL) == set()


@pytest.mark.parametrize(
    ("access", "word"),
    [
        ({"x": {"groups": ["a"]}}, "covers folders"),
        ({"x": {"groups": ["a"], "collections": ["none"]}}, "no collection 'none'"),
        ({"x": {"groups": ["a"], "collections": ["zh"]}}, "no languages"),
    ],
)
def test_rules_that_cannot_be_are_named(settings_of: Any, access: Any, word: str) -> None:
    collections = {"zh": {"folders": ["/d"], "languages": ["zh"]}}
    with pytest.raises(SettingError, match=rf"\[access\.x\].*{word}"):
        open_access(settings_of(access=access, collections=collections))


@pytest.mark.parametrize("wrong", ["docs.example", "ftp://x", "https://x/path", "https://", "*"])
def test_origins(wrong: str) -> None:
    assert clean_origin("https://Docs.example:8443/") == "https://docs.example:8443"
    with pytest.raises(SettingError, match="allowed_origins"):
        clean_origin(wrong)


def test_users_are_added_listed_and_removed(settings_of: Any) -> None:
    added = run("add", "Anna", "--groups", "hr, legal", typed="long enough\nlong enough\n")
    assert added.exit_code == 0, added.output
    assert run("add", "root", "--admin", "--password-stdin", typed="also enough\n").exit_code == 0
    assert json.loads(run("list", "--json").stdout) == [
        {"name": "anna", "groups": ["hr", "legal"], "admin": False},
        {"name": "root", "groups": [], "admin": True},
    ]
    accounts = Accounts(settings_of().accounts)
    token = accounts.begin_session(accounts.check("anna", "long enough") or LOCAL)
    assert run("password", "anna", "--password-stdin", typed="something else\n").exit_code == 0
    assert accounts.of_session(token) is None and accounts.check("anna", "something else")
    assert run("remove", "anna").exit_code == 0
    assert [one.name for one in accounts.all()] == ["root"]
    accounts.close()
    assert isinstance(run("remove", "anna").exception, SettingError)
    assert "hr" not in run("list").stdout


def test_the_page_does_not_open_to_strangers(settings_of: Any) -> None:
    refused = CliRunner().invoke(app, ["chat", "--host", "0.0.0.0", "--port", "0"]).exception
    assert isinstance(refused, SettingError) and "sign_in" in str(refused)


def test_an_index_that_is_only_read_keeps_no_conversations(
    settings_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / HISTORY_FILE).mkdir()  # cannot be a database
    with pytest.raises(FootnoteError, match="conversations in"):
        open_people(settings_of(), print)
    monkeypatch.setattr("rag.people.may_write", lambda folder: False)
    lines: list[str] = []
    people = open_people(settings_of(), lines.append)
    assert people.store is None and "set history to a folder" in lines[0]

"""`footnote keys`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag.api_keys import ApiKeys
from rag.cli import app
from rag.errors import SettingError


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_API_KEYS", str(tmp_path / "keys.sqlite"))
    return tmp_path / "keys.sqlite"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["keys", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_made_listed_revoked(file: Path) -> None:
    assert json.loads(run("list", "--json")) == []
    key = run("create", "intranet", "--groups", "staff, hr").strip()
    keys = ApiKeys(file)
    caller = keys.check(key)
    assert caller is not None and caller.groups == {"staff", "hr"} and not caller.is_admin
    (told,) = json.loads(run("list", "--json"))
    assert told["name"] == "intranet" and told["used"] and not told["expires"]
    assert key not in run("list") and "intranet" in run("list")
    run("revoke", "intranet")
    assert keys.check(key) is None
    keys.close()


def test_an_admin_for_a_while(file: Path) -> None:
    run("create", "ops", "--admin", "--days", "1")
    (told,) = json.loads(run("list", "--json"))
    assert told["admin"] and told["expires"] > told["created"]


def test_what_is_not_there_cannot_be_revoked() -> None:
    with pytest.raises(SettingError, match="keys list"):
        run("revoke", "nobody")

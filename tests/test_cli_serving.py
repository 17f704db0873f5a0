"""`footnote chat` and `footnote serve`: what they refuse, and the API alone on a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from api_service import running
from typer.testing import CliRunner

from rag import serve as serving
from rag import web
from rag.api_keys import ApiKeys
from rag.cli import app
from rag.errors import SettingError


@pytest.fixture(autouse=True)
def _elsewhere(fake_models: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ACCOUNTS", "API_KEYS"):
        monkeypatch.setenv(f"FOOTNOTE_{name}", str(tmp_path / f"{name}.sqlite"))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pump.txt").write_text("The pump is blue.")


def run(*arguments: str) -> None:
    CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("command", ["chat", "serve"])
def test_others_are_not_let_in_without_signing_in(command: str) -> None:
    with pytest.raises(SettingError, match="allow-anonymous"):
        run(command, "--docs", "docs", "--host", "0.0.0.0")


def test_a_page_that_nobody_could_see_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_SIGN_IN", "key")
    with pytest.raises(SettingError, match="footnote serve"):
        run("chat", "--docs", "docs")


def test_the_api_alone_answers_whoever_has_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOOTNOTE_SIGN_IN", "key")
    keys = ApiKeys(tmp_path / "API_KEYS.sqlite")
    headers = {"Authorization": f"Bearer {keys.create('a', admin=False)}"}
    keys.close()
    got: list[Any] = []

    def ask(web_app: Any, bound: Any, log_level: str, announce: Any) -> None:
        """In place of serving until a signal comes."""
        web.current_service().wait(60)  # type: ignore[attr-defined]
        with running(web_app) as url:
            got.append(httpx.get(f"{url}/", headers=headers).status_code)
            got.append(httpx.post(f"{url}/api/ask", json={"question": "x"}).status_code)
            asked = {"question": "Which colour is the pump?"}
            answer = httpx.post(f"{url}/api/ask", json=asked, headers=headers, timeout=60)
            got.append(answer.json()["citations"][0]["quote"])
            vector = httpx.post(f"{url}/v1/embeddings", json={"input": "x"}, headers=headers)
            got.append(vector.status_code)

    monkeypatch.setattr(serving, "serve", ask)
    run("serve", "--docs", "docs", "--port", "0", "--no-watch")
    web.set_service(None)
    assert got == [404, 401, "The pump is blue.", 200]

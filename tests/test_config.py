from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from rag.config import Settings, is_set, load_settings
from rag.errors import SettingError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No file, no variables: whatever the machine that runs the tests has set."""
    for name in list(os.environ):
        if name.startswith("FOOTNOTE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    settings = load_settings()
    assert settings.index == Path(".footnote")
    assert settings.cache == Path("/somewhere/footnote")
    assert (settings.encoder, settings.generator, settings.device) == ("auto", "auto", "auto")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.context_tokens is None and settings.max_model_len is None
    assert settings.max_file_bytes == 200_000_000


def test_cache_without_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings().cache == tmp_path / ".cache" / "footnote"


def test_the_command_line_wins_over_the_environment_over_the_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "footnote.toml").write_text("port = 1\ntop_k = 2\nchunk_tokens = 300\n")
    monkeypatch.setenv("FOOTNOTE_PORT", "3")
    monkeypatch.setenv("FOOTNOTE_TOP_K", "4")
    settings = load_settings(port=5, top_k=None)
    assert (settings.port, settings.top_k, settings.chunk_tokens) == (5, 4, 300)


def test_another_file_and_home_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "other.toml"
    file.write_text('\ufeffindex = "~/notes"\n', "utf-8")  # editors on Windows write the mark
    monkeypatch.setenv("FOOTNOTE_CONFIG", str(file))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings().index == tmp_path / "notes"
    assert is_set("index") and not is_set("port")


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_PORT", "")
    assert load_settings().port == 8000
    assert not is_set("port")
    monkeypatch.setenv("FOOTNOTE_PORT", "1")
    assert is_set("port")


def test_auto_stands_for_none(monkeypatch: pytest.MonkeyPatch, empty_folder: Path) -> None:
    monkeypatch.setenv("FOOTNOTE_MAX_MODEL_LEN", "auto")
    (empty_folder / "footnote.toml").write_text('context_tokens = "auto"\n')
    settings = load_settings()
    assert settings.max_model_len is None and settings.context_tokens is None


def message_of(**overrides: object) -> str:
    with pytest.raises(SettingError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_a_wrong_value_names_setting_source_and_cure(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "footnote.toml").write_text('port = "many"\n')
    message = message_of()
    assert "footnote.toml" in message and "port is 'many'" in message and "valid integer" in message
    monkeypatch.setenv("FOOTNOTE_PORT", "99999")
    assert message_of().startswith("FOOTNOTE_PORT in the environment: port is '99999'")
    assert message_of(port=-1).startswith("On the command line: port is -1")


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_TEMPERATURE", "9")
    monkeypatch.setenv("FOOTNOTE_DEVICE", "tpu")
    assert len(message_of().splitlines()) == 2


def test_an_unknown_key_suggests_the_right_one(empty_folder: Path) -> None:
    (empty_folder / "footnote.toml").write_text("chunk_token = 100\n")
    message = message_of()
    assert "'chunk_token' is not a setting" in message and "Did you mean chunk_tokens?" in message
    (empty_folder / "footnote.toml").write_text("[server]\nxyzzy = 1\n")
    assert "'server' is not a setting" in message_of()


def test_an_unknown_variable_suggests_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_INDEXX", "x")
    assert "Did you mean FOOTNOTE_INDEX?" in message_of()


def test_files_that_cannot_be_read(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "footnote.toml").write_text("port = \n")
    assert "footnote.toml cannot be read as TOML" in message_of()
    monkeypatch.setenv("FOOTNOTE_CONFIG", "absent.toml")
    assert "FOOTNOTE_CONFIG names absent.toml" in message_of()


def test_the_key_stays_secret(monkeypatch: pytest.MonkeyPatch, empty_folder: Path) -> None:
    monkeypatch.setenv("FOOTNOTE_API_KEY", "sesame")
    settings = load_settings()
    assert "sesame" not in repr(settings)
    assert settings.api_key.get_secret_value() == "sesame"
    monkeypatch.delenv("FOOTNOTE_API_KEY")
    (empty_folder / "footnote.toml").write_text("api_key = 12345\n")
    assert "12345" not in message_of()


def test_settings_are_frozen_and_described() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1
    assert all(field.description for field in Settings.model_fields.values())


def test_passwords_are_a_list_and_stay_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_PASSWORDS", '["first-secret", "two"]')
    settings = load_settings()
    assert [password.get_secret_value() for password in settings.passwords] == [
        "first-secret",
        "two",
    ]
    assert "first-secret" not in repr(settings)
    monkeypatch.setenv("FOOTNOTE_PASSWORDS", '["hidden", 5]')
    with pytest.raises(SettingError, match="passwords") as caught:
        load_settings()
    assert "hidden" not in str(caught.value)


def test_collections_are_tables(empty_folder: Path) -> None:
    file = empty_folder / "footnote.toml"
    file.write_text('[collections.manuals]\nfolders = ["~/m"]\ntypes = ["pdf"]\n')
    collection = load_settings().collections["manuals"]
    assert collection.folders == (Path("~/m").expanduser(),) and collection.index is None
    file.write_text('[collections.manuals]\nfolder = "m"\n')
    with pytest.raises(SettingError, match=r"collections\.manuals\.folder"):
        load_settings()

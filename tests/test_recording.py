from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from fakes import WordEncoder

from ingest.sync import sync
from rag.config import Settings
from rag.errors import SettingError
from rag.indexes import Indexes
from rag.pipeline import Footnote
from rag.recording import (
    BESIDE_ANSWERS,
    Recording,
    answer_setup,
    audit_folder,
    folder_digest,
    open_cache,
)
from rag.service import Service


def settings(**others: Any) -> Settings:
    return Settings(**({"generator": "none"} | others))


def test_settings_that_an_answer_depends_on_are_in_its_key() -> None:
    assert set(Settings.model_fields) >= BESIDE_ANSWERS
    usual = answer_setup(settings())
    assert answer_setup(settings(top_k=3)) != usual
    assert answer_setup(settings(general_knowledge=True)) != usual
    assert answer_setup(settings(port=1, cache_mb=1, api_key="secret", index="elsewhere")) == usual
    assert "secret" not in str(answer_setup(settings(passwords=("secret",), api_key="secret")))


def test_other_weights_are_another_setup(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "more").mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "more" / "weights").write_bytes(b"1")
    before = answer_setup(settings(generator=str(model)))
    assert before == answer_setup(settings(generator=str(model)))
    (model / "more" / "weights").write_bytes(b"22")
    assert answer_setup(settings(generator=str(model))) != before
    assert folder_digest(model) != folder_digest(tmp_path)


def test_the_cache_that_the_settings_name(tmp_path: Path) -> None:
    assert open_cache(settings(cache_url="none"), lambda: None) is None
    with pytest.raises(SettingError, match="cache_url"):
        open_cache(settings(cache_url="memcached://secret@x"), lambda: None)
    try:
        open_cache(settings(cache_url="http://secret@x"), lambda: None)
    except SettingError as error:
        assert "secret" not in str(error)
    near = open_cache(settings(cache_similarity=0.97), lambda: None)
    assert near is not None and near.similarity == 0.97


def test_where_the_audit_log_lies(tmp_path: Path) -> None:
    assert audit_folder(settings(index=tmp_path)) == tmp_path / "audit"
    assert audit_folder(settings(audit="none")) is None
    assert audit_folder(settings(audit=str(tmp_path))) == tmp_path


def test_before_the_pipeline_is_ready_the_model_is_loading() -> None:
    recording = Recording(settings(), counts=True)
    assert recording.metrics is not None
    text = recording.metrics.exposition()[0].decode()
    assert 'footnote_engine_state{state="loading"} 1.0' in text
    recording.close()


def test_a_failing_cache_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recording = Recording(settings(index=tmp_path / "gone"), counts=True)
    assert recording.cache is not None and recording.metrics is not None
    assert recording.cache.found("key") is None
    assert "footnote_cache_failures_total 1.0" in recording.metrics.exposition()[0].decode()
    assert caplog.text.count("cannot be used") == 1
    recording.close()


def test_the_index_is_told(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pump.txt").write_text("The pump is blue.")
    with Indexes(tmp_path / "index", dimension=1024, read_only=False) as indexes:
        sync(indexes, WordEncoder(), [docs], max_file_bytes=10**6, max_chunk_tokens=100)
        recording = Recording(settings(index=tmp_path / "index"), counts=True)
        recording.recorded(Footnote(indexes, WordEncoder(), None))
        assert recording.metrics is not None
        text = recording.metrics.exposition()[0].decode()
        recording.close()
    assert "footnote_index_documents 1.0" in text
    assert 'footnote_engine_state{state="none"} 1.0' in text
    stamps = {
        line.split()[0]: float(line.split()[1])
        for line in text.splitlines()
        if line.startswith("footnote_last")
    }
    sync_time = stamps["footnote_last_sync_timestamp_seconds"]
    assert sync_time >= stamps["footnote_last_change_timestamp_seconds"] > 1.7e9


@pytest.mark.usefixtures("fake_models")
def test_a_service_answers_from_its_cache_until_a_document_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    docs = tmp_path / "docs"
    docs.mkdir()
    pump = docs / "pump.txt"

    def write(text: str, written_at: int) -> None:
        """As of long ago: what has just been written is looked at once more."""
        pump.write_text(text)
        os.utime(pump, (written_at, written_at))

    write("The pump is blue.", 1_700_000_000)
    index = tmp_path / "index"

    def ask(roots: list[Path] | None, question: str = "Which colour is the pump?") -> Any:
        service = Service(Settings(index=index), lambda line: None, roots=roots, is_watching=False)
        try:
            service.start()
            return service.footnote.ask(question)
        finally:
            service.close()

    assert [ask([docs]).cached, ask([docs]).cached, ask(None).cached] == [False, True, True]
    write("The pump is blue. It was green.", 1_700_000_100)
    assert [ask([docs]).cached, ask(None).cached] == [False, True]
    assert (index / "answers.sqlite3").stat().st_mode & 0o777 == 0o600
    (log,) = (index / "audit").glob("*.jsonl")
    assert len(log.read_text().splitlines()) == 5
    assert "Which colour" not in caplog.text and caplog.text.count("ask: answered in") == 5

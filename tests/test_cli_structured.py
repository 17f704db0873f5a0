"""`footnote ask --schema`: JSON alone on standard output, its sources as notes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from fakes import ScriptedGenerator
from test_cli import run

from rag import parts
from rag.cli_options import EXIT_NOTHING

SCHEMA = {"properties": {"colour": {"type": "string"}, "maker": {"type": "string"}}}
FILLED = '{"found": true, "data": {"colour": "blue", "maker": "Firm"}}'
EMPTY = '{"found": false, "data": null}'


@pytest.fixture(autouse=True)
def folder(
    fake_models: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """Where the index is, with a document and a schema."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.txt").write_text("The pump is blue.")
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    assert run(monkeypatch, "ingest", "docs") == 0
    script(monkeypatch, FILLED)
    capsys.readouterr()
    return tmp_path


def script(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(parts, "open_generator", lambda settings, say: ScriptedGenerator(text))


def test_a_person_gets_json_with_its_sources_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ask", "Which colour?", "--schema", "schema.json") == 0
    told = capsys.readouterr()
    assert told.out == '{\n  "colour": "blue",\n  "maker": "Firm"\n}\n'
    assert "\n/colour [1] pump - “The pump is blue.”\n" in told.err
    assert "\n/maker [?] this does not stand in the sources\n" in told.err


def test_a_program_gets_data_pointers_and_doubts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(SCHEMA)))
    assert run(monkeypatch, "ask", "Which colour?", "--schema", "-", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["data"] == {"colour": "blue", "maker": "Firm"}
    assert json.loads(answer["answer"]) == answer["data"]
    (citation,) = answer["citations"]
    assert (citation["pointer"], citation["quote"]) == ("/colour", "The pump is blue.")
    (doubt,) = answer["doubtful"]
    assert (doubt["pointer"], doubt["doubt"]) == ("/maker", "missing") and doubt["reason"]


def test_a_refusal_leaves_standard_output_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(monkeypatch, EMPTY)
    assert run(monkeypatch, "ask", "Who?", "--schema", "schema.json") == EXIT_NOTHING
    told = capsys.readouterr()
    assert told.out == "" and "do not hold an answer" in told.err and "closest" in told.err
    assert run(monkeypatch, "ask", "Who?", "--schema", "schema.json", "--json") == EXIT_NOTHING
    answer = json.loads(capsys.readouterr().out)
    assert answer["data"] is None and answer["abstained"] and answer["doubtful"] == []


def test_an_ordinary_answer_tells_of_no_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(monkeypatch, "The pump is blue [1].")
    assert run(monkeypatch, "ask", "Which colour?", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert "data" not in answer and "pointer" not in answer["citations"][0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "schema.json is not JSON"),
        (b'{"type": "colour"}', "schema.json: This is not a valid JSON schema, at $.type"),
        (b"\xff{}", "schema.json cannot be read"),
        (None, "schema.json cannot be read"),
    ],
)
def test_a_schema_that_cannot_be_used_is_one_clean_message(
    content: bytes | None,
    reason: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = folder / "schema.json"
    file.unlink() if content is None else file.write_bytes(content)
    assert run(monkeypatch, "ask", "Which colour?", "--schema", "schema.json") == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("Error: ") and reason in told.err


def test_a_schema_with_a_byte_order_mark_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "schema.json").write_text(json.dumps(SCHEMA), "utf-8-sig")
    assert run(monkeypatch, "ask", "Which colour?", "--schema", "schema.json") == 0


def test_general_knowledge_does_not_go_with_a_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "ask", "Which?", "--schema", "schema.json", "--general") == 2

"""The command as a program: real processes where that matters, fakes of the models elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGenerator

from rag import cli, parts
from rag.cli_options import EXIT_NOTHING

REPOSITORY = Path(__file__).resolve().parent.parent
COMMANDS = (
    "ingest", "sync", "watch", "search", "ask", "chat", "status", "verify", "doctor", "models",
    "mcp", "backup", "restore", "bundle", "serve",
)  # fmt: skip
GROUPS = ("models", "keys")  # their commands have the examples


@pytest.fixture(autouse=True)
def _elsewhere(fake_models: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "pump.txt").write_text("The pump is blue.")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code."""
    monkeypatch.setattr(sys, "argv", ["footnote", *arguments])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_from_a_folder_to_an_answer(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ingest", str(docs), "--json") == 0
    assert json.loads(capsys.readouterr().out)["new"] == 1
    assert (docs.parent / ".footnote" / "catalog.sqlite3").exists()
    assert run(monkeypatch, "search", "blue pump", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        "query", "mode", "filter", "notes", "took_ms", "timings_ms", "hits", "cached",
    }  # fmt: skip
    assert (found["mode"], found["filter"], found["notes"]) == ("hybrid", {}, [])
    assert {"encode", "dense", "lexical", "catalog", "total"} <= set(found["timings_ms"])
    assert set(found["hits"][0]) == {
        "rank", "score", "document", "path", "title", "heading", "page", "start", "end", "text",
    }  # fmt: skip
    assert run(monkeypatch, "ask", "Which colour is the pump?", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {
        "question", "answer", "abstained", "citations", "hits", "usage", "timings_ms", "model",
        "disagreements", "computation",
        "search",
        "packing", "closest", "general_knowledge", "cached", "cut_off",
    }  # fmt: skip
    assert answer["packing"]["passages"][0]["number"] == 1
    assert answer["packing"]["prompt_tokens"] <= answer["packing"]["budget"]
    assert answer["closest"] == [] and answer["general_knowledge"] == ""
    assert answer["answer"] == "The pump is blue[1]."
    (citation,) = answer["citations"]
    assert set(citation) == {
        "marker", "document", "path", "page", "heading", "start", "end", "quote", "supported",
        "verdict", "reason",
    }  # fmt: skip
    assert citation["path"] == str(docs / "pump.txt") and citation["supported"] is True
    assert set(answer["usage"]) == {"prompt_tokens", "completion_tokens"}
    assert set(answer["timings_ms"]) == {"retrieve", "first_token", "total"}
    assert answer["cached"] is False
    assert run(monkeypatch, "ask", "Which colour is the pump?", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["cached"] is True and again["citations"] == answer["citations"]
    assert run(monkeypatch, "ask", "Which colour is the pump?") == 0
    assert "From the cache" in capsys.readouterr().err
    assert run(monkeypatch, "stats", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["questions"], told["searches"], told["clients"]) == (3, 1, {"cli": 4})


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_an_answer_for_people(
    stream: str, docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "ingest", str(docs))
    capsys.readouterr()
    assert run(monkeypatch, "ask", "Which colour?", stream) == 0
    out = capsys.readouterr().out
    assert out.startswith("The pump is blue[1].\n") and "“The pump is blue.”" in out
    assert out.count("The pump is blue") == 2


def test_a_refusal_has_its_own_exit_code_and_tells_the_closest_passages(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "ingest", str(docs))
    refuses = ScriptedGenerator("NOT_FOUND", verdict="No")
    monkeypatch.setattr(parts, "open_generator", lambda s, say: refuses)
    capsys.readouterr()
    assert run(monkeypatch, "ask", "Who paints the pump?") == EXIT_NOTHING
    out = capsys.readouterr().out
    assert "The closest passages:\n  - pump: The pump is blue." in out
    assert run(monkeypatch, "ask", "Who paints the pump?", "--json") == EXIT_NOTHING
    (closest,) = json.loads(capsys.readouterr().out)["closest"]
    assert closest["snippet"] == "The pump is blue." and closest["path"].endswith("pump.txt")


def test_general_knowledge_is_a_switch(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "ingest", str(docs))
    monkeypatch.setattr(
        parts, "open_generator", lambda s, say: ScriptedGenerator("NOT_FOUND", "", "Painters do.")
    )
    capsys.readouterr()
    assert run(monkeypatch, "ask", "Who paints?", "--general") == EXIT_NOTHING
    assert "\n\nNot from your documents:\nPainters do.\n" in capsys.readouterr().out
    assert run(monkeypatch, "ask", "Who paints?", "--general", "--json") == EXIT_NOTHING
    assert json.loads(capsys.readouterr().out)["general_knowledge"] == "Painters do."


def test_files_that_cannot_be_read_are_told_and_have_an_exit_code(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (docs / "broken.pdf").write_bytes(b"not a pdf")
    assert run(monkeypatch, "ingest", str(docs)) == cli.EXIT_SOME_FAILED
    out = capsys.readouterr().out
    assert f"FAILED {docs / 'broken.pdf'}" in out and "damaged" in out
    assert run(monkeypatch, "status", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert status["documents"] == 1 and status["failures"][0]["reason"] == "damaged"


def test_a_search_is_narrowed_and_its_way_is_chosen(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (docs / "pump.md").write_text("The pump is green.")
    run(monkeypatch, "ingest", str(docs))
    capsys.readouterr()

    def search(*options: str) -> Any:
        code = run(monkeypatch, "search", "pump", "--json", *options)
        found = json.loads(capsys.readouterr().out)
        assert code == (0 if found["hits"] else EXIT_NOTHING)
        return found

    def names(*options: str) -> list[str]:
        return sorted(Path(hit["path"]).name for hit in search(*options)["hits"])

    assert names() == names("--folder", "docs", "--after", "2000") == ["pump.md", "pump.txt"]
    assert names("--type", ".md") == names("--document", "pump.md") == ["pump.md"]
    assert names("--glob", "*.txt", "--glob", "*.pdf", "--language", "en") == ["pump.txt"]
    found = search("--before", "2000-01", "--mode", "lexical")
    assert found["hits"] == [] and found["mode"] == "lexical"
    assert found["filter"] == {"before": "2000-01-01"}
    assert "lets nothing of the index through" in found["notes"][0]
    options = ("--type", "md", "--mode", "dense", "--json")
    assert run(monkeypatch, "ask", "Which colour?", *options) in (0, EXIT_NOTHING)
    answer = json.loads(capsys.readouterr().out)
    assert [Path(hit["path"]).name for hit in answer["hits"]] == ["pump.md"]
    assert answer["search"]["mode"] == "dense" and answer["search"]["filter"] == {"types": ["md"]}


COLLECTIONS = """
[collections.contracts]
folders = ["{0}/contracts"]
[collections.manuals]
folders = ["{0}/manuals"]
types = ["text"]
[collections.archive]
folders = ["{0}/old"]
index = "{0}/old-index"
"""


def test_collections_are_asked_singly_and_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "footnote.toml").write_text(COLLECTIONS.format(tmp_path))
    for name in ("contracts/a.txt", "manuals/b.txt", "manuals/c.csv", "old/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"The pump of {name} is blue.")
    both = ("--collection", "contracts", "--collection", "manuals")
    old = ("--collection", "archive")
    assert run(monkeypatch, "ingest", *both, *old, "--json") == 0
    assert [report["new"] for report in json.loads(capsys.readouterr().out)] == [3, 1]

    def names(*options: str) -> list[str]:
        run(monkeypatch, "search", "blue pump", "--json", *options)
        hits = json.loads(capsys.readouterr().out)["hits"]
        return sorted(Path(hit["path"]).name for hit in hits)

    assert names() == ["a.txt", "b.txt", "c.csv"]
    assert names(*both[:2]) == ["a.txt"] and names(*both[2:]) == ["b.txt"]
    assert names(*both) == ["a.txt", "b.txt"] and names(*old) == ["d.txt"]
    assert names(*both, *old) == ["a.txt", "b.txt", "d.txt"]
    assert names(*both, *old, "--document", "d.txt", "--mode", "lexical") == ["d.txt"]
    assert run(monkeypatch, "ask", "Which colour?", *old, *both, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["answer"] == "The pump is blue[1]." or answer["citations"]
    assert run(monkeypatch, "status", *both, *old, "--json") == 0
    assert [one["documents"] for one in json.loads(capsys.readouterr().out)] == [3, 1]
    assert run(monkeypatch, "search", "x", "--collection", "recipes") == 1
    assert "archive, contracts, manuals" in capsys.readouterr().err
    assert run(monkeypatch, "chat", *both, *old) == 1
    assert run(monkeypatch, "ingest", str(tmp_path), *old) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mode", "fuzzy"), "hybrid, dense, lexical"),
        (("--type", "foo"), "pdf, word"),
        (("--language", "klingon"), "klingon"),
        (("--after", "yesterday"), "2024-12-31"),
        (("--after", "2024-02-30"), "2024-02-30"),
        (("--after", "2025", "--before", "2024"), "2025-01-01"),
        (("--glob", "[z-a]"), "backwards"),
    ],
)
def test_a_wrong_filter_is_one_clean_message(
    options: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, "search", "x", *options) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("Error: ") and message in printed.err and printed.out == ""


def test_sync_follows_what_was_ingested(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "ingest", str(docs))
    (docs / "two.txt").write_text("Two.")
    capsys.readouterr()
    assert run(monkeypatch, "sync", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["new"], report["unchanged"]) == (1, 1)


def test_verify_finds_and_repairs(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3

    run(monkeypatch, "ingest", str(docs))
    assert run(monkeypatch, "verify") == 0
    with sqlite3.connect(".footnote/catalog.sqlite3") as database:
        database.execute("DELETE FROM log")
        database.execute("INSERT INTO log (action, chunk_id) VALUES ('delete', 1)")
    database.close()
    capsys.readouterr()
    assert run(monkeypatch, "verify") == cli.EXIT_UNSOUND
    assert "FAISS: 1 chunks of the catalog are missing" in capsys.readouterr().out
    assert run(monkeypatch, "verify", "--repair") == 0
    assert run(monkeypatch, "verify") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ingest", "nowhere"), "nowhere is not there"),
        (("sync",), "footnote ingest FOLDER"),
        (("search", "x", "--index", "none"), "none"),
        (("status",), ".footnote"),
    ],
)
def test_an_error_is_one_clean_message(
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *arguments) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("Error: ") and message in printed.err
    assert "Traceback" not in printed.err and printed.out == ""


def test_wrong_usage_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "search") == 2
    assert run(monkeypatch, "search", "x", "--top-k", "0") == 2


def test_doctor_explains_and_models_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "doctor", "--json") in (0, 1)
    subjects = {finding["subject"] for finding in json.loads(capsys.readouterr().out)}
    assert {"Python", "package", "memory", "GPU", "encoder", "generator", "index"} <= subjects
    assert run(monkeypatch, "models", "list", "--json") == 0
    names = {entry["name"] for entry in json.loads(capsys.readouterr().out)}
    assert any("qwen2.5-coder-1.5b" in name for name in names)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_loads_nothing_heavy(command: str) -> None:
    code = (
        "import sys; from rag import cli; sys.argv = ['footnote', sys.argv[1], '--help']\n"
        "try: cli.main()\n"
        "finally: print('HEAVY', {'torch', 'vllm', 'chainlit', 'faiss'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "HEAVY set()" in done.stdout
    assert "Usage:" in done.stdout and (command in GROUPS or "Example" in done.stdout)


@pytest.mark.model
def test_the_real_command_without_a_network(
    docs: Path, tmp_path: Path, models_cache: Path, encoder_folder: str
) -> None:
    """In a process whose sockets are closed but for loopback: after set-up nothing is fetched."""
    import os

    code = (
        f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}, {str(REPOSITORY / 'tests')!r}]\n"
        "import conftest\n"
        "if __name__ == '__main__':\n"
        "    from rag import cli; cli.main()\n"
    )
    (tmp_path / "main.py").write_text(code)
    environment = {**os.environ, "FOOTNOTE_CACHE": str(models_cache), "FOOTNOTE_GENERATOR": "none"}

    def call(*arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "main.py", *arguments, "--json"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert call("ingest", str(docs))["new"] == 1
    assert call("search", "水泵是什么颜色")["hits"][0]["text"] == "The pump is blue."
    assert call("ask", "Which colour is the pump?")["model"] == "extractive"


def test_models_fetch_also_fetches_the_reranker_that_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rag import models, parts
    from rag.models import ResolvedModel

    found = ResolvedModel("e5", "/e5", "it is set", "path")
    asked: list[str] = []

    def resolve(setting: str, cache: Path, say: object) -> ResolvedModel:
        asked.append(setting)
        return ResolvedModel(setting, "/bge", "it is set", "hub")

    monkeypatch.setattr(parts, "fetch_encoder", lambda *_: (found, None))
    monkeypatch.setattr(models, "resolve_reranker", resolve)
    monkeypatch.setenv("FOOTNOTE_GENERATOR", "none")
    assert run(monkeypatch, "models", "fetch") == 0 and asked == []
    monkeypatch.setenv("FOOTNOTE_RERANKER", "BAAI/bge-reranker-v2-m3")
    assert run(monkeypatch, "models", "fetch") == 0
    assert asked == ["BAAI/bge-reranker-v2-m3"]
    assert "Model: BAAI/bge-reranker-v2-m3" in capsys.readouterr().err


def test_a_scope_is_told_to_the_asker_and_an_unknown_one_named(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ingest", str(docs)) == 0
    assert run(monkeypatch, "ask", "Which colour is the pump?", "--scope", "document") == 0
    assert "up to whole documents" in " ".join(capsys.readouterr().err.split())
    assert run(monkeypatch, "ask", "Which colour?", "--scope", "chapter") == 1
    assert "neighbours" in capsys.readouterr().err

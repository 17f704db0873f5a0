from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from collections_beir import DOCUMENTS, QUERIES, write_collection
from fakes import WordEncoder
from typer.testing import CliRunner

from rag import parts
from rag.cli_eval import eval_app
from rag.errors import SettingError
from rag.evaluation.experiment import parse_configuration
from rag.evaluation.runs import read_run


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WordEncoder:
    monkeypatch.setenv("FOOTNOTE_CACHE", str(tmp_path / "cache"))
    made = WordEncoder()
    monkeypatch.setattr(parts, "open_encoder", lambda settings, say: made)
    return made


def run(*arguments: str | Path) -> Any:
    """The JSON that a command prints, or its text."""
    done = CliRunner().invoke(eval_app, [*map(str, arguments)])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


@pytest.mark.usefixtures("encoder")
def test_figures_of_a_collection(tmp_path: Path) -> None:
    (row,) = run("retrieval", write_collection(tmp_path / "small"), "--json")
    assert (row["dataset"], row["documents"], row["queries"]) == ("small", 4, 3)
    assert row["chunks"] > 10  # the long document's are several, its rank is the best one's
    assert row["nDCG@10"] == row["recall@1"] == row["RR@10"] == 1.0
    assert 0 < row["p50_ms"] <= row["p95_ms"]


def test_an_index_is_made_once(encoder: WordEncoder, tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "small")
    run("retrieval", folder)
    documents = list(encoder.documents)
    assert documents
    run("retrieval", folder, "--set", "top_k=3", "--mode", "lexical")
    assert encoder.documents == documents
    run("retrieval", folder, "--set", "chunk_tokens=64")  # cut otherwise; equal texts are known
    assert len(set(encoder.documents)) == len(encoder.documents)
    stores = {path.parent.name for path in tmp_path.glob("cache/eval/*/complete.json")}
    assert len(stores) == 2


def test_a_changed_collection_is_not_measured_on_the_old_index(
    encoder: WordEncoder, tmp_path: Path
) -> None:
    run("retrieval", write_collection(tmp_path / "one" / "small"))
    changed = DOCUMENTS | {"pump": ("Pumps", "Nothing here any more.")}
    folder = write_collection(tmp_path / "two" / "small", documents=changed)
    (row,) = run("retrieval", folder, "--json")
    assert row["recall@1"] < 1
    assert "Pumps\nNothing here any more." in encoder.documents


@pytest.mark.usefixtures("encoder")
def test_collections_in_one_index_keep_their_own_questions(tmp_path: Path) -> None:
    one = write_collection(tmp_path / "one")
    rivals = {f"r{n}": ("Pumps", f"Where does the pump stand? {n}") for n in range(12)}
    qrels = {"q1": {"r3": 1, "r4": 1}}
    two = write_collection(tmp_path / "two", rivals, QUERIES, qrels)
    apart = run("retrieval", one, two, "--json")
    merged = run("retrieval", one, two, "--merge", "--json")
    assert [row["documents"] for row in apart] == [4, 12]
    assert [row["documents"] for row in merged] == [16, 16]
    assert [row["queries"] for row in merged] == [3, 1]
    assert merged[0]["recall@10"] < apart[0]["recall@10"]  # the rivals stand before the pump


@pytest.mark.usefixtures("encoder")
def test_a_run_is_written_and_compared_with(tmp_path: Path) -> None:
    folder, file = write_collection(tmp_path / "small"), tmp_path / "out.trec"
    run("retrieval", folder, "--run", file)
    assert {query: found[0] for query, found in read_run(file).items()} == {
        "q1": "pump", "q2": "turbine", "q3": "long",
    }  # fmt: skip
    (row,) = run("retrieval", folder, "--against", file, "--json")
    assert row["against"]["nDCG@10"]["mean"] == 0.0
    assert row["against"]["nDCG@10"]["p_value"] == 1.0
    worse = "".join(f"{query} Q0 boiler 1 1 x\n" for query in QUERIES)
    file.write_text(worse, "utf-8")
    (row,) = run("retrieval", folder, "--against", file, "--json")
    assert (row["against"]["recall@1"]["mean"], row["against"]["recall@1"]["num_better"]) == (1, 3)
    file.write_text("other Q0 boiler 1 1 x\n", "utf-8")
    with pytest.raises(SettingError, match="ranks none of the queries"):
        run("retrieval", folder, "--against", file)


@pytest.mark.usefixtures("encoder")
def test_several_runs_go_into_a_folder(tmp_path: Path) -> None:
    folders = [write_collection(tmp_path / name) for name in ("one", "two")]
    run("retrieval", *folders, "--run", tmp_path / "runs")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["one.trec", "two.trec"]
    assert "[+0.0000, +0.0000]" in run("retrieval", *folders, "--against", tmp_path / "runs")


@pytest.mark.usefixtures("encoder")
def test_configurations_stand_side_by_side(tmp_path: Path) -> None:
    folder, plot = write_collection(tmp_path / "small"), tmp_path / "plot.svg"
    configurations = ("--config", "base:", "--config", "words <1>:mode=lexical,top_k=5")
    rows = run("compare", folder, *configurations, "--plot", plot, "--json")
    assert [row["configuration"] for row in rows] == ["base", "words <1>"]
    assert "against" not in rows[0] and rows[1]["against"]["name"] == "base"
    drawn = "".join(ElementTree.parse(plot).getroot().itertext())
    assert "words <1>" in drawn and "small" in drawn
    table = run("compare", folder, *configurations)
    assert "words <1>" in table and "difference" in table


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "sparse"], "sparse"),
        (["--set", "chunk_tokens"], "key=value"),
        (["--set", "chunk_token=9"], "Did you mean chunk_tokens"),
        (["--set", "chunk_tokens=9"], "chunk_tokens"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: list[str], message: str) -> None:
    folder = write_collection(tmp_path / "small")
    with pytest.raises(SettingError, match=message):
        run("retrieval", folder, *arguments)


def test_configurations_are_parsed() -> None:
    one = parse_configuration("x:mode=dense, chunk_tokens=100")
    assert (one.name, one.mode, one.settings.chunk_tokens) == ("x", "dense", 100)
    assert parse_configuration("base:").mode == "hybrid"
    with pytest.raises(SettingError, match="no name"):
        parse_configuration("chunk_tokens=100")

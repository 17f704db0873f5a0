from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from collections_beir import write_collection
from fakes import ScriptedGeneration, ScriptedGenerator, WordEncoder
from test_sync import DirectReader
from typer.testing import CliRunner

from rag import cli, cli_tune, parts, self_check
from rag.errors import FootnoteError, SettingError
from rag.evaluation.asking import UNANSWERABLE
from rag.evaluation.datasets import read_dataset
from rag.evaluation.experiment import Configuration
from rag.evaluation.measures import PerQuery
from rag.evaluation.spans import measure_positions
from rag.types import Message

COLOURS = [
    "red",
    "blue",
    "green",
    "white",
    "black",
    "grey",
    "brown",
    "pink",
    "violet",
    "amber",
    "coral",
    "ivory",
]
PARTS = ["pump", "boiler", "crane", "press", "oven", "lathe", "drill", "fan"]
FILLER = "and was last oiled, weighed, painted and tested by the crew of the night shift" * 2


class AskingGenerator(ScriptedGenerator):
    """Asks for the hall of what the sentence begins with; without a sentence, for a price."""

    def __init__(self) -> None:
        super().__init__("")
        self.is_closed = False
        self.interrupt_after = -1

    def generate(self, messages: Sequence[Message], **options: Any) -> ScriptedGeneration:
        if messages[0].content == self_check.SYSTEM:
            is_price = "price" in messages[-1].content.rpartition("Question:")[2]
            return ScriptedGeneration("No" if is_price else "Yes", 1, None)
        if len(self.prompts) == self.interrupt_after:
            raise KeyboardInterrupt
        self.prompts.append(list(messages))
        if messages[0].content == UNANSWERABLE:
            passage = messages[-1].content.partition("Passage: ")[2].split()
            text = f"What was the price of the {passage[1]} {passage[2]}?"
            return ScriptedGeneration(text, 1, None)
        words = messages[-1].content.partition("Sentence: ")[2].split()
        return ScriptedGeneration(f"Which hall holds {words[1]} {words[2]}?", 1, None)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AskingGenerator:
    monkeypatch.setenv("FOOTNOTE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    made = AskingGenerator()
    monkeypatch.setattr(parts, "open_encoder", lambda settings, say: WordEncoder())
    monkeypatch.setattr(parts, "open_generator", lambda settings, say: made)
    monkeypatch.setattr("ingest.sync.ReadingProcess", DirectReader)
    return made


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "my docs"
    folder.mkdir()
    for colour in COLOURS:
        lines = [
            f"The {colour} {part} stands in hall {colour} {number} near the stairs {FILLER}."
            for number, part in enumerate(PARTS)
        ]
        (folder / f"{colour}.md").write_text("\n\n".join(lines), "utf-8")
    return folder


def run(*arguments: str | Path) -> Any:
    """The JSON that a command prints, or all that it prints."""
    done = CliRunner().invoke(cli.app, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout) if "--json" in arguments else done.output


def test_questions_make_a_test_collection(
    generator: AskingGenerator, docs: Path, tmp_path: Path
) -> None:
    report = run("eval", "questions", docs, "--count", "10", "--out", "q", "--json")
    assert (report["answerable"], report["unanswerable"]) == (10, 2)
    assert generator.is_closed
    dataset = read_dataset(tmp_path / "q")
    assert len(dataset.queries) == 10 and len(dataset.documents) == len(COLOURS)
    assert all(
        number == f"{question.split()[3]}.md"
        for question, of in zip(dataset.queries.values(), dataset.qrels.values(), strict=True)
        for number in of
    )
    lines = (tmp_path / "q" / "unanswerable.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 2 and all("price" in line for line in lines)
    (row,) = run("eval", "retrieval", "q", "--json")
    assert row["queries"] == 10 and row["recall@10"] > 0.9


def test_the_same_seed_asks_the_same(
    generator: AskingGenerator, docs: Path, tmp_path: Path
) -> None:
    for name, seed in (("one", "5"), ("two", "5"), ("three", "6")):
        run("eval", "questions", docs, "--count", "5", "--seed", seed, "--out", name)
    one, two, three = (
        (tmp_path / name / "queries.jsonl").read_text("utf-8") for name in ("one", "two", "three")
    )
    assert one == two != three


def test_an_interruption_keeps_what_was_made(
    generator: AskingGenerator, docs: Path, tmp_path: Path
) -> None:
    generator.interrupt_after = 4
    said = run("eval", "questions", docs, "--count", "50", "--out", "q")
    assert 1 <= len(read_dataset(tmp_path / "q").queries) <= 4
    assert "fewer than 50: interrupted" in said and "about 4 min for 50" in said
    assert generator.is_closed


def test_without_a_folder_the_index_is_asked_about(
    generator: AskingGenerator, docs: Path, tmp_path: Path
) -> None:
    run("ingest", docs)
    report = run("eval", "questions", "--count", "3", "--json")
    assert report["answerable"] == 3 and report["questions"] == "footnote-questions"
    about = json.loads((tmp_path / "footnote-questions" / "about.json").read_text("utf-8"))
    assert about == {"roots": [str(docs)], "seed": 0, "model": "scripted"}


def test_what_is_missing_is_said(
    generator: AskingGenerator, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match="is not there"):
        run("eval", "questions", "nowhere")
    with pytest.raises(FootnoteError, match="no documents"):
        run("eval", "questions", "empty")
    with pytest.raises(FootnoteError, match="no index"):
        run("eval", "questions")
    with pytest.raises(SettingError, match="Make them: footnote eval questions"):
        run("tune")
    run("eval", "questions", docs, "--count", "1")
    with pytest.raises(SettingError, match="holds questions already"):
        run("eval", "questions", docs)
    with pytest.raises(SettingError, match="1 questions are too few"):
        run("tune")
    monkeypatch.setattr(parts, "open_generator", lambda settings, say: None)
    with pytest.raises(FootnoteError, match="footnote models fetch"):
        run("eval", "questions", docs, "--out", "other")


def test_questions_of_ones_own_are_tuned_on(generator: AskingGenerator, docs: Path) -> None:
    run("eval", "questions", docs, "--count", "24", "--out", "q")
    found = run("tune", "--questions", "q", "--json")
    assert [one["changes"] for one in found["tried"]] == [
        {"chunk_tokens": 128}, {"chunk_tokens": 500}, {"top_k": 20}, {"sentence_vectors": False},
        {"mode": "dense"}, {"mode": "lexical"},
    ]  # fmt: skip
    assert found["questions"] == 24 and found["before"]["recall@10"] > 0.9
    assert found["tried"][0]["nDCG@10"]["num_queries"] == 12
    assert found["recommended"] == {}  # words find all of it as it is
    assert "Nothing was better" in run("tune", "--questions", "q")


def test_questions_whose_answers_are_gone_are_left_out(
    generator: AskingGenerator, docs: Path
) -> None:
    run("eval", "questions", docs, "--count", "24", "--out", "q")
    (docs / "red.md").write_text("Nothing here any more.", "utf-8")
    for file in docs.iterdir():  # the others' answers stand elsewhere now
        file.write_text(f"A new beginning.\n\n{file.read_text('utf-8')}", "utf-8")
    questions = read_dataset(docs.parent / "q").queries.values()
    num_gone = sum(" red " in question for question in questions)
    said = run("tune", "--questions", "q")
    assert f"on {24 - num_gone} questions" in said and num_gone > 0
    assert f"{num_gone} questions are left out" in said


def test_what_helps_is_written_when_asked(
    generator: AskingGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(asked: Configuration) -> PerQuery:
        at = 1.0 if asked.settings.chunk_tokens == 128 else 5.0
        return measure_positions({f"q{number}": at for number in range(40)})

    monkeypatch.setattr("rag.evaluation.tuning.measure_for", lambda *_: measure)
    (tmp_path / "q").mkdir()
    file = tmp_path / "footnote.toml"
    file.write_text("top_k = 7 # mine\n", "utf-8")
    found = run("tune", "--questions", "q", "--json")
    assert found["recommended"] == {"chunk_tokens": 128}
    assert found["confirmed"]["nDCG@10"]["num_queries"] == 20
    assert "Put into footnote.toml" in run("tune", "--questions", "q")
    assert file.read_text("utf-8") == "top_k = 7 # mine\n"
    said = run("tune", "--questions", "q", "--write")
    assert "Written to footnote.toml" in said and "On the other half, chunk_tokens = 128" in said
    assert tomllib.loads(file.read_text("utf-8")) == {"top_k": 7, "chunk_tokens": 128}


def test_tuning_takes_any_test_collection(generator: AskingGenerator, tmp_path: Path) -> None:
    documents = {f"d{n}": (f"Part {n}", f"The part {n} lies in box {n}.") for n in range(30)}
    queries = {f"q{n}": f"Where does part {n} lie?" for n in range(30)}
    folder = write_collection(
        tmp_path / "beir", documents, queries, {f"q{n}": {f"d{n}": 1} for n in range(30)}
    )
    found = run("tune", "--questions", folder, "--json")
    assert found["before"]["nDCG@10"] > 0.9
    assert found["recommended"] == {} and found["confirmed"] is None


def test_an_environment_that_goes_before_the_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_TOP_K", "9")
    cli_tune._say_how({"top_k": 20, "mode": "dense"}, write=True)
    assert (tmp_path / "footnote.toml").read_text("utf-8") == "top_k = 20\n"
    said = capsys.readouterr().err
    assert "FOOTNOTE_TOP_K in the environment" in said and "--mode dense" in said
    (tmp_path / "footnote.toml").write_text("top_k = '''\n9'''\n", "utf-8")
    with pytest.raises(SettingError, match="Write into it: top_k = 20"):
        cli_tune._say_how({"top_k": 20}, write=True)


def test_without_write_the_line_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cli_tune._say_how({"chunk_tokens": 128}, write=False)
    said = capsys.readouterr().err
    assert "chunk_tokens = 128" in said and "encodes the documents anew" in said
    assert not (tmp_path / "footnote.toml").exists()
    cli_tune._say_how({}, write=True)
    assert capsys.readouterr().err == ""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.readers.markdown import read_markdown
from rag.errors import SettingError
from rag.evaluation.answer_sets import Evidence, read_answer_set

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def write_lines(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")


def test_our_own_questions(tmp_path: Path) -> None:
    common = {"language": "en", "question": "Q?"}
    write_lines(
        tmp_path / "questions.jsonl",
        {**common, "id": "a", "sources": ["x/y.pdf"], "facts": [["1", "one"]], "answerable": True},
        {**common, "id": "b", "sources": [], "facts": [], "answerable": False},
    )
    asked = read_answer_set(tmp_path)
    first, second = asked.questions
    assert asked.folders == (tmp_path,) and asked.corpus is None
    assert first.facts == (("1", "one"),) and first.evidence == (Evidence("x/y.pdf"),)
    assert not second.answerable
    with pytest.raises(SettingError, match="leave --oracle out"):
        asked.check_places()


def test_beir_with_answers(tmp_path: Path) -> None:
    write_lines(tmp_path / "corpus.jsonl", {"_id": "d1", "title": "T", "text": "The pump is blue."})
    write_lines(tmp_path / "queries.jsonl", {"_id": "q1", "text": "Colour?", "answers": ["blue"]})
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    asked = read_answer_set(tmp_path)
    (question,) = asked.questions
    assert question.references == ("blue",) and question.evidence == (Evidence("/d1"),)
    assert asked.corpus is not None and asked.corpus["d1"].title == "T"
    asked.check_places()


def test_laws_by_their_articles(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    files = ["files/民法典/总则.md", "files/行政法规/个体条例(2016).md"]
    row = {
        "id": 1, "question": "谁?", "answers": ["人"], "files": files, "complete": True,
        "statutes": ["中华人民共和国民法典第五十四条", "个体条例第二条", "某法"],
    }  # fmt: skip
    write_lines(tmp_path / "questions.jsonl", row)
    (question,) = read_answer_set(tmp_path).questions
    assert question.evidence == (
        Evidence(files[0], article="第五十四条"), Evidence(files[1], article="第二条"),
    )  # fmt: skip
    text = "第一条 甲。\n\n第五十四条 乙，见第五十五条。\n\n第五十四条之一 丙。\n"
    ((start, end),) = question.evidence[0].spans(text)
    assert text[start:end] == "第五十四条 乙，见第五十五条。\n\n"
    read_answer_set(tmp_path).check_places()


def test_evidence_by_its_words(tmp_path: Path) -> None:
    rows = [
        {"id": part, "part": part, "question": "Q?", "answers": ["x"],
         "evidence": [["a.md", ["Chat | wg_ are  temporary"]]]}
        for part in ("single_text", "multimodal", "contextual_anaphora")
    ]  # fmt: skip
    write_lines(tmp_path / "questions.jsonl", *rows)
    (question,) = read_answer_set(tmp_path).questions
    text = "| Channel |\n| Chat | wg_ are\ntemporary |"
    ((start, end),) = question.evidence[0].spans(text)
    assert text[start:end] == "Chat | wg_ are\ntemporary"
    assert question.evidence[0].spans("nothing of it") == []


def test_given_passages(tmp_path: Path) -> None:
    passages = [{"id": "p1", "title": "T", "text": "one"}, {"id": "p2", "title": "", "text": "two"}]
    rows = [
        {"id": f"{lang}{n}", "lang": lang, "question": "Q?", "answerable": n % 2 == 0,
         "passages": passages}
        for n in range(10) for lang in ("zh", "en")
    ]  # fmt: skip
    write_lines(tmp_path / "questions.jsonl", *rows)
    asked = read_answer_set(tmp_path)
    assert [p.number for p in asked.questions[0].passages] == [1, 2]
    kinds = [question.kind for question in asked.sample(8).questions]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "en/answerable": 2, "en/unanswerable": 2, "zh/answerable": 2, "zh/unanswerable": 2,
    }  # fmt: skip
    assert asked.sample(8) == asked.sample(8) and asked.sample(None) is asked


@pytest.mark.parametrize(
    ("line", "said"), [('{"id": 1, "question": "Q?"}', "unknown form"), ("{", "line 1")]
)
def test_what_cannot_be_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "questions.jsonl").write_text(line)
    with pytest.raises(SettingError, match=said):
        read_answer_set(tmp_path)
    with pytest.raises(SettingError, match="neither"):
        read_answer_set(tmp_path / "none")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")
@pytest.mark.parametrize(
    ("name", "num_questions"),
    [("law-zh", 1229), ("gitlab-handbook", 175), ("nomiracl-refusal", 240), ("xquad-zh", 1190)],
)
def test_real_collections(name: str, num_questions: int) -> None:
    asked = read_answer_set(SHARED / name)
    assert len(asked.questions) == num_questions
    for question in asked.sample(20).questions:
        for one in question.evidence if asked.folders else ():
            path = SHARED / name / "files" / one.path.removeprefix("files/")
            assert path.is_file()


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")
@pytest.mark.parametrize("name", ["law-zh", "gitlab-handbook"])
def test_the_evidence_of_real_collections_stands_in_their_files(name: str) -> None:
    asked = read_answer_set(SHARED / name)
    files = SHARED / name / "files"
    lost = [
        question.query_id
        for question in asked.sample(60).questions
        if not any(
            one.spans(read_markdown(files / one.path.removeprefix("files/")).text)
            for one in question.evidence
        )
    ]
    assert lost == []

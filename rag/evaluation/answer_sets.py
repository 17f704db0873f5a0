"""Questions with what their answers should hold and cite, from all layouts of collections."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import SettingError
from rag.evaluation.datasets import PATH_PREFIX, QUERIES_FILE, CorpusDocument, read_dataset
from rag.evaluation.question_files import UNANSWERABLE_FILE, read_questions
from rag.evaluation.quote_spans import find_quote
from rag.types import Passage

QUESTIONS_FILE = "questions.jsonl"
FILES_FOLDER = "files"
LEFT_OUT_PARTS = ("multimodal", "contextual_anaphora")  # need pictures, or a turn before

Document = Callable[[int], str]  # a document's text by its id; KeyError if there is none

_NUMBER = "[零〇一二两三四五六七八九十百千]+"
_ARTICLE = re.compile(rf"第{_NUMBER}条(?:之{_NUMBER})?$")
_ANY_ARTICLE = re.compile(rf"^第{_NUMBER}条(?:之{_NUMBER})?", re.MULTILINE)
_LAW_PREFIX = "中华人民共和国"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer should cite: a file by the end of its path, or a part of it.

    With `quotes` a citation must overlap one of them, with `article` lie in that article of a law.
    """

    path: str
    quotes: tuple[str, ...] = ()
    article: str = ""

    def is_of(self, path: str) -> bool:
        """Whether it stands in the document at this path."""
        return path == self.path or path.endswith(f"/{self.path.lstrip('/')}")

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it stands in the document's text; the whole of it where no part is named."""
        if self.article:
            return _article_spans(text, self.article)
        if self.quotes:
            return [span for quote in self.quotes for span in find_quote(text, quote)]
        return [(0, len(text))]


class EvidenceSpans:
    """Where the evidence of a question stands, by document."""

    def __init__(self, evidence: Sequence[Evidence], text_of: Document) -> None:
        self._evidence, self._text_of = evidence, text_of
        self._known: dict[int, list[tuple[int, int]]] = {}

    def holds(self, place: Any) -> bool:
        """Whether a chunk, passage or citation overlaps it."""
        if place.document_id not in self._known:
            named = [one for one in self._evidence if one.is_of(place.path)]
            text = self._text_of(place.document_id) if named else ""
            spans = [span for one in named for span in one.spans(text)]
            self._known[place.document_id] = spans
        spans = self._known[place.document_id]
        return any(start < place.end and place.start < end for start, end in spans)


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """A question and how its answer is judged.

    Every one of `facts` must be in the answer, each in one of its spellings; `references` are
    whole answers to compare with. `passages`, where there are any, are given as the sources.
    `kind` groups questions of a set.
    """

    query_id: str
    text: str
    answerable: bool = True
    facts: tuple[tuple[str, ...], ...] = ()
    references: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    passages: tuple[Passage, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """Questions and the documents that they are asked of: a corpus, or folders of files."""

    name: str
    questions: tuple[AnswerQuestion, ...]
    corpus: dict[str, CorpusDocument] | None = None
    folders: tuple[Path, ...] = ()

    def sample(self, limit: int | None) -> AnswerSet:
        """At most `limit` questions, spread evenly over the kinds and the order of the set."""
        if limit is None or limit >= len(self.questions):
            return self
        ordered = sorted(self.questions, key=lambda question: question.kind)
        chosen = tuple(ordered[i * len(ordered) // limit] for i in range(limit))
        return AnswerSet(self.name, chosen, self.corpus, self.folders)

    def check_places(self) -> None:
        """Raises SettingError where evidence names whole files, which have no end, not a place."""
        named = (evidence for one in self.questions for evidence in one.evidence)
        if self.corpus is None and not any(one.quotes or one.article for one in named):
            raise SettingError(
                f"{self.name} does not tell where in its documents the answers stand: leave "
                "--oracle out."
            )


def read_answer_set(folder: Path) -> AnswerSet:
    """Read a collection. Raises SettingError that names the file and the cure."""
    name = folder.resolve().name
    if (made := read_questions(folder)) is not None:
        return _made_set(name, folder, made)
    if (folder / QUERIES_FILE).is_file() and not (folder / QUESTIONS_FILE).is_file():
        return _beir_set(folder)
    if not (folder / QUESTIONS_FILE).is_file():
        raise SettingError(
            f"{folder} has neither {QUESTIONS_FILE} nor {QUERIES_FILE}. Give a folder of questions "
            "with their answers, as the README describes."
        )
    rows = list(_rows(folder / QUESTIONS_FILE))
    try:
        questions = tuple(filter(None, (_question(row) for row in rows)))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SettingError(
            f"{folder / QUESTIONS_FILE} has a question of an unknown form ({error!r}). "
            "The README describes the forms."
        ) from error
    files = folder / FILES_FOLDER
    if any(question.passages for question in questions):
        return AnswerSet(name, questions)
    return AnswerSet(name, questions, folders=(files if files.is_dir() else folder,))


def _question(row: dict[str, Any]) -> AnswerQuestion | None:
    """A line of questions.jsonl, whichever form it has; None if it is left out."""
    forms: dict[str, Callable[[dict[str, Any]], AnswerQuestion | None]] = {
        "passages": _with_passages,
        "statutes": _of_law,
        "evidence": _with_evidence,
        "files": _of_files,
        "sources": _of_sources,
    }
    for key, make in forms.items():
        if key in row:
            return make(row)
    raise KeyError(f"{row['id']}: none of {', '.join(forms)}")


def _of_sources(row: dict[str, Any]) -> AnswerQuestion:
    facts = tuple(tuple(spellings) for spellings in row["facts"])
    return AnswerQuestion(
        str(row["id"]),
        row["question"],
        answerable=bool(row["answerable"]),
        facts=facts,
        evidence=tuple(Evidence(path) for path in row["sources"]),
        kind="" if row["answerable"] else "unanswerable",
    )


def _with_passages(row: dict[str, Any]) -> AnswerQuestion:
    passages = tuple(
        _given_passage(number, str(one["id"]), one.get("title") or "", one["text"])
        for number, one in enumerate(row["passages"], start=1)
    )
    kind = f"{row.get('lang', '')}/{'answerable' if row['answerable'] else 'unanswerable'}"
    return AnswerQuestion(
        str(row["id"]),
        row["question"],
        answerable=bool(row["answerable"]),
        passages=passages,
        kind=kind,
    )


def _given_passage(number: int, name: str, title: str, text: str) -> Passage:
    """A whole text as a source that nothing was searched for."""
    return Passage(
        number=number,
        document_id=number,
        path=PATH_PREFIX + name,
        title=title,
        headings=(),
        page=None,
        start=0,
        end=len(text),
        text=text,
        score=0.0,
    )


def _of_law(row: dict[str, Any]) -> AnswerQuestion:
    evidence = []
    for statute in row["statutes"]:
        article = _ARTICLE.search(statute)
        if article is None:
            continue
        law = statute[: article.start()].removeprefix(_LAW_PREFIX)
        named = [path for path in row["files"] if law in path] or row["files"]
        evidence += [Evidence(path, article=article[0]) for path in named]
    return AnswerQuestion(
        str(row["id"]),
        row["question"],
        references=tuple(row["answers"]),
        evidence=tuple(evidence),
    )


def _with_evidence(row: dict[str, Any]) -> AnswerQuestion | None:
    if row["part"] in LEFT_OUT_PARTS:
        return None
    return AnswerQuestion(
        str(row["id"]),
        row["question"],
        facts=(tuple(row["answers"]),),
        references=tuple(row["answers"]),
        evidence=tuple(Evidence(path, quotes=tuple(quotes)) for path, quotes in row["evidence"]),
        kind=row["part"],
    )


def _of_files(row: dict[str, Any]) -> AnswerQuestion:
    return AnswerQuestion(
        str(row["id"]),
        row["question"],
        references=tuple(row["answers"]),
        evidence=tuple(Evidence(path) for path in row["files"]),
    )


def _beir_set(folder: Path) -> AnswerSet:
    dataset = read_dataset(folder)
    answers = {str(row["_id"]): row.get("answers") or [] for row in _rows(folder / QUERIES_FILE)}
    questions = tuple(
        AnswerQuestion(
            query,
            text,
            facts=(tuple(answers[query]),) if answers[query] else (),
            references=tuple(answers[query]),
            evidence=tuple(Evidence(PATH_PREFIX + number) for number in dataset.qrels[query]),
        )
        for query, text in dataset.queries.items()
    )
    return AnswerSet(dataset.name, questions, corpus=dataset.documents)


def _made_set(name: str, folder: Path, made: tuple[Sequence[Path], Sequence[Any]]) -> AnswerSet:
    """What `footnote eval questions` made: the sentence that answers is the evidence."""
    roots, questions = made
    asked = [
        AnswerQuestion(
            one.query_id,
            one.text,
            evidence=tuple(Evidence(place.path, quotes=(one.evidence,)) for place in one.places),
        )
        for one in questions
    ]
    path = folder / UNANSWERABLE_FILE
    for row in _rows(path) if path.is_file() else ():
        asked.append(AnswerQuestion(row["_id"], row["text"], answerable=False, kind="unanswerable"))
    return AnswerSet(name, tuple(asked), folders=tuple(roots))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise SettingError(
                        f"{path}, line {number}: not JSON ({error}). Correct the line."
                    ) from error


def _article_spans(text: str, article: str) -> list[tuple[int, int]]:
    starts = [(found.start(), found[0]) for found in _ANY_ARTICLE.finditer(text)]
    ends = [start for start, _ in starts[1:]] + [len(text)]
    return [(start, end) for (start, one), end in zip(starts, ends, strict=True) if one == article]

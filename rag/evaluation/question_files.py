"""A folder of questions about one's own documents: BEIR's layout, and where the answers stand.

`corpus.jsonl` holds whole documents, for chunks depend on the settings that are to be measured.
A query's `metadata` has the sentence that answers it and all the places where that stands, as
spans of the document's text. `unanswerable.jsonl` has questions that no document answers,
`about.json` the folders that were read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any

from rag.errors import SettingError
from rag.evaluation.datasets import CORPUS_FILE, QRELS_FILE, QUERIES_FILE
from rag.evaluation.questions import Attempt

UNANSWERABLE_FILE = "unanswerable.jsonl"
ABOUT_FILE = "about.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sentence stands: `document.text[start:end]`."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the sentence that answers it, and where that stands."""

    query_id: str
    text: str
    evidence: str
    places: tuple[Place, ...]


class QuestionWriter:
    """Writes a folder of questions, each at once, so that what was made is never lost.

    `texts` are the documents' (title, text), by absolute path. Raises SettingError if the folder
    holds questions already or cannot be written.
    """

    def __init__(
        self, folder: Path, texts: Mapping[str, tuple[str, str]], about: Mapping[str, Any]
    ) -> None:
        if (folder / QUERIES_FILE).exists():
            raise SettingError(
                f"{folder} holds questions already. Remove it, or give another folder with --out."
            )
        self._folder = folder
        self._texts = texts
        self._ids = document_ids(list(texts))
        self.num_answerable = self.num_unanswerable = 0
        try:
            (folder / QRELS_FILE).parent.mkdir(parents=True, exist_ok=True)
            (folder / ABOUT_FILE).write_text(_json(about) + "\n", "utf-8")
            (folder / QRELS_FILE).write_text("query-id\tcorpus-id\tscore\n", "utf-8")
            with (folder / CORPUS_FILE).open("w", encoding="utf-8") as corpus:
                for path, (title, text) in texts.items():
                    row = {"_id": self._ids[path], "title": title, "text": text}
                    corpus.write(_json(row | {"metadata": {"path": path}}) + "\n")
        except OSError as error:
            raise SettingError(
                f"{folder} cannot be written ({error}). Give another folder with --out."
            ) from error

    def add(self, made: Attempt) -> None:
        """Add a question that its sentence answers, wherever that stands."""
        self.num_answerable += 1
        number, sentence = f"q{self.num_answerable:04}", made.evidence.text
        places = find_places(sentence, self._texts)
        rows = [
            {"document": self._ids[one.path], "path": one.path, "start": one.start, "end": one.end}
            for one in places
        ]
        self._append(QUERIES_FILE, self._row(number, made, evidence=sentence, places=rows))
        lines = [f"{number}\t{one}\t1" for one in dict.fromkeys(row["document"] for row in rows)]
        self._append(QRELS_FILE, "\n".join(lines))

    def add_unanswerable(self, made: Attempt) -> None:
        """Add a question that nothing answers; `near` is the document that led to it."""
        self.num_unanswerable += 1
        near = self._ids[made.evidence.chunk.path]
        row = self._row(f"u{self.num_unanswerable:04}", made, near=near)
        self._append(UNANSWERABLE_FILE, row)

    def _row(self, number: str, made: Attempt, **others: Any) -> str:
        about = {"language": made.evidence.chunk.language, "kind": made.evidence.kind}
        return _json({"_id": number, "text": made.question, "metadata": about | others})

    def _append(self, name: Path | str, line: str) -> None:
        with (self._folder / name).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def document_ids(paths: Sequence[str]) -> dict[str, str]:
    """An id for each absolute path: what they do not share of it, without white space."""
    root = commonpath([str(Path(path).parent) for path in paths]) if paths else ""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for path in paths:
        wanted = number = "_".join(path.removeprefix(root).lstrip("/").split())
        count = 1
        while number in taken:
            count += 1
            number = f"{wanted}~{count}"
        taken.add(number)
        ids[path] = number
    return ids


def find_places(sentence: str, texts: Mapping[str, tuple[str, str]]) -> list[Place]:
    """Where a sentence stands in the documents, letter by letter: copies answer as well."""
    places = []
    for path, (_, text) in texts.items():
        start = text.find(sentence)
        while start != -1:
            places.append(Place(path, start, start + len(sentence)))
            start = text.find(sentence, start + len(sentence))
    return places


def read_questions(folder: Path) -> tuple[list[Path], list[Question]] | None:
    """The folders that were read, and the questions; None if it is another test collection.

    Raises SettingError that names the file if it is damaged.
    """
    about = folder / ABOUT_FILE
    if not about.is_file():
        return None
    try:
        roots = [Path(root) for root in json.loads(about.read_text("utf-8"))["roots"]]
        queries = folder / QUERIES_FILE
        lines = queries.read_text("utf-8").splitlines() if queries.exists() else []
        return roots, [_question(json.loads(line)) for line in lines if line.strip()]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SettingError(
            f"{folder} does not hold questions as `footnote eval questions` writes them "
            f"({error}). Make them again."
        ) from error


def _question(row: Mapping[str, Any]) -> Question:
    about = row["metadata"]
    places = tuple(Place(one["path"], one["start"], one["end"]) for one in about["places"])
    return Question(row["_id"], row["text"], about["evidence"], places)


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)

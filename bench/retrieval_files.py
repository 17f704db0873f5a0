"""Sets of files with questions, and how it is judged whether a search found what answers them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import ceil
from pathlib import Path

from rag.types import Hit

FIRST_HITS = 5
MIN_QUOTE_WORDS = 6  # of a quote, or all of it where it is shorter
LEFT_OUT_PARTS = {"multimodal"}  # they need the pictures
_LINK_TARGET = re.compile(r"\]\([^)]*\)")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence` are the files (path endings) that answer it, with the quotes that do."""

    number: str
    text: str
    part: str
    evidence: dict[str, list[str]]


def read_questions(folder: Path) -> list[Question]:
    """The questions beside `files/`, those aside that need pictures."""
    questions = []
    for line in (folder / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        part = row.get("part", "all")
        evidence: dict[str, list[str]] = {file: [] for file in row.get("files", ())}
        for file, quotes in row.get("evidence", ()):
            evidence.setdefault(file, []).extend(quotes)
        if part not in LEFT_OUT_PARTS:
            questions.append(Question(row["id"], row["question"], part, evidence))
    return questions


def finds_file(hits: Sequence[Hit], question: Question) -> bool:
    """Whether one of the first hits stands in a file that answers the question."""
    return any(_file_of(hit, question) for hit in hits[:FIRST_HITS])


def finds_quote(hits: Sequence[Hit], question: Question) -> bool:
    """Whether one of the first hits holds a quote of its file."""
    for hit in hits[:FIRST_HITS]:
        file = _file_of(hit, question)
        if file and any(holds_quote(hit.chunk.text, quote) for quote in question.evidence[file]):
            return True
    return False


def _file_of(hit: Hit, question: Question) -> str | None:
    path = Path(hit.chunk.path).as_posix()
    return next((file for file in question.evidence if path.endswith(f"/{file}")), None)


def holds_quote(text: str, quote: str) -> bool:
    """Whether a chunk holds a quote, or so much of it as a border between chunks may leave.

    Words are compared, without case, markup and the targets of links, which readers drop. What
    must stand there without a gap is half of the quote's words, and at least MIN_QUOTE_WORDS.
    """
    words, wanted = quote_words(text), quote_words(quote)
    if not wanted:
        return False
    matcher = SequenceMatcher(None, words, wanted, autojunk=False)
    longest = matcher.find_longest_match(0, len(words), 0, len(wanted)).size
    return longest >= max(ceil(len(wanted) / 2), min(len(wanted), MIN_QUOTE_WORDS))


def quote_words(text: str) -> list[str]:
    """The words of a text with its Markdown."""
    folded = unicodedata.normalize("NFKC", _LINK_TARGET.sub("]", text)).casefold()
    return _WORD.findall(folded)

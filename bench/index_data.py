"""Real passages and questions with their real vectors, and any number of others like them.

Where the vectors come from: some thousands of real passages are encoded. A drawn vector is a real
one of its language plus noise that has the covariance of the differences between near real vectors
(a passage and one of its nearest), made unit length. So the drawn ones lie as the real ones do: a
narrow cone, languages apart, topics in clusters, and near neighbours about as near as real ones.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.encoder import Encoder

LANGUAGES = ("en", "zh")
PASSAGE_CHARACTERS = {"en": 900, "zh": 300}  # about 200 tokens
KEPT_SENTENCES = 0.6  # of a drawn passage; the others come from a second one
SWAPPED_WORDS = 0.1  # places that take a word of a third passage: rare words stay rare
NEAREST = 8  # neighbours whose differences give the noise its covariance
_SENTENCE_ENDS = re.compile(r"(?<=[.!?。！？；\n])")
_WORDS = {"en": re.compile(r"\S+\s*"), "zh": re.compile(r".{1,2}", re.DOTALL)}

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """Real passages and questions of one language, and the vectors of the first of them (n, d)."""

    language: str
    passages: list[str]
    questions: list[str]
    passage_vectors: Vectors
    question_vectors: Vectors


def read_passages(data: Path, language: str) -> list[str]:
    """Real passages of about a chunk's length, in an order that is random but always the same."""
    if language == "zh":
        texts = _corpus(data / "law-zh") + _corpus(data / "xquad-zh")
    else:
        texts = _corpus(data / "scifact-en") + _corpus(data / "xquad-en")
        handbook = sorted((data / "gitlab-handbook" / "files").rglob("*.md"))
        texts += [path.read_text("utf-8") for path in handbook]
    limit = PASSAGE_CHARACTERS[language]
    pieces = [piece for text in texts for piece in _pieces(text, limit)]
    random.Random(1).shuffle(pieces)
    return pieces


def read_questions(data: Path, language: str) -> list[str]:
    """Real questions, in an order that is random but always the same."""
    if language == "zh":
        lines = (data / "law-zh" / "questions.jsonl").read_text("utf-8").splitlines()
        found = [json.loads(line)["question"] for line in lines]
        folders = ["xquad-zh"]
    else:
        found, folders = [], ["scifact-en", "xquad-en"]
    for folder in folders:
        lines = (data / folder / "queries.jsonl").read_text("utf-8").splitlines()
        found += [json.loads(line)["text"] for line in lines]
    random.Random(2).shuffle(found)
    return found


def _corpus(folder: Path) -> list[str]:
    lines = (folder / "corpus.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [f"{row.get('title', '')}\n{row['text']}".strip() for row in rows]


def _pieces(text: str, limit: int) -> Iterator[str]:
    """Whole sentences, joined up to the limit."""
    piece = ""
    for sentence in _SENTENCE_ENDS.split(text):
        if piece and len(piece) + len(sentence) > limit:
            yield piece.strip()
            piece = ""
        piece += sentence[:limit]
    if piece.strip():
        yield piece.strip()


def make_sample(
    data: Path, language: str, encoder: Encoder, num_passages: int, num_questions: int
) -> Sample:
    """Read and encode. Takes minutes for some thousands."""
    passages, questions = read_passages(data, language), read_questions(data, language)
    return Sample(
        language,
        passages,
        questions[:num_questions],
        encoder.encode_documents(passages[:num_passages]),
        encoder.encode_queries(questions[:num_questions]),
    )


def vary(passages: list[str], language: str, chance: random.Random) -> str:
    """A new passage: the sentences of two, shuffled, with some words of a third."""
    first, second, third = (passages[chance.randrange(len(passages))] for _ in range(3))
    sentences = [s for s in _SENTENCE_ENDS.split(first) if chance.random() < KEPT_SENTENCES]
    sentences += [s for s in _SENTENCE_ENDS.split(second) if chance.random() > KEPT_SENTENCES]
    chance.shuffle(sentences)
    words = _WORDS[language].findall("".join(sentences) or first)
    others = _WORDS[language].findall(third)
    for _ in range(int(SWAPPED_WORDS * len(words))):
        words[chance.randrange(len(words))] = others[chance.randrange(len(others))]
    return "".join(words)


class VectorSource:
    """Draws unit vectors (n, d) as a language's real ones are distributed."""

    def __init__(self, real: Vectors) -> None:
        self._real = real
        similarity = real @ real.T
        np.fill_diagonal(similarity, -1)
        near = np.argpartition(-similarity, NEAREST, axis=1)[:, :NEAREST]
        steps = (real[near] - real[:, None, :]).reshape(-1, real.shape[1])
        covariance = steps.T @ steps / len(steps) / 2  # of one end; a step has two
        values, axes = np.linalg.eigh(covariance.astype(np.float64))
        self._noise = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)

    def draw(self, count: int, chance: np.random.Generator) -> Vectors:
        centers = self._real[chance.integers(len(self._real), size=count)]
        normal = chance.standard_normal((count, len(self._noise)), dtype=np.float32)
        rows = centers + normal @ self._noise
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

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
ENCODED_PASSAGES, ENCODED_QUESTIONS = 1000, 300  # of each language
ENCODED_CHARACTERS = {"en": 300, "zh": 100}  # the beginning of a passage: minutes are saved
ADDED_WORDS = 0.5  # of the sentences of a drawn passage are followed by a word of any other
NEAREST = 8  # neighbours whose differences give the noise its covariance
_SENTENCE_ENDS = re.compile(r"(?<=[.!?。！？；\n])")
_WORD = re.compile(r"[A-Za-z0-9-]+|[\u4e00-\u9fff]{2}")

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


def load_sample(folder: Path, data: Path, language: str) -> Sample:
    """Read the real texts; their vectors come from the folder, or are made there (minutes)."""
    passages = read_passages(data, language)
    questions = read_questions(data, language)[:ENCODED_QUESTIONS]
    file = folder / f"{language}.npz"
    if not file.exists():
        encoder = _open_encoder()
        rows = encoder.encode_documents(
            [text[: ENCODED_CHARACTERS[language]] for text in passages[:ENCODED_PASSAGES]]
        )
        asked = encoder.encode_queries(questions)
        unfinished = file.with_suffix(".unfinished.npz")
        np.savez(unfinished, passages=rows, questions=asked)
        unfinished.replace(file)
    held = np.load(file)
    return Sample(language, passages, questions, held["passages"], held["questions"])


def _open_encoder() -> Encoder:
    from rag.config import load_settings
    from rag.parts import open_encoder

    return open_encoder(load_settings(encoder="package:multilingual-e5-small"), print)


class TextSource:
    """Draws passages that did not exist, with the words of real ones as often as there."""

    def __init__(self, passages: list[str], seed: int) -> None:
        self._chance = random.Random(seed)
        self._sentences = [[s for s in _SENTENCE_ENDS.split(text) if s] for text in passages]
        self._words = [word for text in passages for word in _WORD.findall(text)]
        self._limit = 1.2 * sum(map(len, passages)) / len(passages)

    def draw(self) -> str:
        """Sentences of two passages, shuffled, and some words of others at places by chance."""
        chance = self._chance
        first, second = chance.choice(self._sentences), chance.choice(self._sentences)
        sentences = first[chance.randrange(2) :] + second[: 1 + len(second) // 2]
        chance.shuffle(sentences)
        text, size = [], 0
        for sentence in sentences:
            if text and size + len(sentence) > self._limit:
                break
            text.append(sentence)
            size += len(sentence)
            if chance.random() < ADDED_WORDS:
                text.append(chance.choice(self._words) + " ")
        return "".join(text)


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

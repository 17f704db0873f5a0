"""What is measured of one answer: does it hold what it should, and do its citations bear it out?

Exact match and F1 as SQuAD's (Rajpurkar et al. 2016, arXiv:1606.05250), with characters as tokens
where words are not spaced (Cui et al. 2019, arXiv:1810.07366). Citation recall and precision as
ALCE defines them (Gao et al. 2023, arXiv:2305.14627), with the span check as the judge unless an
NLI model is given.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rag.disagreement import describe
from rag.encoder import Encoder
from rag.errors import SettingError
from rag.metrics import NUMERALS, holds_facts
from rag.support import SupportChecker
from rag.types import Answer, Passage
from rag.words import UNSPACED

_LABELS = re.compile(r"(?:\s*\[(?:\d+[?!]?|\?)\])+")
_LABEL = re.compile(r"\[(\d*)([?!]?)\]")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)*|\d+(?:\.\d+)+"  # with its signs; 2.7 holds no 7
_TOKEN = re.compile(rf"{_NUMBER}|[{UNSPACED}]|[^\W{UNSPACED}]+")
_WHOLE = re.compile(rf"{_NUMBER}|[{NUMERALS}]+|[{UNSPACED}]|[^\W{UNSPACED}]+")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)、]|#+)\s+")


class Judge(Protocol):
    """Tells whether passages bear a statement out."""

    def supports(self, statement: str, passages: Sequence[Passage]) -> bool: ...


class SpanJudge:
    """The check that every citation goes through."""

    def __init__(self, encoder: Encoder, question: str) -> None:
        self._encoder, self._question = encoder, question

    def supports(self, statement: str, passages: Sequence[Passage]) -> bool:
        """Whether one of the passages, or all together, hold the statement."""
        checker = SupportChecker(passages, self._encoder, self._question)
        found = checker.cite(statement, [passage.number for passage in passages])
        return bool(found) and all(citation.supported for citation in found)


class NliJudge:
    """A cross-encoder for natural language inference; its label `entailment` counts.

    One statement at a time: a tokenizer is not for many threads. Raises SettingError.
    """

    def __init__(self, model: str) -> None:
        from sentence_transformers import CrossEncoder

        self._model: Any = CrossEncoder(model)
        labels = self._model.model.config.id2label
        named = [int(n) for n, label in labels.items() if label.casefold() == "entailment"]
        if len(named) != 1:
            raise SettingError(
                f"{model} has the labels {', '.join(labels.values())}, none of them entailment. "
                "Give --nli a cross-encoder for natural language inference."
            )
        self._entailment = named[0]
        self._lock = threading.Lock()

    def supports(self, statement: str, passages: Sequence[Passage]) -> bool:
        """Whether the passages, joined, entail the statement."""
        premise = "\n".join(f"{passage.title}\n{passage.text}" for passage in passages)
        with self._lock:
            scores = self._model.predict([(premise, statement)])[0]
        return int(scores.argmax()) == self._entailment


@dataclass(frozen=True, slots=True)
class CitationScore:
    """Counts of one answer: recall is `supported / statements`, precision `precise / citations`."""

    statements: int
    supported: int
    citations: int
    precise: int


def plain_text(text: str) -> str:
    """An answer without the labels of its citations."""
    return _LABELS.sub("", text).strip()


def written_text(answer: Answer) -> str:
    """An answer without what the program added to it: that another source says otherwise."""
    text = answer.text
    for found in answer.disagreements:
        text = text.partition(describe(found, answer.question)[0].rstrip())[0]
    return text


def holds_answer(text: str, facts: Sequence[Sequence[str]]) -> bool:
    """Whether a text holds every fact in one of its spellings; signs and spaces do not count."""
    if holds_facts(text, facts):
        return True
    folded = _squeezed(text)
    return all(any(_contains(folded, _squeezed(one)) for one in spellings) for spellings in facts)


def exact_match(text: str, references: Sequence[str]) -> bool:
    """Whether a text is one of the references, after normalization."""
    return any(_tokens(text) == _tokens(reference) for reference in references)


def best_f1(text: str, references: Sequence[str]) -> float:
    """The best F1 of tokens with any of the references; 0 without one."""
    return max((_f1(_tokens(text), _tokens(reference)) for reference in references), default=0.0)


def score_citations(answer: Answer, judge: Judge) -> CitationScore:
    """ALCE's citation recall and precision of an answer, as counts.

    A statement's citations support it when the judge says so of them together. A citation of such a
    statement is precise unless it does not support it alone and the others do without it.
    """
    passages = {passage.number: passage for passage in answer.passages}
    statements = supported = citations = precise = 0
    for statement, numbers in cited_statements(written_text(answer)):
        cited = [passages[number] for number in numbers if number in passages]
        statements += 1
        citations += len(cited)
        if not cited or not judge.supports(statement, cited):
            continue
        supported += 1
        for one in cited:
            others = [other for other in cited if other is not one]
            is_needed = not others or not judge.supports(statement, others)
            precise += is_needed or judge.supports(statement, [one])
    return CitationScore(statements, supported, citations, precise)


def cited_statements(text: str) -> list[tuple[str, list[int]]]:
    """Each statement that carries labels, with the numbers it cites; none for `[?]`.

    It reaches back to the labels before it or to the start of its line.
    """
    found = []
    start = 0
    for labels in _LABELS.finditer(text):
        line = text[start : labels.start()].strip().rpartition("\n")[2]
        statement = _LIST_MARK.sub("", line.lstrip("。.!?！？;； ")).strip()
        numbers = [int(one[1]) for one in _LABEL.finditer(labels[0]) if one[1]]
        start = labels.end()
        if any(map(str.isalnum, statement)):
            found.append((statement, list(dict.fromkeys(numbers))))
    return found


def _tokens(text: str, pattern: re.Pattern[str] = _TOKEN) -> list[str]:
    folded = unicodedata.normalize("NFKC", plain_text(text)).casefold()
    return [one.replace(",", "") for one in pattern.findall(_ARTICLES.sub(" ", folded))]


def _squeezed(text: str) -> str:
    return " ".join(_tokens(text, _WHOLE))


def _contains(text: str, part: str) -> bool:
    return bool(part) and f" {part} " in f" {text} "


def _f1(ours: Sequence[str], theirs: Sequence[str]) -> float:
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0

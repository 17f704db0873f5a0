"""Does a source bear a statement out, and with which words? Every citation is checked here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rag.claims import Fault, find_fault, missing_figure, telling_figures
from rag.encoder import TextEncoder, Vectors
from rag.injection import holds_order
from rag.language import detect_language
from rag.numbers import numbers_in, without_marks
from rag.sentence_meanings import SentenceMeanings
from rag.sentences import ROW_START, split_sentences
from rag.spans import span
from rag.types import Citation, Passage
from rag.words import tokenize

MAX_QUOTE_SENTENCES = 2
ENOUGH_WORDS = 0.5  # of the statement's words by weight, within one language
SOME_WORDS = 0.25  # enough where the meaning agrees too
CLOSE_MEANING = 0.86  # cosine; e5 gives unrelated sentences about 0.75
CLOSE_ACROSS_LANGUAGES = 0.80
SURE_ACROSS_LANGUAGES = 0.84  # of a passage that was not named: in seven of them chance has 0.80
CLOSE_WITH_FIGURES = 0.76  # across languages, where the very figures stand in the sentence
FAR_BETTER = 0.12
LONG_QUOTE_PENALTY = 0.06


@dataclass(frozen=True, slots=True)
class Support:
    """The best span of a passage for a statement. `score` orders spans; 0 is none at all.

    `is_close` holds for a passage that the statement names; one that it does not must be `is_sure`.
    """

    passage: Passage
    start: int
    end: int
    score: float
    is_close: bool
    is_sure: bool

    @property
    def quote(self) -> str:
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement and what is compared of it: `telling` words and `figures` are not asked."""

    text: str
    words: set[str]
    telling: set[str]
    figures: set[str]
    language: str


class SupportChecker:
    """Binds statements to the passages of one answer. Not for several threads at once."""

    def __init__(
        self, passages: Sequence[Passage], encoder: TextEncoder, question: str = ""
    ) -> None:
        self._question = question
        asked = self._asked = set(tokenize(question))
        # A statement repeats words of the question; those may stand anywhere in the passage.
        self._restated = {
            p.number: asked & set(tokenize(f"{p.title} {p.heading} {p.text}")) for p in passages
        }
        self._sentences = {p.number: split_sentences(p.text) for p in passages}
        self._passages = {p.number: p for p in passages}
        self._languages = {p.number: detect_language(p.text) for p in passages}
        self._tokens = {
            p.number: [set(tokenize(p.text[a:b])) for a, b in self._sentences[p.number]]
            for p in passages
        }
        self._frequency = Counter(
            token for sets in self._tokens.values() for one in sets for token in one
        )
        texts = {p.number: [p.text[a:b] for a, b in self._sentences[p.number]] for p in passages}
        self._meanings = SentenceMeanings(texts, self._tokens, encoder)

    def cite(self, statement: str, numbers: Sequence[int]) -> list[Citation]:
        """One citation for each of the numbers that exist, checked together.

        If they do not bear the statement out but another passage does, or does far better, that
        one is cited.
        """
        with span("verify"):
            return self._cite(statement, numbers)

    def _cite(self, statement: str, numbers: Sequence[int]) -> list[Citation]:
        bound = self._bind_all(statement, numbers)
        found = [bound[n] for n in dict.fromkeys(numbers) if n in bound]
        other = self._best(statement, bound)
        best = max((one.score for one in found), default=0.0)
        fault = self._fault(statement, found) if found else None
        if other and (not found or fault or other.score > best + FAR_BETTER):
            return [_citation(other, None)]
        kept = [one for one in found if one.is_close or one.score >= best / 2]
        return [_citation(one, fault) for one in kept or found]

    def nearness(self, question: str) -> float:
        """The highest cosine of a question with a sentence of the passages; 0 without any."""
        near = self._meanings.similarities(question, tokenize(question))
        return max((float(one.max()) for one in near.values() if one.size), default=0.0)

    def attribute(self, statement: str) -> Citation | None:
        """The citation of whichever passage bears the statement out; None if none does."""
        best = self._best(statement, self._bind_all(statement))
        return _citation(best, None) if best else None

    def _bind_all(self, statement: str, cited: Sequence[int] = ()) -> dict[int, Support]:
        words = set(tokenize(statement))
        said = _Statement(
            text=statement,
            words=words,
            telling={word for word in words - self._asked if not word[:1].isdigit()},
            figures=telling_figures(statement, self._question),
            language=detect_language(statement),
        )
        meanings = self._meanings.similarities(statement, words, cited)
        return {n: self._bind(said, n, meanings[n]) for n in self._passages}

    def _best(self, statement: str, bound: Mapping[int, Support]) -> Support | None:
        sure = [one for one in bound.values() if one.is_sure]
        supported = [one for one in sure if not self._fault(statement, [one])]
        return max(supported, key=lambda one: one.score, default=None)

    def _fault(self, statement: str, found: Sequence[Support]) -> Fault | None:
        """Why the spans together do not bear the statement out; None if they do."""
        if not any(one.is_close for one in found):
            return Fault("unsupported", "words")
        best = max(found, key=lambda one: one.score)
        if holds_order(best.passage.text, best.start, best.end):
            return Fault("unsupported", "order")
        near = "\n".join(map(self._near, found))
        return find_fault(statement, self._question, best.quote, near, best.passage.text)

    def _near(self, found: Support) -> str:
        """The quote with its place, and the sentence before it, which may say what "it" is.

        Of a table it is the head line instead.
        """
        passage, spans = found.passage, self._sentences[found.passage.number]
        place = f"{passage.title}\n{passage.heading}\n{passage.header}"
        inside = [n for n, (a, b) in enumerate(spans) if a < found.end and found.start < b]
        if not inside:
            return f"{place}\n{found.quote}"
        if found.quote.startswith(ROW_START):
            return f"{place}\n{_head_line(passage.text, found.start)}\n{found.quote}"
        start, end = spans[max(0, inside[0] - 1)][0], spans[inside[-1]][1]
        return f"{place}\n{passage.text[start:end]}"

    def _bind(self, said: _Statement, number: int, meaning: Vectors) -> Support:
        """The span of a passage that bears a statement out best, of one sentence or a few."""
        passage, spans = self._passages[number], self._sentences[number]
        headings = {passage.title, *passage.headings}
        judged = []
        for first in range(len(spans)):
            for last in range(first, min(first + MAX_QUOTE_SENTENCES, len(spans))):
                text = passage.text[spans[first][0] : spans[last][1]]
                if text.strip("# ") in headings and len(spans) > 1:
                    continue  # a heading names what it does not state
                near = float(meaning[first : last + 1].max())
                judged.append(self._judge(said, passage, first, last, near))
        nothing = Support(passage, 0, len(passage.text), 0.0, False, False)
        return max(judged, key=lambda one: one.score, default=nothing)

    def _judge(
        self, said: _Statement, passage: Passage, first: int, last: int, near: float
    ) -> Support:
        """How far a span bears a statement out, of sentences `first` to `last` of its passage.

        `near` is the highest cosine of them. In another language words tell nothing.
        """
        spans = self._sentences[passage.number]
        start, end = spans[first][0], spans[last][1]
        is_foreign = said.language != self._languages[passage.number]
        share = self._share_held(said, passage, first, last)
        right = self._share_of_figures(said, passage.text[start:end])
        is_told = right == 1.0 and bool(said.figures)
        score = (near if is_foreign else 0.5 * share + 0.5 * near) + 0.5 * right
        score = max(0.0, score - LONG_QUOTE_PENALTY * (last - first))
        if is_foreign:
            is_told = is_told and near >= CLOSE_WITH_FIGURES
            is_close = is_told or near >= CLOSE_ACROSS_LANGUAGES
            is_sure = is_told or near >= SURE_ACROSS_LANGUAGES
            return Support(passage, start, end, score, is_close, is_sure)
        is_close = share >= ENOUGH_WORDS or (share >= SOME_WORDS and near >= CLOSE_MEANING)
        return Support(passage, start, end, score, is_close, is_close)

    def _share_held(self, said: _Statement, passage: Passage, first: int, last: int) -> float:
        """The share of a statement's words that some sentences hold, by weight."""
        number, start = passage.number, self._sentences[passage.number][first][0]
        held = self._restated[number].union(*self._tokens[number][first : last + 1])
        if not passage.text.startswith(ROW_START, start):
            return self._share(said.words, held)
        # Its head says what a row's figures are of; the question, which row it is.
        held |= set(tokenize(_head_line(passage.text, start)))
        return max(self._share(said.words, held), self._share(said.telling, held))

    def _share_of_figures(self, said: _Statement, text: str) -> float:
        """The share of a statement's own figures that stand in a text; 1 where it has none."""
        if not said.figures:
            return 1.0
        right = len(said.figures & numbers_in(without_marks(text))) / len(said.figures)
        return 0.0 if right == 1.0 and self._is_of_something_else(said.text, text) else right

    def _is_of_something_else(self, statement: str, text: str) -> bool:
        """Whether a text's figures, which are the statement's, are of another kind: 10 October."""
        return bool(missing_figure(statement, f"{text}\n{self._question}"))

    def _share(self, words: set[str], held: set[str]) -> float:
        """The share of the words that is held; a word of every sentence counts for little."""
        weights = {word: 1 / (1 + self._frequency[word]) ** 0.5 for word in words}
        total = sum(weights.values())
        return sum(weights[word] for word in words & held) / total if total else 1.0


def _head_line(text: str, at: int) -> str:
    """The first line of the table that the line at `at` belongs to."""
    before = text[:at].splitlines()
    head = ""
    for line in reversed(before):
        if not line.startswith(ROW_START):
            break
        head = line
    return head


def _citation(found: Support, fault: Fault | None) -> Citation:
    citation = Citation.of(found.passage, found.start, found.end)
    if fault is None:
        return citation
    return replace(citation, verdict=fault.verdict, fault=fault.kind, detail=fault.detail)

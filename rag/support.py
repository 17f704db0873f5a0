"""Does a source bear a statement out, and with which words? Every citation is checked here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.encoder import Encoder, Vectors
from rag.language import detect_language
from rag.names import is_unspaced, names_in
from rag.numbers import figures_in, numbers_in
from rag.sentences import split_sentences
from rag.types import Citation, Passage
from rag.words import tokenize

MAX_QUOTE_SENTENCES = 2
ENOUGH_WORDS = 0.5  # of the statement's words by weight, within one language
SOME_WORDS = 0.25  # enough where the meaning agrees too
CLOSE_MEANING = 0.86  # cosine; e5 gives unrelated sentences about 0.75
CLOSE_ACROSS_LANGUAGES = 0.80
FAR_BETTER = 0.12
LONG_QUOTE_PENALTY = 0.06


@dataclass(frozen=True, slots=True)
class Support:
    """The best span of a passage for a statement. `score` orders spans; 0 is none at all."""

    passage: Passage
    start: int
    end: int
    score: float
    is_close: bool


class SupportChecker:
    """Binds statements to the passages of one answer. Not for several threads at once."""

    def __init__(self, passages: Sequence[Passage], encoder: Encoder, question: str = "") -> None:
        self._encoder = encoder
        self._question = question
        asked = set(tokenize(question))
        # A statement repeats words of the question; those may stand anywhere in the passage.
        self._restated = {
            p.number: asked & set(tokenize(f"{p.title} {p.heading} {p.text}")) for p in passages
        }
        self._sentences = {p.number: split_sentences(p.text) for p in passages}
        self._passages = {p.number: p for p in passages}
        self._tokens = {
            p.number: [set(tokenize(p.text[a:b])) for a, b in self._sentences[p.number]]
            for p in passages
        }
        self._frequency = Counter(
            token for sets in self._tokens.values() for one in sets for token in one
        )
        self._numbers = {p.number: numbers_in(f"{p.title} {p.heading} {p.text}") for p in passages}
        self._vectors: dict[int, Vectors] = {}
        self._last: tuple[str, Vectors] | None = None

    def cite(self, statement: str, numbers: Sequence[int]) -> list[Citation]:
        """One citation for each of the numbers that exist, checked together.

        If they do not bear the statement out but another passage does, or does far better, that
        one is cited.
        """
        bound = self._bind_all(statement)
        found = [bound[n] for n in dict.fromkeys(numbers) if n in bound]
        other = self._best(statement, bound)
        best = max((one.score for one in found), default=0.0)
        is_supported = bool(found) and self._is_supported(statement, found)
        if other and (not is_supported or other.score > best + FAR_BETTER):
            return [_citation(other, True)]
        kept = [one for one in found if one.is_close or one.score >= best / 2]
        return [_citation(one, is_supported) for one in kept or found]

    def attribute(self, statement: str) -> Citation | None:
        """The citation of whichever passage bears the statement out; None if none does."""
        best = self._best(statement, self._bind_all(statement))
        return _citation(best, True) if best else None

    def _bind_all(self, statement: str) -> dict[int, Support]:
        return {number: self._bind(statement, number) for number in self._passages}

    def _best(self, statement: str, bound: Mapping[int, Support]) -> Support | None:
        supported = [one for one in bound.values() if self._is_supported(statement, [one])]
        return max(supported, key=lambda one: one.score, default=None)

    def _is_supported(self, statement: str, found: Sequence[Support]) -> bool:
        known = set().union(*(self._numbers[one.passage.number] for one in found))
        if not figures_in(statement) <= known or not any(one.is_close for one in found):
            return False
        names = names_in(statement)
        return not names or names <= self._names_held(statement, [one.passage for one in found])

    def _names_held(self, statement: str, passages: Sequence[Passage]) -> set[str]:
        """The statement's names that its passages or the question hold.

        A passage in another language may write them otherwise, unless they stand in the midst of
        unspaced script, where they are taken over as they are.
        """
        names = names_in(statement)
        if not is_unspaced(statement) and any(is_unspaced(p.text) for p in passages):
            return names
        held = " ".join(f"{p.title} {p.heading} {p.text}" for p in passages)
        held = f"{held} {self._question}".casefold()
        return {name for name in names if name in held}

    def _bind(self, statement: str, number: int) -> Support:
        passage, spans = self._passages[number], self._sentences[number]
        if not spans:
            return Support(passage, 0, len(passage.text), 0.0, False)
        words = set(tokenize(statement))
        figures = figures_in(statement)
        is_foreign = detect_language(statement) != detect_language(passage.text)
        meaning = self._similarities(statement, number)
        best, best_score, is_close = (0, 1), -1.0, False
        for first in range(len(spans)):
            for last in range(first, min(first + MAX_QUOTE_SENTENCES, len(spans))):
                held = self._restated[number].union(*self._tokens[number][first : last + 1])
                share = self._share(words, held)
                near = float(meaning[first : last + 1].max())
                text = passage.text[spans[first][0] : spans[last][1]]
                right = len(figures & numbers_in(text)) / len(figures) if figures else 1.0
                score = (near if is_foreign else 0.5 * share + 0.5 * near) + 0.5 * right
                score -= LONG_QUOTE_PENALTY * (last - first)
                if score > best_score:
                    best, best_score = (first, last), score
                    is_close = (
                        near >= CLOSE_ACROSS_LANGUAGES
                        if is_foreign
                        else share >= ENOUGH_WORDS
                        or (share >= SOME_WORDS and near >= CLOSE_MEANING)
                    )
        start, end = spans[best[0]][0], spans[best[1]][1]
        return Support(passage, start, end, max(best_score, 0.0), is_close)

    def _share(self, words: set[str], held: set[str]) -> float:
        """The share of the words that is held; a word of every sentence counts for little."""
        weights = {word: 1 / (1 + self._frequency[word]) ** 0.5 for word in words}
        total = sum(weights.values())
        return sum(weights[word] for word in words & held) / total if total else 0.0

    def _similarities(self, statement: str, number: int) -> Vectors:
        """(n,) cosines of the statement with the passage's sentences."""
        if number not in self._vectors:
            text = self._passages[number].text
            pieces = [text[a:b] for a, b in self._sentences[number]]
            self._vectors[number] = self._encoder.encode_documents(pieces)
        row = self._statement_vector(statement)
        similarities: Vectors = self._vectors[number] @ row
        return similarities

    def _statement_vector(self, statement: str) -> Vectors:
        if self._last is None or self._last[0] != statement:
            self._last = statement, self._encoder.encode_queries([statement])[0]
        return self._last[1]


def _citation(found: Support, is_supported: bool) -> Citation:
    passage = found.passage
    return Citation(
        marker=passage.number,
        document_id=passage.document_id,
        document=passage.title,
        path=passage.path,
        page=passage.page,
        heading=passage.heading,
        start=passage.start + found.start,
        end=passage.start + found.end,
        quote=passage.text[found.start : found.end],
        supported=is_supported,
    )

"""One question on its way to its answer."""

from __future__ import annotations

import time
from collections.abc import Generator as Iteration
from collections.abc import Iterable, Sequence

from rag.citations import UNCITED
from rag.disagreement import describe, find_disagreements
from rag.general import without_marks
from rag.generate import Generation
from rag.notices import doubt, general_mark
from rag.prompt import is_refusal, refusal
from rag.query import Query
from rag.refusal import Signals
from rag.structured.values import Structured
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerText,
    Citation,
    CitationFound,
    Computation,
    Disagreement,
    Found,
    Message,
    PackReport,
    Passage,
    SourcesFound,
)


class AnswerRun:
    """What was found, said and measured for a question so far."""

    def __init__(self, question: str, query: Query) -> None:
        self.question = question
        self.query = query
        self.passages: tuple[Passage, ...] = ()
        self.prompt: tuple[Message, ...] = ()  # what the model read, for a follow-up to go on from
        self.computation: Computation | None = None
        self.structured: Structured | None = None  # where a JSON schema was given
        self._of_values: tuple[Citation, ...] = ()  # the citations of its values
        self._found = Found((), question)
        self.pieces: list[AnswerText | CitationFound] = []
        self.signals: Signals | None = None
        self._disagreements: tuple[Disagreement, ...] = ()
        self._packing: PackReport | None = None
        self.temperature: float | None = None  # None: as configured
        self.allows_general = False  # that the model adds what it knows to a refusal
        self.general = ""  # what is not from the documents
        self.abstained = False
        self.is_cut = False  # what was written last ended at its most tokens
        self._tokens = (0, 0)
        self._beside = (0, 0)
        self._started = time.perf_counter()
        self._timings_ms: dict[str, float] = {}

    def found(
        self, found: Found, passages: Sequence[Passage], packing: PackReport | None = None
    ) -> None:
        self._found, self.passages, self._packing = found, tuple(passages), packing
        self._timings_ms["retrieve"] = self._elapsed_ms()

    def sources(self) -> SourcesFound:
        return SourcesFound(self.passages, self._found.hits, self._found, self._packing)

    def tick(self) -> None:
        """The model wrote something; the first time counts."""
        self._timings_ms.setdefault("first_token", self._elapsed_ms())

    def take(
        self, pieces: Sequence[AnswerText | CitationFound]
    ) -> Iteration[AnswerEvent, None, None]:
        for piece in pieces:
            self.pieces.append(piece)
            yield piece

    def abstain(self) -> Iteration[AnswerEvent, None, None]:
        self.abstained, self.is_cut = True, False
        yield from self.take([AnswerText(refusal(self.query.alone, self.query.language))])

    def decline(self, text: str) -> Iteration[AnswerEvent, None, None]:
        """Say instead of an answer what is missing."""
        self.abstained = True
        yield from self.take([AnswerText(text)])

    def end_refused(self) -> Iteration[AnswerEvent, None, None]:
        """An answer of which nothing is borne out is none: the marks stand, and it is said.

        A refusal in the model's own words counts as one too.
        """
        text = "".join(piece.text for piece in self.pieces if isinstance(piece, AnswerText))
        cited = self.citations()
        if any(citation.supported for citation in cited):
            return
        self.abstained = is_refusal(text)
        if not self.abstained and (cited or UNCITED in text):
            yield from self.refuse_after_all()

    def refuse_after_all(self) -> Iteration[AnswerEvent, None, None]:
        """What was shown stands; that it may be no answer is said below it."""
        self.abstained = True
        yield from self.take([AnswerText(f"\n\n{doubt(self.query.alone, self.query.language)}")])

    def tell_disagreements(self) -> Iteration[AnswerEvent, None, None]:
        """Where another source gives another figure, both are shown below the answer."""
        found = find_disagreements(self.citations(), self.passages, self.question)
        self._disagreements = tuple(found)
        for one in found:
            before, between = describe(one, self.question)
            yield from self.take([AnswerText(before), CitationFound(one.first)])
            yield from self.take([AnswerText(between), CitationFound(one.second)])

    def fill(self, structured: Structured, citations: Sequence[Citation]) -> None:
        """Take JSON as the answer. Its sources that disagree are told beside it, not in it."""
        self.structured, self._of_values = structured, tuple(citations)
        found = find_disagreements(citations, self.passages, self.question)
        self._disagreements = tuple(found)

    def add_general(self, generation: Iterable[str]) -> Iteration[AnswerEvent, None, None]:
        """What the model knows beside the documents, under a heading that says so, uncited."""
        is_first = True
        for text in without_marks(generation):
            heading = (
                f"\n\n{general_mark(self.query.alone, self.query.language)}\n" if is_first else ""
            )
            self.general += text
            is_first = False
            yield from self.take([AnswerText(heading + text)])

    def citations(self) -> list[Citation]:
        return [piece.citation for piece in self.pieces if isinstance(piece, CitationFound)]

    def count(self, generation: Generation) -> None:
        """Add up what was read and written; the same prompt asked again is read from a cache."""
        read, written = self._tokens
        read = max(read, generation.prompt_tokens)
        self._tokens = (read, written + generation.completion_tokens)

    def count_others(self, counted: Sequence[tuple[int, int]]) -> None:
        """Add what was read and written beside the answer, prompt by prompt."""
        self._beside = (sum(read for read, _ in counted), sum(wrote for _, wrote in counted))

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def answer(self, model: str) -> Answer:
        self.tick()
        self._timings_ms["total"] = self._elapsed_ms()
        text = "".join(
            p.text if isinstance(p, AnswerText) else p.citation.label for p in self.pieces
        )
        return Answer(
            question=self.question,
            text=text.strip(),
            abstained=self.abstained,
            citations=(*self.citations(), *self._of_values),
            passages=self.passages,
            hits=self._found.hits,
            prompt_tokens=self._tokens[0] + self._beside[0],
            completion_tokens=self._tokens[1] + self._beside[1],
            model=model,
            timings_ms=self._timings_ms,
            found=self._found,
            signals=self.signals,
            disagreements=self._disagreements,
            packing=self._packing,
            prompt=self.prompt,
            computation=self.computation,
            general=self.general.strip(),
            structured=self.structured,
            is_cut=self.is_cut,
        )

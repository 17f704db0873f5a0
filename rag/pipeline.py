"""From a question to a cited answer."""

from __future__ import annotations

import time
from collections.abc import Generator as Iteration
from collections.abc import Sequence

from rag.citations import UNCITED, CitationParser
from rag.encoder import Encoder
from rag.generate import Generation, Generator
from rag.generate.extractive import extract_answer
from rag.indexes import Indexes
from rag.packer import Packed, join_chunks, pack
from rag.prompt import build_messages, is_refusal, may_become_refusal, refusal
from rag.retriever import Retriever
from rag.support import SupportChecker
from rag.types import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerText,
    CitationFound,
    Hit,
    Message,
    Passage,
    SourcesFound,
)

EXTRACTIVE = "extractive"  # the name of the model that is none


class Footnote:
    """Searches and answers. Safe to use from many threads.

    Without a generator an answer is made of the best sentences, quoted. `context_tokens` bounds
    the passages of a prompt; None takes all that fit the model.
    """

    def __init__(
        self,
        indexes: Indexes,
        encoder: Encoder,
        generator: Generator | None,
        *,
        top_k: int = 10,
        context_tokens: int | None = None,
        max_answer_tokens: int = 512,
        temperature: float = 0.0,
    ) -> None:
        self._indexes = indexes
        self._encoder = encoder
        self._generator = generator
        self._retriever = Retriever(indexes, encoder)
        self._top_k = top_k
        self._context_tokens = context_tokens
        self._max_answer_tokens = max_answer_tokens
        self._temperature = temperature

    def search(self, query: str, top_k: int = 10) -> list[Hit]:
        """The best chunks for a query, best first."""
        return self._retriever.search(query, top_k)

    def ask(self, question: str, history: Sequence[Message] = ()) -> Answer:
        """Answer at once. Raises GenerationError if the model fails."""
        for event in self.stream(question, history):
            if isinstance(event, AnswerFinished):
                return event.answer
        raise AssertionError("a stream ends with AnswerFinished")

    def stream(
        self, question: str, history: Sequence[Message] = ()
    ) -> Iteration[AnswerEvent, None, None]:
        """Answer in pieces: the sources, then text and citations, then the whole answer.

        Closing the iterator stops the model. Raises GenerationError if the model fails.
        """
        run = _Run(question, history)
        hits = self._retriever.search(question, self._top_k, wordings=follow_up(question, history))
        packed = self._pack(question, hits, history)
        run.found(hits, packed.passages)
        yield SourcesFound(packed.passages, tuple(hits))
        if not packed.passages:
            yield from run.abstain()
        elif self._generator is None:
            yield from self._quote(run)
        else:
            yield from self._write(run, packed, self._generator)
        name = self._generator.name if self._generator else EXTRACTIVE
        yield AnswerFinished(run.answer(name))

    def _pack(self, question: str, hits: Sequence[Hit], history: Sequence[Message]) -> Packed:
        catalog = self._indexes.catalog
        if self._generator is None:
            passages = join_chunks(hits, catalog)
            return Packed(tuple(passages), (), 0, ())
        return pack(
            question,
            hits,
            history,
            self._generator,
            catalog,
            max_answer_tokens=self._max_answer_tokens,
            context_tokens=self._context_tokens,
        )

    def _quote(self, run: _Run) -> Iteration[AnswerEvent, None, None]:
        text = extract_answer(run.question, run.passages, self._encoder)
        if not text:
            yield from run.abstain()
            return
        parser = CitationParser(SupportChecker(run.passages, self._encoder, run.question))
        yield from run.take([*parser.feed(text), *parser.finish()])

    def _write(
        self, run: _Run, packed: Packed, generator: Generator
    ) -> Iteration[AnswerEvent, None, None]:
        messages = build_messages(run.question, packed.passages, packed.history)
        generation = generator.generate(
            messages, max_tokens=self._max_answer_tokens, temperature=self._temperature
        )
        parser = CitationParser(SupportChecker(packed.passages, self._encoder, run.question))
        try:
            opening = ""
            is_open = False
            for text in generation:
                run.tick()
                if not is_open:
                    opening += text
                    if may_become_refusal(opening):
                        continue
                    is_open, text = True, opening
                yield from run.take(parser.feed(text))
            if not is_open:
                if is_refusal(opening) or not opening.strip():
                    yield from run.abstain()
                    return
                yield from run.take(parser.feed(opening))
            yield from run.take(parser.finish())
            yield from run.end_refused()
        finally:
            generation.close()
            run.count(generation)


class _Run:
    """One question on its way to its answer: what was found, said and measured."""

    def __init__(self, question: str, history: Sequence[Message]) -> None:
        self.question = question
        self.history = history
        self.passages: tuple[Passage, ...] = ()
        self._hits: tuple[Hit, ...] = ()
        self._pieces: list[AnswerText | CitationFound] = []
        self._abstained = False
        self._tokens = (0, 0)
        self._started = time.perf_counter()
        self._timings_ms: dict[str, float] = {}

    def found(self, hits: Sequence[Hit], passages: Sequence[Passage]) -> None:
        self._hits, self.passages = tuple(hits), tuple(passages)
        self._timings_ms["retrieve"] = self._elapsed_ms()

    def tick(self) -> None:
        """The model wrote something; the first time counts."""
        self._timings_ms.setdefault("first_token", self._elapsed_ms())

    def take(
        self, pieces: Sequence[AnswerText | CitationFound]
    ) -> Iteration[AnswerEvent, None, None]:
        for piece in pieces:
            self._pieces.append(piece)
            yield piece

    def abstain(self) -> Iteration[AnswerEvent, None, None]:
        self._abstained = True
        yield from self.take([AnswerText(refusal(self.question))])

    def end_refused(self) -> Iteration[AnswerEvent, None, None]:
        """An answer of which nothing is borne out is none: the marks stand, and it is said.

        A refusal in the model's own words counts as one too.
        """
        text = "".join(piece.text for piece in self._pieces if isinstance(piece, AnswerText))
        cited = [piece.citation for piece in self._pieces if isinstance(piece, CitationFound)]
        if any(citation.supported for citation in cited):
            return
        self._abstained = is_refusal(text)
        if not self._abstained and (cited or UNCITED in text):
            self._abstained = True
            yield from self.take([AnswerText(f"\n\n{refusal(self.question)}")])

    def count(self, generation: Generation) -> None:
        self._tokens = (generation.prompt_tokens, generation.completion_tokens)

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def answer(self, model: str) -> Answer:
        self.tick()
        self._timings_ms["total"] = self._elapsed_ms()
        text = "".join(
            p.text if isinstance(p, AnswerText) else p.citation.label for p in self._pieces
        )
        return Answer(
            question=self.question,
            text=text.strip(),
            abstained=self._abstained,
            citations=tuple(p.citation for p in self._pieces if isinstance(p, CitationFound)),
            passages=self.passages,
            hits=self._hits,
            prompt_tokens=self._tokens[0],
            completion_tokens=self._tokens[1],
            model=model,
            timings_ms=self._timings_ms,
        )


def follow_up(question: str, history: Sequence[Message]) -> list[str]:
    """Other wordings to search with: a question may lean on the one before it."""
    before = next((m.content for m in reversed(history) if m.role == "user"), "")
    return [f"{before} {question}"] if before else []
